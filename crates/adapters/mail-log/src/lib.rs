#![doc = include_str!("../README.md")]

use std::{os::unix::fs::OpenOptionsExt, path::PathBuf};

use async_trait::async_trait;
use chancery_accounts::{Mail, Mailer};
use chancery_ambient::{Ambient, Entropy, Fault, SystemEntropy};
use secrecy::ExposeSecret;
use tokio::io::AsyncWriteExt;

/// [`Mailer`] into files, and onto the terminal where there is one.
pub struct LoggedMail {
    folder: PathBuf,
    on_terminal: bool,
    ambient: Ambient,
}

impl LoggedMail {
    /// Mail into `folder`, which is made when it is missing. With `on_terminal` it is printed on standard output too.
    #[must_use]
    pub fn into_folder(folder: PathBuf, on_terminal: bool) -> Self {
        Self {
            folder,
            on_terminal,
            ambient: Ambient::system(),
        }
    }
}

#[async_trait]
impl Mailer for LoggedMail {
    async fn send(&self, mail: &Mail) -> Result<(), Fault> {
        let text = format!(
            "To: {}\nSubject: {}\n\n{}\n",
            mail.to,
            mail.subject,
            mail.text.expose_secret()
        );
        tokio::fs::create_dir_all(&self.folder)
            .await
            .map_err(Fault::unavailable)?;
        let mut random = [0; 4];
        SystemEntropy.fill(&mut random);
        let name = format!(
            "{}-{:08x}.txt",
            self.ambient.now().unix_millis(),
            u32::from_be_bytes(random)
        );
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = tokio::fs::OpenOptions::from(options)
            .open(self.folder.join(name))
            .await;
        let mut file = file.map_err(Fault::unavailable)?;
        file.write_all(text.as_bytes())
            .await
            .map_err(Fault::unavailable)?;
        file.sync_all().await.map_err(Fault::unavailable)?;
        if self.on_terminal {
            let mut terminal = tokio::io::stdout();
            let printed = format!("--- mail ---\n{text}------------\n");
            // The file has it already.
            let _ = terminal.write_all(printed.as_bytes()).await;
            let _ = terminal.flush().await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use chancery_accounts::{EmailAddress, Mail, Mailer};

    use super::LoggedMail;

    #[tokio::test]
    async fn a_mail_becomes_a_file_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mailer = LoggedMail::into_folder(folder.path().join("mail"), false);
        let mail = Mail {
            to: EmailAddress::parse("ada@example.org").unwrap(),
            subject: "Choose a new password".to_owned(),
            text: "Open this".into(),
        };
        mailer.send(&mail).await.unwrap();
        mailer.send(&mail).await.unwrap();
        let files: Vec<_> = std::fs::read_dir(folder.path().join("mail"))
            .unwrap()
            .map(|file| file.unwrap())
            .collect();
        assert_eq!(files.len(), 2);
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            let text = std::fs::read_to_string(file.path()).unwrap();
            assert!(
                text.starts_with("To: ada@example.org\nSubject: Choose a new password\n\nOpen this"),
                "{text}"
            );
        }
    }
}
