//! Which database, strictly read.

use std::fmt;

use tokio_postgres::Config;
use url::form_urlencoded;

/// A checked address of a database: `sqlite:<path>`, or `postgres://user:password@host:port/name` (`postgresql://` too).
///
/// Postgres takes the parameters of its own clients (`application_name`, `target_session_attrs`, several hosts, …).
/// Connections are encrypted with `sslmode=require` or `verify-full`, which mean the same here: the server's certificate
/// must be valid for its name, by the public roots or by those in the file that `sslrootcert` names. Without either they are
/// in the clear.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// The path of a file.
    Sqlite(String),
    /// A server.
    Postgres(Box<PostgresAddress>),
}

/// A Postgres server, the database on it, and who asks.
#[derive(Clone)]
pub struct PostgresAddress {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
}

/// How a connection is encrypted, and who vouches for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    None,
    PublicRoots,
    /// The authorities in this PEM file.
    Roots(String),
}

/// Why a text is no address of a database. Repeats nothing of it, because it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Another kind of database, or no address at all.
    #[error("a database is written sqlite:<path> or postgres://user:password@host:port/name")]
    Scheme,
    /// A SQLite address that is not one plain path.
    #[error("SQLite is written sqlite:<path>, such as sqlite:var/chancery.db: {0}")]
    SqlitePath(&'static str),
    /// What the Postgres driver does not take.
    #[error("the Postgres address is not well formed: {0}")]
    Postgres(String),
    /// A kind of encryption that would promise less than it says.
    #[error("sslmode is disable, prefer, require or verify-full")]
    SslMode,
    /// Trusted certificates without encryption.
    #[error("sslrootcert needs sslmode=require or sslmode=verify-full")]
    RootsWithoutTls,
}

impl DatabaseUrl {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            sqlite_path(path).map(Self::Sqlite)
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            postgres_address(text).map(|address| Self::Postgres(Box::new(address)))
        } else {
            Err(DatabaseUrlError::Scheme)
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DatabaseUrl {
    /// For people: without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{path}"),
            Self::Postgres(address) => write!(f, "{address:?}"),
        }
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://…/{}", self.config.get_dbname().unwrap_or_default())
    }
}

fn sqlite_path(path: &str) -> Result<String, DatabaseUrlError> {
    let fault = if path.is_empty() {
        "there is no path"
    } else if path.starts_with("//") {
        "without the slashes of a host"
    } else if path.starts_with(':') {
        "nothing is kept in memory, because it would not survive a restart"
    } else if path.starts_with("file:") || path.contains(['?', '#', '\0']) {
        "it takes no parameters"
    } else {
        return Ok(path.to_owned());
    };
    Err(DatabaseUrlError::SqlitePath(fault))
}

fn postgres_address(text: &str) -> Result<PostgresAddress, DatabaseUrlError> {
    let (server, query) = text.split_once('?').unwrap_or((text, ""));
    let (mut ssl_mode, mut roots) = (None, None);
    let mut rest = Vec::new();
    // These two are ours to read: the driver knows fewer modes and no certificates.
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match form_urlencoded::parse(parameter.as_bytes()).next() {
            Some((name, value)) if name == "sslmode" => ssl_mode = Some(value.into_owned()),
            Some((name, value)) if name == "sslrootcert" => roots = Some(value.into_owned()),
            _ => rest.push(parameter),
        }
    }
    let tls = match (ssl_mode.as_deref(), roots) {
        (Some("require" | "verify-full"), None) => Tls::PublicRoots,
        (Some("require" | "verify-full"), Some(path)) => Tls::Roots(path),
        (None | Some("disable" | "prefer"), None) => Tls::None,
        (None | Some("disable" | "prefer"), Some(_)) => return Err(DatabaseUrlError::RootsWithoutTls),
        (Some(_), _) => return Err(DatabaseUrlError::SslMode),
    };
    let config: Config = format!("{server}?{}", rest.join("&"))
        .parse()
        .map_err(|error| not_well_formed(&error))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(DatabaseUrlError::Postgres("it names no host".to_owned()));
    }
    if config.get_dbname().is_none_or(str::is_empty) {
        return Err(DatabaseUrlError::Postgres("it names no database".to_owned()));
    }
    Ok(PostgresAddress { config, tls })
}

