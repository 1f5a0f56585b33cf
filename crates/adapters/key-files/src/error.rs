//! What is wrong with a folder or a file of keys, and how to mend it. No text here repeats what a file holds.

use std::{io, path::PathBuf};

use chancery_ambient::Fault;
use chancery_auth_keys::StoredSetError;
use chancery_key_formats::FormatError;

/// What is wrong with a folder or a file of keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("{path}: cannot {act}: {error}")]
    Io {
        path: PathBuf,
        act: &'static str,
        error: io::Error,
    },
    #[error(
        "{path} can be read by others (mode {mode:03o}); run `chmod 600 {path}`, and replace its keys if others had access"
    )]
    ReadableByOthers { path: PathBuf, mode: u32 },
    #[error("{path} can be written to by others (mode {mode:03o}); run `chmod 700 {path}`")]
    WritableByOthers { path: PathBuf, mode: u32 },
    #[error("{path} is no regular file")]
    NotAFile { path: PathBuf },
    #[error("{path} is larger than any key set")]
    TooLarge { path: PathBuf },
    #[error("{path}: {error}")]
    Damaged { path: PathBuf, error: ContentError },
}

/// What is wrong with the content of a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    #[error("it is not text")]
    NotText,
    #[error(transparent)]
    Stored(#[from] StoredSetError),
    #[error("it is malformed at line {line}, column {column}")]
    Malformed { line: usize, column: usize },
    #[error("the key {kid}: {error}")]
    Key { kid: String, error: FormatError },
    #[error("the key {kid} {what}")]
    BadKey { kid: String, what: &'static str },
    #[error(
        "it has keys, but none that signs; activate one with the service that wrote it, or remove the file"
    )]
    NothingSigns,
}

impl From<KeyFileError> for Fault {
    fn from(error: KeyFileError) -> Self {
        match error {
            KeyFileError::Io { .. }
            | KeyFileError::ReadableByOthers { .. }
            | KeyFileError::WritableByOthers { .. } => Self::unavailable(error),
            KeyFileError::NotAFile { .. } | KeyFileError::TooLarge { .. } | KeyFileError::Damaged { .. } => {
                Self::corrupt(error)
            }
        }
    }
}
