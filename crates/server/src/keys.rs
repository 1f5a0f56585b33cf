//! `chancery keys`.

use std::{error::Error, fmt, process::ExitCode, sync::Arc};

use chancery_ambient::{Ambient, Fault};
use chancery_auth_keys::{KeyService, KeySet, KeySetName, KeyState, PublishedKeys};
use chancery_events::{Event, EventKind};
use chancery_ids::TenantId;
use chancery_tokens::RevokeTarget;
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{adapters, config::Config};

/// What to do, and with which keys.
#[derive(Debug, Clone, Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    action: Action,
    /// The keys that are changed or listed: `api` signs access tokens, `trust` signs for verifiers of agents.
    #[arg(long, global = true, default_value = "api", value_parser = set_name())]
    set: KeySetName,
}

fn set_name() -> impl TypedValueParser<Value = KeySetName> {
    let named = |name: String| KeySetName::ALL.into_iter().find(|set| set.as_str() == name);
    PossibleValuesParser::new(KeySetName::ALL.map(KeySetName::as_str))
        .try_map(move |name| named(name).ok_or("there is no such set"))
}

/// What to do with signing keys.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Action {
    /// Print the public keys that verifiers see.
    Jwks,
    /// Make the key set, when there is none yet.
    Generate,
    /// Show every key and where it stands in its life.
    List,
    /// Add a spare, when there is none: verifiers see it from now on.
    Stage {
        /// Put it in the place of the spare that is there.
        #[arg(long)]
        replace: bool,
    },
    /// Let the spare sign from now on, once verifiers had the time to learn it.
    Promote,
    /// Retire the keys of which nothing can be shown any more, without waiting for the server to do it.
    Retire,
    /// Seal the keys in the database anew with the first of AUTH_KEY_ENCRYPTION_KEYS.
    Rewrap,
    /// Take the stored keys although newer ones have been in use: after the newest were lost.
    Accept,
    /// Erase a key that somebody else may have. Everything it signed is refused within a second, and the sessions whose
    /// current token it signed have ended.
    Compromise {
        /// The key's name, which may begin with a hyphen.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

/// Does it, and prints the public keys, or where each key stands.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub(crate) async fn run(config: &Config, keys: Keys) -> Result<ExitCode, Box<dyn Error>> {
    let Keys { action, set } = keys;
    let ambient = Ambient::system();
    let existing = async |set| -> Result<KeyService, Box<dyn Error>> {
        let found = adapters::existing_keys(config, set, &ambient).await?;
        found.ok_or_else(|| {
            "there is no key set yet; `chancery keys generate` makes one, and so does the first start".into()
        })
    };
    // Keys may lie elsewhere than the record, so it is written right after the change, not with it.
    let changed = async |action: &str, set: KeySet| -> Result<(), Box<dyn Error>> {
        adapters::announce(config, &ambient, |ambient| {
            let (kind, name) = (EventKind::SigningKeysChanged, set.name().to_string());
            Event::new(ambient, TenantId::PLATFORM, kind, name)
                .with("action", action)
                .with("version", set.version())
        })
        .await?;
        print!("{}", Life(&set));
        Ok(())
    };
    let print_names = |what: &str, names: &[KeySetName]| {
        for name in names {
            println!("{what}: {name}");
        }
    };
    let print_jwks = |api: Arc<KeyService>, trust: Arc<KeyService>| -> Result<(), Fault> {
        let published = PublishedKeys::new(api, trust)?;
        println!("{}", String::from_utf8_lossy(published.jwks()?.body()));
        Ok(())
    };
    match action {
        Action::Generate => {
            let database = adapters::ready_database(config).await?;
            let open = |set| adapters::keys(config, set, &database, &ambient);
            print_jwks(open(KeySetName::Api).await?, open(KeySetName::Trust).await?)?;
        }
        Action::Rewrap => print_names("sealed anew", &adapters::rewrap_keys(config, &ambient).await?),
        Action::Accept => print_names("accepted", &adapters::accept_keys(config, &ambient).await?),
        Action::Jwks => {
            let of = async |set| existing(set).await.map(Arc::new);
            print_jwks(of(KeySetName::Api).await?, of(KeySetName::Trust).await?)?;
        }
        Action::List => print!("{}", Life(&existing(set).await?.set())),
        Action::Stage { replace: false } => changed("stage", existing(set).await?.stage().await?).await?,
        Action::Stage { replace: true } => {
            changed("replace", existing(set).await?.replace_staged().await?).await?;
        }
        Action::Promote => changed("promote", existing(set).await?.promote().await?).await?,
        Action::Retire => changed("retire", existing(set).await?.retire_expired().await?).await?,
        Action::Compromise { kid } => {
            let keys = existing(set).await?;
            changed("compromise", keys.compromise(&kid).await?).await?;
            let tokens = adapters::tokens(config, &ambient).await?;
            tokens
                .revoke(&RevokeTarget::Key(kid), "the key was compromised")
                .await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A key set as an operator reads it: a line a key, oldest first.
struct Life<'s>(&'s KeySet);

impl fmt::Display for Life<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} set, version {}", self.0.name(), self.0.version())?;
        for key in self.0.keys() {
            write!(f, "{:<12} {}", key.state().as_str(), key.kid())?;
            let retires_at = key.retires_at().filter(|_| key.state() == KeyState::Retiring);
            match (retires_at, key.published_at()) {
                (Some(retires_at), _) => writeln!(f, "  until {retires_at}")?,
                (None, Some(at)) => writeln!(f, "  published {at}")?,
                (None, None) => writeln!(f, "  not published yet")?,
            }
        }
        Ok(())
    }
}
