//! The first owner of an empty database, and the person's three lines.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use chancery_accounts::{AccountService, FirstOwnerRequest, OwnerPassword, draw_owner_password};
use chancery_ambient::Ambient;
use secrecy::{ExposeSecret, SecretString};

use crate::config::Config;

/// The address of an owner whom no setting names.
const LOCAL_OWNER: &str = "owner@localhost";

/// The login that was made, for the person at the terminal.
pub(crate) struct FirstLogin {
    /// The address.
    pub email: String,
    /// The password, when it was drawn here.
    pub password: Option<SecretString>,
}

/// Makes the first tenant with its owner, where that is allowed: from the settings, or with a generated password on SQLite
/// behind a loopback address. A generated password is kept in `DATA_DIR/first-login.txt` (0600) before the owner exists, so
/// that a crash between the two locks nobody out.
pub(crate) async fn ensure(
    config: &Config,
    accounts: &AccountService,
    ambient: &Ambient,
) -> Result<Option<FirstLogin>, Box<dyn std::error::Error>> {
    if accounts.has_first_owner().await? {
        return Ok(None);
    }
    let (email, password, drawn) = match &config.auth.bootstrap {
        Some(given) => (given.email.clone(), given.password.clone(), false),
        None if !config.storage.postgres && config.http.host.is_loopback() => {
            (LOCAL_OWNER.to_owned(), draw_owner_password(ambient), true)
        }
        None => return Ok(None),
    };
    if drawn {
        keep(&config.data_dir, &email, &password)?;
    }
    let request = FirstOwnerRequest {
        email: &email,
        password: OwnerPassword::Chosen(password.clone()),
    };
    let made = accounts.ensure_first_owner(request).await?;
    Ok(made.map(|_| FirstLogin {
        email,
        password: drawn.then_some(password),
    }))
}

fn keep(data_dir: &Path, email: &str, password: &SecretString) -> io::Result<()> {
    let path = data_dir.join("first-login.txt");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "e-mail: {email}\npassword: {}", password.expose_secret())?;
    file.sync_all()
}

/// Tells the person where to go and, the first time, how to log in. Standard output is theirs; the log is standard error.
#[expect(
    clippy::print_stdout,
    reason = "these lines are for the person at the terminal and must not reach the log"
)]
pub(crate) fn greet(url: &str, login: Option<&FirstLogin>) {
    println!("url: {url}");
    if let Some(login) = login {
        println!("e-mail: {}", login.email);
        match &login.password {
            Some(password) => println!("password: {}", password.expose_secret()),
            None => println!("password: (as set in BOOTSTRAP_OWNER_PASSWORD)"),
        }
    }
}
