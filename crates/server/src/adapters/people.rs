//! People: their passwords, their mail, their places.

use std::{io::IsTerminal, sync::Arc, time::Duration};

use chancery_accounts::{
    HashPool, LinkSecret, LoginGuard, Mailer, PasswordPeppers, PeopleLimits, PeopleParts, PeopleService,
    PeopleSettings, StolenPasswords,
};
use chancery_ambient::Ambient;
use chancery_auth_keys::KeySetName;
use chancery_breach_list::BreachList;
use chancery_guards::{Quota, Rate};
use chancery_mail_log::LoggedMail;
use chancery_mail_smtp::SmtpMail;
use chancery_store_sql::{Database, SqlAccounts, SqlLinks, SqlPasswords, SqlPeople};
use chancery_tokens::TokenService;

use super::{Failure, database_and_time, keys, login_guard, quota, token_service};
use crate::config::Config;

/// People and tenants of a server that may be running elsewhere, for an operator's command.
pub(crate) async fn people(config: &Config, ambient: &Ambient) -> Result<PeopleService, Failure> {
    let (database, ambient) = database_and_time(config, ambient).await?;
    let ambient = &ambient;
    let keys = keys(config, KeySetName::Api, &database, ambient).await?;
    let peppers = PasswordPeppers::parse(&config.auth.password_pepper)?;
    let hashes = HashPool::start(peppers, HashPool::usual_threads(), ambient.clone())?;
    people_service(
        config,
        &database,
        Arc::new(hashes),
        Arc::new(login_guard(config, None, ambient)),
        quota(None, ambient),
        Arc::new(token_service(config, &database, keys, ambient)?),
        ambient,
    )
}

pub(super) fn people_service(
    config: &Config,
    database: &Database,
    passwords: Arc<HashPool>,
    guard: Arc<LoginGuard>,
    quota: Arc<dyn Quota>,
    tokens: Arc<TokenService>,
    ambient: &Ambient,
) -> Result<PeopleService, Failure> {
    let accounts = Arc::new(SqlAccounts::new(database.clone()));
    let parts = PeopleParts {
        system: accounts.clone(),
        members: accounts,
        stored_passwords: Arc::new(SqlPasswords::new(database.clone())),
        people: Arc::new(SqlPeople::new(database.clone())),
        links: Arc::new(SqlLinks::new(database.clone())),
        mailer: mailer(config)?,
        stolen: stolen_passwords(config)?,
        passwords,
        guard,
        quota,
        tokens,
        ambient: ambient.clone(),
    };
    Ok(PeopleService::new(parts, settings(config)))
}

/// Mail needs a server; one node without it writes mail into files.
fn mailer(config: &Config) -> Result<Arc<dyn Mailer>, Failure> {
    Ok(match &config.people.smtp {
        Some(smtp) => {
            let mail = SmtpMail::new(&smtp.url, &smtp.from);
            Arc::new(mail.map_err(|error| format!("MAIL_SMTP_URL or MAIL_FROM {error}"))?)
        }
        None => Arc::new(LoggedMail::into_folder(
            config.data_dir.join("mail"),
            std::io::stdout().is_terminal(),
        )),
    })
}

fn stolen_passwords(config: &Config) -> Result<Option<Arc<dyn StolenPasswords>>, Failure> {
    let Some(path) = &config.people.stolen_passwords else {
        return Ok(None);
    };
    let list = BreachList::open(path)
        .map_err(|refused| format!("AUTH_BREACHED_PASSWORDS_FILE {}: {refused}", path.display()))?;
    Ok(Some(Arc::new(list)))
}

fn settings(config: &Config) -> PeopleSettings {
    let hour = Duration::from_hours(1);
    PeopleSettings {
        public_url: config.http.public_base().to_owned(),
        secret: LinkSecret::derived_from(&config.auth.password_pepper),
        reset_life: config.people.reset_life,
        verification_life: config.people.verification_life,
        invitation_life: config.people.invitation_life,
        history: config.people.password_history,
        limits: PeopleLimits {
            per_address: Rate::new(5, hour),
            per_network: Rate::new(50, hour),
            per_tenant: Rate::new(100, hour),
        },
    }
}
