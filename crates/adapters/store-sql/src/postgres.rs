//! Connections to Postgres, with a bound on every wait.

use std::{error::Error, sync::Arc, time::Duration};

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection,
    pooled_connection::{
        AsyncDieselConnectionManager as Manager, ManagerConfig, RecyclingMethod, deadpool::Pool,
    },
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres::{Config, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    DatabaseSettings, OpenError,
    address::{PostgresAddress, Tls},
};

/// A server that says nothing for this long, not even that it is alive, is gone. It bounds what `statement_timeout` cannot:
/// a statement whose answer is lost with the network.
const SILENCE: Duration = Duration::from_secs(15);

/// A pool of connections to `address`.
pub(crate) fn open(
    address: &PostgresAddress,
    settings: &DatabaseSettings,
) -> Result<Pool<AsyncPgConnection>, OpenError> {
    let connector = Arc::new(Connector::new(address, settings)?);
    let mut config = ManagerConfig::<AsyncPgConnection>::default();
    // A test query at every use would halve the rate. A closed connection is noticed all the same, and replaced.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_| {
        let connector = connector.clone();
        Box::pin(async move { connector.connect().await })
    });
    // The manager wants an address to hand to the set-up, which has its own.
    Pool::builder(Manager::new_with_config("postgres:", config))
        .max_size(settings.pool_size)
        .wait_timeout(Some(settings.pool_wait))
        .create_timeout(Some(settings.connect_timeout))
        // The connection that was used last is warm, on both sides.
        .queue_mode(deadpool::managed::QueueMode::Lifo)
        .runtime(deadpool::Runtime::Tokio1)
        .build()
        .map_err(|error| OpenError::Pool(error.into()))
}

struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    bounds: String,
}

impl Connector {
    fn new(address: &PostgresAddress, settings: &DatabaseSettings) -> Result<Self, OpenError> {
        let tls = match &address.tls {
            Tls::None => None,
            Tls::PublicRoots => Some(public_roots()),
            Tls::Roots(path) => Some(roots_of(path)?),
        };
        let mut config = address.config.clone();
        config
            .ssl_mode(if tls.is_some() {
                SslMode::Require
            } else {
                SslMode::Disable
            })
            .connect_timeout(settings.connect_timeout)
            .keepalives_idle(SILENCE / 3)
            .keepalives_interval(SILENCE / 3)
            .tcp_user_timeout(SILENCE);
        if config.get_application_name().is_none() {
            config.application_name("chancery");
        }
        let limit = settings.statement_timeout.as_millis();
        Ok(Self {
            config,
            tls: tls.map(client).transpose()?,
            bounds: format!(
                "SET statement_timeout = {limit}; SET idle_in_transaction_session_timeout = {limit}"
            ),
        })
    }

    async fn connect(&self) -> ConnectionResult<AsyncPgConnection> {
        let mut connection = match &self.tls {
            None => {
                let (client, wire) = self.config.connect(NoTls).await.map_err(refused)?;
                AsyncPgConnection::try_from_client_and_connection(client, wire).await?
            }
            Some(tls) => {
                let (client, wire) = self.config.connect(tls.clone()).await.map_err(refused)?;
                AsyncPgConnection::try_from_client_and_connection(client, wire).await?
            }
        };
        let bounded = connection.batch_execute(&self.bounds).await;
        bounded.map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }
}

/// The driver's error says which step failed and hides why in its source: the operator needs both.
fn refused(error: tokio_postgres::Error) -> ConnectionError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    ConnectionError::BadConnection(text)
}

fn public_roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

fn roots_of(path: &str) -> Result<RootCertStore, OpenError> {
    let unusable = |reason: String| OpenError::Certificates {
        path: path.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("it holds none".to_owned()));
    }
    Ok(roots)
}

fn client(roots: RootCertStore) -> Result<MakeRustlsConnect, OpenError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Pool(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use std::{error::Error, time::Duration};

    use chancery_ambient::Fault;
    use diesel_async::RunQueryDsl;

    use crate::{Database, DatabaseSettings, DatabaseUrl, OpenError, database::write_one};

    fn server() -> String {
        #[expect(
            clippy::disallowed_methods,
            reason = "how `cargo xtask test` tells where its Postgres is"
        )]
        let server = std::env::var("TEST_DATABASE_URL");
        server.expect("TEST_DATABASE_URL is not set: run cargo xtask test")
    }

    fn open(url: &str, settings: &DatabaseSettings) -> Database {
        Database::open(&DatabaseUrl::parse(url).unwrap(), settings).unwrap()
    }

    async fn execute(database: &Database, statement: &str) -> Result<usize, Fault> {
        write_one!(database, |conn| diesel::sql_query(statement).execute(conn).await)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_statement_that_takes_too_long_is_ended_by_the_server() {
        let settings = DatabaseSettings {
            statement_timeout: Duration::from_millis(50),
            ..DatabaseSettings::default()
        };
        let database = open(&server(), &settings);
        let ended = execute(&database, "SELECT pg_sleep(60)").await;
        assert!(matches!(ended, Err(Fault::TimedOut(_))), "{ended:?}");
        database.ping().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_that_the_server_closed_is_replaced() {
        let settings = DatabaseSettings {
            pool_size: 1,
            ..DatabaseSettings::default()
        };
        let database = open(&server(), &settings);
        assert!(
            execute(&database, "SELECT pg_terminate_backend(pg_backend_pid())")
                .await
                .is_err()
        );
        // The driver may need a moment to notice; then it goes on with a new one by itself.
        for _ in 0..1000 {
            if database.ping().await.is_ok() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the pool keeps the closed connection");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_is_not_there_is_told_with_its_reason() {
        // The discard port: nobody listens there.
        let database = open(
            "postgres://nobody@127.0.0.1:9/nothing",
            &DatabaseSettings::default(),
        );
        let fault = database.ping().await.unwrap_err();
        assert!(matches!(fault, Fault::Unavailable(_)));
        let reason = fault.source().unwrap().to_string();
        assert!(reason.contains("refused"), "{reason}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn encryption_that_was_asked_for_is_never_given_up() {
        // The test instance speaks no TLS.
        let separator = if server().contains('?') { '&' } else { '?' };
        let database = open(
            &format!("{}{separator}sslmode=require", server()),
            &DatabaseSettings::default(),
        );
        let fault = database.ping().await.unwrap_err();
        let reason = fault.source().unwrap().to_string();
        assert!(reason.contains("TLS"), "{reason}");
    }

    #[test]
    fn certificates_that_cannot_be_used_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        for path in [empty, folder.path().join("missing.pem")] {
            let url = format!(
                "postgres://u@h/db?sslmode=verify-full&sslrootcert={}",
                path.display()
            );
            let refused = Database::open(&DatabaseUrl::parse(&url).unwrap(), &DatabaseSettings::default());
            assert!(matches!(refused, Err(OpenError::Certificates { .. })), "{url}");
        }
    }
}
