//! Strict base64url without padding (RFC 7515 section 2): one text for each value, so no two tokens mean the same.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Writes `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends `bytes` to `text`.
pub(crate) fn encode_into(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// Reads a text of any length.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Reads a text into `buffer` and gives the part that was filled; `None` when it is malformed or too long.
pub(crate) fn decode_within<'b>(text: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let length = URL_SAFE_NO_PAD.decode_slice(text, buffer).ok()?;
    buffer.get(..length)
}

/// Reads a text that stands for exactly `N` bytes, without a copy elsewhere in memory.
pub(crate) fn decode_exactly<const N: usize>(text: &str, bytes: &mut [u8; N]) -> Option<()> {
    (decode_within(text, bytes)?.len() == N).then_some(())
}

#[cfg(test)]
mod tests {
    use super::{decode, decode_exactly};

    #[test]
    fn padding_other_alphabets_and_stray_bits_are_refused() {
        for text in ["AA==", "A", "AB", "+/8", "A A", "AA\n"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
        assert_eq!(decode("AA"), Some(vec![0]));
    }

    #[test]
    fn a_text_of_another_length_is_refused() {
        let mut bytes = [0; 3];
        assert_eq!(decode_exactly("AQID", &mut bytes), Some(()));
        assert_eq!(bytes, [1, 2, 3]);
        assert_eq!(decode_exactly("AQI", &mut bytes), None);
        assert_eq!(decode_exactly("AQIDBA", &mut bytes), None);
    }
}