/// The driver names the parameter it cannot take, never its value.
fn not_well_formed(error: &tokio_postgres::Error) -> DatabaseUrlError {
    let cause = chancery_ambient::cause_of(error);
    DatabaseUrlError::Postgres(cause.unwrap_or_else(|| error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{DatabaseUrl, DatabaseUrlError, Tls};

    fn tls(text: &str) -> Result<Tls, DatabaseUrlError> {
        match DatabaseUrl::parse(text)? {
            DatabaseUrl::Sqlite(path) => panic!("{path} is a file"),
            DatabaseUrl::Postgres(address) => Ok(address.tls),
        }
    }

    #[test]
    fn both_engines_are_told_apart_by_their_scheme() {
        for path in ["var/chancery.db", "/var/lib/chancery.db", "./a b.db"] {
            let url = DatabaseUrl::parse(&format!("sqlite:{path}")).unwrap();
            assert_eq!(url.to_string(), format!("sqlite:{path}"));
        }
        for text in [
            "postgres://u:p@h/db",
            "postgresql://u@h:5433/db",
            "postgres://u@h1:1,h2:2/db?target_session_attrs=read-write",
        ] {
            assert!(
                matches!(DatabaseUrl::parse(text), Ok(DatabaseUrl::Postgres(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "chancery.db",
            "mysql://h/db",
            "SQLITE:x.db",
            "postgres:h",
            "http://h/db",
            " postgres://h/db",
        ] {
            assert_eq!(
                DatabaseUrl::parse(text).unwrap_err(),
                DatabaseUrlError::Scheme,
                "{text}"
            );
        }
        for text in [
            "sqlite:",
            "sqlite::memory:",
            "sqlite:///x.db",
            "sqlite://x.db",
            "sqlite:file:x.db",
            "sqlite:x.db?mode=ro",
        ] {
            let refused = DatabaseUrl::parse(text).unwrap_err();
            assert!(matches!(refused, DatabaseUrlError::SqlitePath(_)), "{text}");
        }
        for text in [
            "postgres://",
            "postgres://u@h",
            "postgres://u@h/",
            "postgres:///db",
            "postgres://u@h:port/db",
            "postgres://u@h/db?colour=red",
        ] {
            let refused = DatabaseUrl::parse(text).unwrap_err();
            assert!(matches!(refused, DatabaseUrlError::Postgres(_)), "{text}");
        }
    }

    #[test]
    fn encryption_is_asked_for_by_sslmode() {
        let with = |parameters: &str| tls(&format!("postgres://u@h/db?{parameters}"));
        for clear in ["", "sslmode=disable", "sslmode=prefer"] {
            assert_eq!(with(clear), Ok(Tls::None), "{clear}");
        }
        for encrypted in ["sslmode=require", "connect_timeout=3&sslmode=verify-full"] {
            assert_eq!(with(encrypted), Ok(Tls::PublicRoots), "{encrypted}");
        }
        assert_eq!(
            with("sslmode=require&sslrootcert=%2Fca.pem"),
            Ok(Tls::Roots("/ca.pem".to_owned()))
        );
        assert_eq!(with("sslrootcert=ca.pem"), Err(DatabaseUrlError::RootsWithoutTls));
        for unknown in ["sslmode=verify-ca", "sslmode=allow", "sslmode="] {
            assert_eq!(with(unknown), Err(DatabaseUrlError::SslMode), "{unknown}");
        }
    }

    #[test]
    fn a_password_is_neither_shown_nor_repeated() {
        let url = DatabaseUrl::parse("postgres://ada:sesame@h/db").unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://…/db postgres://…/db");
        for text in [
            "postgres://ada:sesame@h:port/db",
            "postgres://ada:sesame@h/db?sesame=1&x",
            "mysql://ada:sesame@h/db",
        ] {
            let refused = DatabaseUrl::parse(text).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("ada:sesame"), "{text}");
        }
    }
}
