#![doc = include_str!("../README.md")]

use std::{cmp::Ordering, fs::File, io, os::unix::fs::FileExt, path::Path, sync::Arc};

use async_trait::async_trait;
use chancery_accounts::StolenPasswords;
use chancery_ambient::Fault;

/// [`StolenPasswords`] in a sorted file.
#[derive(Debug)]
pub struct BreachList {
    file: Arc<File>,
    bytes: u64,
}

/// Why a list is not used.
#[derive(Debug, thiserror::Error)]
pub enum ListRefused {
    /// It cannot be read.
    #[error("the list cannot be read")]
    Unreadable(#[from] io::Error),
    /// Its first or last line is no digest, or they are not in order.
    #[error("the list is not sorted lines of 40 hexadecimal digits, each with or without `:count` behind")]
    Form,
}

/// Hexadecimal digits of a SHA-1.
const DIGITS: usize = 40;
/// More than a line is long: the digest, a colon, a count of twenty digits, the end of the line.
const LONGEST_LINE: usize = 64;

impl BreachList {
    /// The list in a file. Looks at its first and its last line.
    pub fn open(path: &Path) -> Result<Self, ListRefused> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let first = line_at_or_after(&file, 0)?.ok_or(ListRefused::Form)?;
        let near_end = bytes.saturating_sub(LONGEST_LINE_U64);
        let last = line_at_or_after(&file, near_end)?.map_or(first.digest, |line| line.digest);
        if !is_digest(&first.digest) || !is_digest(&last) || last < first.digest {
            return Err(ListRefused::Form);
        }
        Ok(Self {
            file: Arc::new(file),
            bytes,
        })
    }
}

#[async_trait]
impl StolenPasswords for BreachList {
    async fn contains(&self, sha1: [u8; 20]) -> Result<bool, Fault> {
        let (file, bytes) = (self.file.clone(), self.bytes);
        #[expect(
            clippy::disallowed_methods,
            reason = "reading changes nothing: a look-up that a shutdown cuts off is repeated by its caller"
        )]
        let found = tokio::task::spawn_blocking(move || find(&file, bytes, &hex(sha1))).await;
        found.map_err(Fault::unavailable)?.map_err(Fault::unavailable)
    }
}

/// A line, and where the next one begins.
struct Line {
    digest: [u8; DIGITS],
    next: u64,
}

const LONGEST_LINE_U64: u64 = 64;

/// Halves the range in which the digest's line may begin until one line is left.
fn find(file: &File, bytes: u64, digest: &[u8; DIGITS]) -> io::Result<bool> {
    let (mut low, mut high) = (0, bytes);
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(line) = line_at_or_after(file, middle)? else {
            high = middle;
            continue;
        };
        match digest.cmp(&line.digest) {
            Ordering::Equal => return Ok(true),
            Ordering::Less => high = middle,
            Ordering::Greater => low = line.next,
        }
    }
    Ok(false)
}

/// The first line that begins at `at` or behind it.
fn line_at_or_after(file: &File, at: u64) -> io::Result<Option<Line>> {
    // A line begins where one ended: looking starts one byte before.
    let from = at.saturating_sub(1);
    let mut window = [0; 2 * LONGEST_LINE];
    let read = read_at(file, &mut window, from)?;
    let seen = window.get(..read).unwrap_or_default();
    let skipped = if at == 0 {
        0
    } else {
        match seen.iter().position(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None => return Ok(None),
        }
    };
    let rest = seen.get(skipped..).unwrap_or_default();
    let Some(digest) = rest.first_chunk::<DIGITS>() else {
        return Ok(None);
    };
    let length = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(rest.len(), |end| end + 1);
    let next = u64::try_from(skipped + length).map_err(io::Error::other)?;
    Ok(Some(Line {
        digest: digest.map(|digit| digit.to_ascii_uppercase()),
        next: from + next,
    }))
}

/// Reads until the window is full or the file ends.
fn read_at(file: &File, window: &mut [u8], from: u64) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = window.get_mut(read..).filter(|rest| !rest.is_empty()) {
        let at = from + u64::try_from(read).map_err(io::Error::other)?;
        match file.read_at(rest, at) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn is_digest(text: &[u8; DIGITS]) -> bool {
    text.iter().all(u8::is_ascii_hexdigit)
}

fn hex(sha1: [u8; 20]) -> [u8; DIGITS] {
    let mut digits = [0; DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(sha1) {
        for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 0xf]) {
            *digit = if nibble < 10 {
                b'0' + nibble
            } else {
                b'A' + nibble - 10
            };
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use chancery_accounts::StolenPasswords;
    use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    use tempfile::NamedTempFile;

    use super::{BreachList, ListRefused, hex};

    fn sha1(password: &str) -> [u8; 20] {
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        digest.as_ref().try_into().unwrap()
    }

    fn file(text: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[tokio::test]
    async fn every_listed_password_is_found_and_no_other() {
        for (counted, end) in [(true, "\r\n"), (true, "\n"), (false, "\n")] {
            let mut lines: Vec<String> = (0..1000)
                .map(|number| {
                    let digest = hex(sha1(&format!("stolen-{number}")));
                    let digest = String::from_utf8(digest.to_vec()).unwrap();
                    if counted {
                        format!("{digest}:{}", number * number)
                    } else {
                        digest
                    }
                })
                .collect();
            lines.sort();
            for last in [end, ""] {
                let file = file(&(lines.join(end) + last));
                let list = BreachList::open(file.path()).unwrap();
                for number in 0..1000 {
                    assert!(
                        list.contains(sha1(&format!("stolen-{number}"))).await.unwrap(),
                        "{number}"
                    );
                    assert!(
                        !list.contains(sha1(&format!("kept-{number}"))).await.unwrap(),
                        "{number}"
                    );
                }
                for edge in [[0; 20], [0xff; 20]] {
                    assert!(!list.contains(edge).await.unwrap());
                }
            }
        }
    }

    #[test]
    fn what_is_no_sorted_list_of_digests_is_refused() {
        let digest = |byte| String::from_utf8(hex([byte; 20]).to_vec()).unwrap();
        for text in [
            String::new(),
            "correct horse battery staple\n".repeat(3),
            format!("{}\n{}\n{}\n", digest(9), digest(5), digest(1)),
        ] {
            assert!(
                matches!(BreachList::open(file(&text).path()), Err(ListRefused::Form)),
                "{text}"
            );
        }
        assert!(BreachList::open(file(&digest(7)).path()).is_ok());
    }
}
