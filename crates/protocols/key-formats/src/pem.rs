//! The textual encoding of keys (RFC 7468).

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::FormatError;

/// How every PEM document begins.
pub(crate) const BEGIN: &str = "-----BEGIN ";

const DASHES: &str = "-----";

/// One PEM block. Its content may be secret and is wiped.
pub(crate) struct Pem<'a> {
    pub(crate) label: &'a str,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

impl<'a> Pem<'a> {
    /// Reads a text that is exactly one block, white space around it aside.
    pub(crate) fn read(text: &'a str) -> Result<Self, FormatError> {
        let (label, body) = split(text.trim()).ok_or(FormatError::MalformedPem)?;
        // RFC 1421 headers: how passphrases were announced before PKCS#8.
        if body.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(FormatError::Encrypted);
        }
        let mut characters = Zeroizing::new(String::with_capacity(body.len()));
        characters.extend(body.split_ascii_whitespace());
        let mut der = Zeroizing::new(Vec::with_capacity(characters.len()));
        STANDARD
            .decode_vec(&*characters, &mut der)
            .map_err(|_| FormatError::MalformedPem)?;
        Ok(Self { label, der })
    }
}

/// Writes `der` in lines of 64 characters.
pub(crate) fn write(label: &str, der: &[u8]) -> Zeroizing<String> {
    let characters = Zeroizing::new(STANDARD.encode(der));
    // Room for everything, so that a secret is never moved by growth.
    let room = characters.len() + characters.len() / 64 + 2 * label.len() + 40;
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.extend([BEGIN, label, DASHES, "\n"]);
    let mut rest = characters.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.extend([line, "\n"]);
        rest = after;
    }
    text.extend(["-----END ", label, DASHES, "\n"]);
    text
}

/// The label and what stands between the two lines that carry it.
fn split(text: &str) -> Option<(&str, &str)> {
    let (label, rest) = text.strip_prefix(BEGIN)?.split_once(DASHES)?;
    let body = rest
        .strip_suffix(DASHES)?
        .strip_suffix(label)?
        .strip_suffix("-----END ")?;
    let is_label = label
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ');
    (is_label && label.len() <= 64 && body.starts_with(['\r', '\n'])).then_some((label, body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Pem, write};
    use crate::FormatError;

    #[test]
    fn line_endings_and_line_lengths_do_not_matter() {
        for text in [
            "-----BEGIN A B-----\nAQID\n-----END A B-----",
            "\n-----BEGIN A B-----\r\nAQ\r\nID\r\n-----END A B-----\r\n\n",
        ] {
            let pem = Pem::read(text).unwrap();
            assert_eq!((pem.label, &pem.der[..]), ("A B", &[1, 2, 3][..]));
        }
    }

    #[test]
    fn anything_but_one_whole_block_is_malformed() {
        let block = "-----BEGIN A-----\nAQID\n-----END A-----\n";
        for text in [
            "-----BEGIN A-----\nAQID\n-----END B-----".to_owned(),
            "-----BEGIN A-----\nAQID\n".to_owned(),
            "-----BEGIN A-----AQID-----END A-----".to_owned(),
            "-----BEGIN a-----\nAQID\n-----END a-----".to_owned(),
            "-----BEGIN A-----\nAQI\n-----END A-----".to_owned(),
            "-----BEGIN A-----\nAQ_D\n-----END A-----".to_owned(),
            "-----BEGIN A-----\nName: x\n\nAQID\n-----END A-----".to_owned(),
            format!("x{block}"),
            block.repeat(2),
            String::new(),
        ] {
            assert_eq!(Pem::read(&text).err(), Some(FormatError::MalformedPem), "{text}");
        }
    }

    #[test]
    fn lines_have_64_characters_at_most() {
        let text = write("A", &[0; 48 + 48 + 1]);
        let lengths: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lengths, [17, 64, 64, 4, 15]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(der: Vec<u8>) {
            prop_assert_eq!(&*Pem::read(&write("PRIVATE KEY", &der)).unwrap().der, &der);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,200}", body in "[A-Za-z0-9+/=\\n -]{0,100}") {
            let _ = Pem::read(&text);
            let _ = Pem::read(&format!("-----BEGIN A-----\n{body}-----END A-----"));
        }
    }
}
