//! A strict reader of DER (X.690 section 10), just enough for key documents. Nothing is copied and no length is trusted.

use crate::KeyError;

/// Tags of the elements that key documents are made of.
pub mod tag {
    /// INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// BIT STRING.
    pub const BIT_STRING: u8 = 0x03;
    /// OCTET STRING.
    pub const OCTET_STRING: u8 = 0x04;
    /// OBJECT IDENTIFIER.
    pub const OBJECT_IDENTIFIER: u8 = 0x06;
    /// SEQUENCE.
    pub const SEQUENCE: u8 = 0x30;
    /// `[0]`, constructed.
    pub const CONTEXT_0: u8 = 0xa0;
    /// `[1]`, constructed.
    pub const CONTEXT_1: u8 = 0xa1;
    /// `[1]`, primitive.
    pub const CONTEXT_1_PRIMITIVE: u8 = 0x81;
}

/// Reads the elements of a document, or of one element's content, in order. Every method fails with
/// [`KeyError::InvalidDer`] where the bytes are not what is asked for.
#[derive(Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Begins at the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The content of the next element, which has to carry `tag`.
    pub fn read(&mut self, tag: u8) -> Result<&'a [u8], KeyError> {
        self.next(tag).ok_or(KeyError::InvalidDer)
    }

    /// The content of the next element if it carries `tag`.
    pub fn read_optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, KeyError> {
        if self.rest.first() == Some(&tag) {
            self.read(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The content of the next element, a BIT STRING of whole bytes; `tag` differs when it is tagged implicitly.
    pub fn read_bit_string(&mut self, tag: u8) -> Result<&'a [u8], KeyError> {
        match self.read(tag)?.split_first() {
            Some((0, bits)) => Ok(bits),
            _ => Err(KeyError::InvalidDer),
        }
    }

    /// Ends the reading: nothing may be left.
    pub fn finish(self) -> Result<(), KeyError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(KeyError::InvalidDer)
        }
    }

    fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.rest.split_first()?;
        if found != tag {
            return None;
        }
        let (length, rest) = read_length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(content)
    }
}

/// Lengths up to 65535, in their shortest form only.
fn read_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [short @ 0..=0x7f, rest @ ..] => Some((usize::from(*short), rest)),
        [0x81, length @ 0x80..=0xff, rest @ ..] => Some((usize::from(*length), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Reader, tag};

    #[test]
    fn a_length_beyond_the_end_or_in_a_long_form_is_refused() {
        for bytes in [
            &[0x04, 0x05, 1][..],
            &[0x04, 0x81, 0x01, 1],
            &[0x04, 0x80],
            &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x04],
            &[],
        ] {
            assert!(Reader::new(bytes).read(tag::OCTET_STRING).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_left_over_is_refused() {
        let mut reader = Reader::new(&[0x04, 0x01, 7, 9]);
        assert_eq!(reader.read(tag::OCTET_STRING), Ok(&[7][..]));
        assert!(reader.finish().is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, tag: u8) {
            let mut reader = Reader::new(&bytes);
            let _ = reader.read_optional(tag);
            let _ = reader.read_bit_string(tag);
            let _ = reader.finish();
        }
    }
}
