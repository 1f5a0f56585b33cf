//! How much a provider may send, and a fair start for the parser.

use std::mem;

use bytes::Bytes;
use chancery_agents::ModelError;

use crate::failure::broken;

/// Of one event, line ends aside.
pub(crate) const LARGEST_EVENT: usize = 1024 * 1024;
/// Of one turn.
pub(crate) const LARGEST_STREAM: usize = 16 * 1024 * 1024;

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Counts what comes and refuses what is too much.
#[derive(Default)]
pub(crate) struct Bounds {
    stream: usize,
    event: usize,
    /// The current line has no byte yet: another line end makes it blank, which ends the event.
    line_is_empty: bool,
    after_carriage_return: bool,
    /// The first bytes, until they are known to be a byte order mark or none.
    start: Vec<u8>,
    started: bool,
}

impl Bounds {
    /// Lets a chunk through. The byte order mark that a stream may begin with is taken off.
    pub(crate) fn admit(&mut self, chunk: Bytes) -> Result<Bytes, ModelError> {
        self.stream = self.stream.saturating_add(chunk.len());
        if self.stream > LARGEST_STREAM {
            return Err(broken("the answer is larger than it may be"));
        }
        for &byte in &chunk {
            self.count(byte);
            if self.event > LARGEST_EVENT {
                return Err(broken("an event of the answer is larger than it may be"));
            }
        }
        Ok(self.without_mark(chunk))
    }

    /// Lines end with CR LF, LF or CR; a blank line ends an event.
    fn count(&mut self, byte: u8) {
        let second_half = byte == b'\n' && self.after_carriage_return;
        self.after_carriage_return = byte == b'\r';
        match byte {
            b'\n' if second_half => {}
            b'\n' | b'\r' => {
                if self.line_is_empty {
                    self.event = 0;
                }
                self.line_is_empty = true;
            }
            _ => {
                self.event += 1;
                self.line_is_empty = false;
            }
        }
    }

    fn without_mark(&mut self, chunk: Bytes) -> Bytes {
        if self.started {
            return chunk;
        }
        self.start.extend_from_slice(&chunk);
        if self.start.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(&self.start) {
            return Bytes::new();
        }
        self.started = true;
        let mut start = mem::take(&mut self.start);
        if start.starts_with(&BYTE_ORDER_MARK) {
            start.drain(..BYTE_ORDER_MARK.len());
        }
        start.into()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Bounds, LARGEST_EVENT, LARGEST_STREAM};

    fn admit_all(chunks: impl IntoIterator<Item = Bytes>) -> Result<Vec<u8>, String> {
        let mut bounds = Bounds::default();
        let mut through = Vec::new();
        for chunk in chunks {
            let admitted = bounds.admit(chunk);
            through.extend_from_slice(&admitted.map_err(|error| error.code().to_owned())?);
        }
        Ok(through)
    }

    #[test]
    fn a_mark_at_the_start_is_taken_off_however_it_is_cut() {
        let stream = b"\xEF\xBB\xBFdata: 1\n\n";
        for cut in 0..stream.len() {
            let (head, tail) = stream.split_at(cut);
            let through = admit_all([Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)]);
            assert_eq!(through.unwrap(), b"data: 1\n\n", "cut at {cut}");
        }
    }

    #[test]
    fn an_event_without_end_is_cut_off_and_many_small_ones_are_not() {
        let endless = std::iter::repeat_n(Bytes::from_static(b"data: abcdefgh\n"), LARGEST_EVENT / 8);
        assert!(admit_all(endless).is_err());
        for end in ["\n\n", "\r\r", "\r\n\r\n"] {
            let event = Bytes::from(format!("data: abcdefgh{end}"));
            let events = std::iter::repeat_n(event, LARGEST_EVENT / 8);
            assert!(admit_all(events).is_ok(), "{end:?}");
        }
    }

    #[test]
    fn a_stream_without_end_is_cut_off() {
        let chunk = Bytes::from(b": still here\n\n".repeat(64 * 1024));
        let endless = std::iter::repeat_n(chunk.clone(), LARGEST_STREAM / chunk.len() + 1);
        assert!(admit_all(endless).is_err());
    }
}
