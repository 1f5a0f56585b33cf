//! What went wrong beyond the caller's reach.

use std::error::Error;

type Source = Box<dyn Error + Send + Sync>;

/// Something outside failed. The caller can only wait or tell the operator; the source tells the operator what.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The other side refused or could not be reached: nothing happened, try later.
    #[error("a dependency is unavailable")]
    Unavailable(#[source] Source),
    /// No answer in time: whether it happened is unknown. Commands are safe to repeat.
    #[error("a dependency did not answer in time")]
    TimedOut(#[source] Source),
    /// What came back breaks a promise of ours: stored data is damaged or written by another version.
    #[error("stored data is damaged")]
    Corrupt(#[source] Source),
}

impl Fault {
    /// The other side refused or could not be reached.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable(source.into())
    }

    /// No answer in time.
    pub fn timed_out(source: impl Into<Source>) -> Self {
        Self::TimedOut(source.into())
    }

    /// Stored data is damaged.
    pub fn corrupt(source: impl Into<Source>) -> Self {
        Self::Corrupt(source.into())
    }
}

/// What lies right behind an error, in words, for the log: an error's own text never repeats its source's.
pub fn cause_of(error: &dyn Error) -> Option<String> {
    error.source().map(ToString::to_string)
}
