//! A setting that lists secrets by id, so that one can be replaced while what the others made is still read.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// The peppers in use, each made ready as a `T`; the first writes, all read. Kept away from the database: stolen rows alone
/// neither forge nor open anything.
#[derive(Clone)]
pub struct PepperList<T> {
    current: Entry<T>,
    earlier: Vec<Entry<T>>,
}

#[derive(Clone)]
struct Entry<T> {
    id: String,
    pepper: T,
}

/// Why a setting lists no peppers. Says nothing of the secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PepperError {
    /// An id stands in the clear beside what its pepper made, so it has a narrow form.
    #[error("the id of a pepper has 1 to 32 letters, digits, '-' or '_'")]
    Id,
    /// Two entries have one id.
    #[error("two peppers have the same id")]
    Repeated,
    /// An entry has no secret.
    #[error("a pepper has no secret")]
    Empty,
}

/// The id of a pepper that is given without one.
pub const UNNAMED_PEPPER: &str = "0";

impl<T> PepperList<T> {
    /// Reads `secret`, or several `id:secret` with commas between, and makes each ready. One may be left out once nothing
    /// stored names it. A secret without an id has the id [`UNNAMED_PEPPER`], so that `1:new,0:old` succeeds `old`. A secret
    /// that `make` can do nothing with counts as none.
    pub fn parse(text: &SecretString, mut make: impl FnMut(&str) -> Option<T>) -> Result<Self, PepperError> {
        let mut entries: Vec<Entry<T>> = Vec::new();
        for entry in text.expose_secret().split(',') {
            let entry = entry.trim();
            let (id, secret) = entry.split_once(':').unwrap_or((UNNAMED_PEPPER, entry));
            if !is_id(id) {
                return Err(PepperError::Id);
            }
            if secret.is_empty() {
                return Err(PepperError::Empty);
            }
            if entries.iter().any(|other| other.id == id) {
                return Err(PepperError::Repeated);
            }
            entries.push(Entry {
                id: id.to_owned(),
                pepper: make(secret).ok_or(PepperError::Empty)?,
            });
        }
        let mut entries = entries.into_iter();
        Ok(Self {
            current: entries.next().ok_or(PepperError::Empty)?,
            earlier: entries.collect(),
        })
    }

    /// The id of the one that writes.
    #[must_use]
    pub fn current_id(&self) -> &str {
        &self.current.id
    }

    /// The one that writes.
    #[must_use]
    pub const fn current(&self) -> &T {
        &self.current.pepper
    }

    /// The one of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&T> {
        self.entries()
            .find(|entry| entry.id == id)
            .map(|entry| &entry.pepper)
    }

    /// All of them, the one that writes first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries().map(|entry| &entry.pepper)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry<T>> {
        std::iter::once(&self.current).chain(&self.earlier)
    }
}

/// Which one writes and how many there are besides; no secret.
impl<T> fmt::Display for PepperList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {} earlier", self.current.id, self.earlier.len())
    }
}

fn is_id(id: &str) -> bool {
    (1..=32).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
