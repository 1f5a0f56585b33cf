//! Secrets that development makes for itself, once.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_ambient::{Entropy, SystemEntropy};
use secrecy::SecretString;

/// The names of the secrets that development makes.
const NAMES: [&str; 2] = ["AUTH_REFRESH_TOKEN_PEPPER", "AUTH_PASSWORD_PEPPER"];

/// `DATA_DIR/secrets.toml`, mode 0600.
pub(crate) struct DevelopmentSecrets {
    table: toml::Table,
}

impl DevelopmentSecrets {
    /// Opens the file, making it with new secrets when there is none. Two processes that start at once end up with the same.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir)?;
        let path = data_dir.join("secrets.toml");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(data_dir.join("secrets.lock"))?;
        lock.lock()?;
        if !path.try_exists()? {
            write_new(data_dir, &path)?;
        }
        let mut file = File::open(&path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(io::Error::other(format!(
                "{} is readable by others; run chmod 600 on it",
                path.display()
            )));
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let table: toml::Table = text.parse().map_err(io::Error::other)?;
        match NAMES
            .iter()
            .find(|name| !matches!(table.get(**name), Some(toml::Value::String(_))))
        {
            None => Ok(Self { table }),
            Some(name) => Err(io::Error::other(format!("{} lacks {name}", path.display()))),
        }
    }

    /// The secret of this name.
    #[must_use]
    pub(crate) fn of(&self, name: &str) -> SecretString {
        self.table
            .get(name)
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
            .to_owned()
            .into()
    }
}

/// Writes beside and renames, so that a crash leaves no half of a file.
fn write_new(folder: &Path, path: &Path) -> io::Result<()> {
    let mut text =
        String::from("# Made once for development. Whoever reads this can forge what it protects.\n");
    for name in NAMES {
        let mut secret = [0; 32];
        SystemEntropy.fill(&mut secret);
        let line = format!(
            "{name} = \"{}\"
",
            URL_SAFE_NO_PAD.encode(secret)
        );
        text.push_str(&line);
    }
    let temporary = folder.join("secrets.toml.new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::{DevelopmentSecrets, NAMES};

    #[test]
    fn secrets_are_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let (first, again) = (
            DevelopmentSecrets::open(folder.path()).unwrap(),
            DevelopmentSecrets::open(folder.path()).unwrap(),
        );
        for name in NAMES {
            assert_eq!(first.of(name).expose_secret(), again.of(name).expose_secret());
            assert!(first.of(name).expose_secret().len() >= 32);
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        DevelopmentSecrets::open(folder.path()).unwrap();
        let path = folder.path().join("secrets.toml");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(DevelopmentSecrets::open(folder.path()).is_err());
    }
}
