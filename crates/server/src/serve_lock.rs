//! One server a data folder, where the database is a file.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// Held while a server serves from SQLite: its start ends the runs of the last process, so no other may be live. The
/// kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct ServeLock {
    _file: File,
}

impl ServeLock {
    /// Takes the lock of `data_dir`, making the folder when there is none.
    ///
    /// # Errors
    /// A sentence for the operator when another server holds it.
    pub(crate) fn take(data_dir: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)?;
        let path = data_dir.join("serve.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(io::Error::other(format!(
                "another server runs on {}; stop it, or set DATA_DIR and PORT for this one",
                data_dir.display()
            ))),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ServeLock;

    #[test]
    fn a_second_server_on_the_same_folder_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = ServeLock::take(folder.path()).unwrap();
        assert!(ServeLock::take(folder.path()).is_err());
        drop(first);
        assert!(ServeLock::take(folder.path()).is_ok());
    }
}
