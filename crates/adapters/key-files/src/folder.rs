//! The folder: modes, the lock, reading whole files and replacing them so that a crash leaves the old or the new.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::error::KeyFileError;

/// More than a set of thousands of keys needs.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// What others may do with a file (`rwxrwxrwx`): nothing.
const OTHERS: u32 = 0o077;

/// What others must not be able to do with the folder: put another file in the place of ours.
const OTHERS_WRITE: u32 = 0o022;

/// The folder that holds the files.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

/// Held while a file is read and replaced; let go when it is dropped, or when the process dies.
pub(crate) struct Lock {
    _file: File,
}

impl Folder {
    pub(crate) const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The content of a file; `None` when there is none. Modes are those of the opened file, so that nothing can be put in
    /// its place after the look.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFileError> {
        let path = self.file(name);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&path, "open it", error)),
        };
        self.refuse_a_folder_others_write_to()?;
        let metadata = file
            .metadata()
            .map_err(|error| io_error(&path, "look at it", error))?;
        if !metadata.is_file() {
            return Err(KeyFileError::NotAFile { path });
        }
        if metadata.mode() & OTHERS != 0 {
            let mode = metadata.mode() & 0o777;
            return Err(KeyFileError::ReadableByOthers { path, mode });
        }
        if metadata.len() > MAX_BYTES {
            return Err(KeyFileError::TooLarge { path });
        }
        // Room for all of it, so that growth never moves a secret. The end is bounded too: a file can grow meanwhile.
        let mut content = Zeroizing::new(Vec::with_capacity(
            usize::try_from(metadata.len()).unwrap_or(0) + 1,
        ));
        let read = Read::by_ref(&mut file).take(MAX_BYTES).read_to_end(&mut content);
        read.map_err(|error| io_error(&path, "read it", error))?;
        Ok(Some(content))
    }

    /// Makes the folder when there is none and takes the lock called `name`, waiting for whoever holds it. It is held for
    /// as long as it takes to write one small file.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock, KeyFileError> {
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700);
        folder
            .create(&self.0)
            .map_err(|error| io_error(&self.0, "make the folder", error))?;
        self.refuse_a_folder_others_write_to()?;
        let path = self.file(name);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = options
            .open(&path)
            .map_err(|error| io_error(&path, "open the lock", error))?;
        file.lock()
            .map_err(|error| io_error(&path, "take the lock", error))?;
        Ok(Lock { _file: file })
    }

    /// Puts `content` in the place of the file, whole and on the disk. The lock keeps other writers away from the new file
    /// beside it.
    pub(crate) fn replace(&self, _held: &Lock, name: &str, content: &[u8]) -> Result<(), KeyFileError> {
        let (path, beside) = (self.file(name), self.file(&format!("{name}.new")));
        // Left by a process that died. Its mode and its links are nobody's promise, so it is not written over.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error(&beside, "remove it", error));
            }
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.create_new(true).write(true).mode(0o600);
        let mut file = options
            .open(&beside)
            .map_err(|error| io_error(&beside, "make it", error))?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        written.map_err(|error| io_error(&beside, "write it", error))?;
        fs::rename(&beside, &path).map_err(|error| io_error(&path, "replace it", error))?;
        // The rename is on the disk once the folder is.
        let synced = File::open(&self.0).and_then(|folder| folder.sync_all());
        synced.map_err(|error| io_error(&self.0, "write the folder", error))
    }

    fn refuse_a_folder_others_write_to(&self) -> Result<(), KeyFileError> {
        let metadata = fs::metadata(&self.0).map_err(|error| io_error(&self.0, "look at it", error))?;
        if metadata.mode() & OTHERS_WRITE == 0 {
            return Ok(());
        }
        Err(KeyFileError::WritableByOthers {
            path: self.0.clone(),
            mode: metadata.mode() & 0o777,
        })
    }
}

fn io_error(path: &Path, act: &'static str, error: io::Error) -> KeyFileError {
    KeyFileError::Io {
        path: path.to_owned(),
        act,
        error,
    }
}
