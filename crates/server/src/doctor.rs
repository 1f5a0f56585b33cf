//! `chancery doctor`: what is wrong, and how to mend it.

use std::{net::TcpListener, process::ExitCode, time::Duration};

use chancery_ambient::{Ambient, Fault, within};
use chancery_cache_redis::{PolicyError, Redis};
use chancery_store_sql::Migrator;

use crate::{
    adapters,
    config::{Config, ConfigErrors, KeyStorage},
    migrate,
};

const LIMIT: Duration = Duration::from_secs(10);

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    fault: Option<Trouble>,
}

struct Trouble {
    fault: String,
    remedy: String,
}

type Verdict = Result<(), Trouble>;

/// Tells what is wrong with the settings themselves.
#[must_use]
pub(crate) fn report_settings(errors: &ConfigErrors) -> ExitCode {
    let faults = errors.0.iter().map(|line| Finding {
        what: "settings",
        fault: Some(trouble(line, "correct it in chancery.toml or the environment")),
    });
    report(&faults.collect::<Vec<_>>())
}

/// Looks at the database, its schema, Redis, keys, port and model, and prints a line each.
pub(crate) async fn run(config: &Config) -> ExitCode {
    let ambient = Ambient::system();
    let mut findings = vec![Finding {
        what: "settings",
        fault: None,
    }];
    let mut note = |what, verdict: Verdict| {
        findings.push(Finding {
            what,
            fault: verdict.err(),
        });
    };
    let database = bounded(&ambient, "database", database(config)).await;
    let reachable = database.is_ok();
    note("database", database);
    if reachable {
        note("schema", bounded(&ambient, "schema", schema(config)).await);
    }
    if let Some(url) = &config.storage.redis_url {
        let ping = async {
            let redis =
                Redis::open(url).map_err(|fault| explain(&fault, "set REDIS_URL to redis://host:port/db"))?;
            redis.check_policy().await.map_err(|error| match error {
                PolicyError::Fault(fault) => explain(&fault, "start Redis, or correct REDIS_URL"),
                refused @ (PolicyError::Evicts { .. } | PolicyError::Untold) => {
                    trouble(&refused.to_string(), "set maxmemory-policy to noeviction")
                }
            })
        };
        note("redis", Box::pin(bounded(&ambient, "redis", ping)).await);
    }
    note("keys", bounded(&ambient, "keys", keys(config, &ambient)).await);
    note("port", port(config));
    if let Some(endpoint) = &config.model.openai {
        note(
            "model",
            bounded(&ambient, "model", model(&endpoint.base_url)).await,
        );
    }
    if config.model.tools.is_some() {
        note("tools", tools(config, &ambient).await);
    }
    report(&findings)
}

/// The files of tools, and whether their servers answer.
async fn tools(config: &Config, ambient: &Ambient) -> Verdict {
    let declared = adapters::declared_tools(config, &[], &ambient.clock);
    let declared = declared.map_err(|failure| trouble(&failure.to_string(), "mend the files"))?;
    for tool in declared {
        let remedy = "start its server, or correct its file in TOOL_CATALOG_DIR";
        tool.prepare().await.map_err(|fault| trouble(&fault, remedy))?;
    }
    Ok(())
}

async fn bounded(ambient: &Ambient, what: &str, check: impl Future<Output = Verdict>) -> Verdict {
    within(&*ambient.clock, LIMIT, check)
        .await
        .unwrap_or_else(|late| {
            Err(trouble(
                &format!("{what}: {late}"),
                "see whether the address is right and reachable",
            ))
        })
}

async fn database(config: &Config) -> Verdict {
    const REMEDY: &str = "start the database, or correct the user, password, host and name in DATABASE_URL";
    let database = adapters::database(config).map_err(|error| trouble(&error.to_string(), REMEDY))?;
    database.ping().await.map_err(|fault| explain(&fault, REMEDY))
}

async fn schema(config: &Config) -> Verdict {
    let database =
        adapters::database(config).map_err(|error| trouble(&error.to_string(), "correct DATABASE_URL"))?;
    let mut status = Migrator::new(&database)
        .status()
        .await
        .map_err(|fault| explain(&fault, "see the database's log"))?;
    if config.storage.auto_migrate {
        // The start runs them itself.
        status.pending.clear();
    }
    match migrate::trouble(&status) {
        None => Ok(()),
        Some((fault, remedy)) => Err(trouble(&fault, remedy)),
    }
}

async fn keys(config: &Config, ambient: &Ambient) -> Verdict {
    let remedy = match &config.storage.keys {
        KeyStorage::Files(folder) => format!(
            "make the files under {} readable for this user alone (chmod 600)",
            folder.display()
        ),
        KeyStorage::Sql(_) => {
            "correct AUTH_KEY_ENCRYPTION_KEYS, and see that the database is right".to_owned()
        }
        KeyStorage::Vault(..) => {
            "start Vault, or correct VAULT_ADDR, VAULT_TOKEN and AUTH_KEY_SECRET_NAME".to_owned()
        }
    };
    adapters::read_keys(config, ambient)
        .await
        .map_err(|failure| trouble(&whole(&*failure), &remedy))
}

/// An error and what caused it, in one line.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn port(config: &Config) -> Verdict {
    let address = (config.http.host, config.http.port);
    TcpListener::bind(address).map(|_| ()).map_err(|error| {
        trouble(
            &format!("{}:{}: {error}", address.0, address.1),
            "stop what listens there, or set PORT to a free one",
        )
    })
}

async fn model(base_url: &url::Url) -> Verdict {
    const REMEDY: &str = "correct OPENAI_BASE_URL, or start the server it names";
    let address = base_url
        .socket_addrs(|| None)
        .ok()
        .and_then(|addresses| addresses.first().copied())
        .ok_or_else(|| {
            trouble(
                &format!("{} cannot be resolved", base_url.host_str().unwrap_or("the host")),
                REMEDY,
            )
        })?;
    tokio::net::TcpStream::connect(address)
        .await
        .map(|_| ())
        .map_err(|error| trouble(&format!("{address}: {error}"), REMEDY))
}

fn trouble(fault: &str, remedy: &str) -> Trouble {
    Trouble {
        fault: fault.to_owned(),
        remedy: remedy.to_owned(),
    }
}

/// The fault with everything below it: the operator needs the driver's own words.
fn explain(fault: &Fault, remedy: &str) -> Trouble {
    let mut text = fault.to_string();
    let mut source = std::error::Error::source(fault);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    trouble(&text, remedy)
}

#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn report(findings: &[Finding]) -> ExitCode {
    for finding in findings {
        match &finding.fault {
            None => println!("ok       {}", finding.what),
            Some(trouble) => println!(
                "FAULT    {}: {}\n         remedy: {}",
                finding.what, trouble.fault, trouble.remedy
            ),
        }
    }
    if findings.iter().any(|finding| finding.fault.is_some()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
