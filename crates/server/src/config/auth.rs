//! Tokens, passwords and the first owner.

use std::{path::Path, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::{DevelopmentSecrets, Http, Source};

const AUDIENCES: [&str; 5] = [
    "agent-api",
    "analytics-service",
    "billing-worker",
    "support-console",
    "synthetic-monitor",
];

/// Tokens, passwords and the first owner.
#[derive(Debug)]
pub(crate) struct Auth {
    /// `AUTH_ISSUER`: `iss`.
    pub issuer: String,
    /// `AUTH_AUDIENCE`: access tokens carry all, verification asks for one.
    pub audiences: Vec<String>,
    /// `ACCESS_TOKEN_EXPIRE_MINUTES`.
    pub access_life: Duration,
    /// `AUTH_REFRESH_TOKEN_TTL_MINUTES`.
    pub refresh_life: Duration,
    /// `AUTH_SESSION_MAX_DAYS`.
    pub session_max: Duration,
    /// `AUTH_REFRESH_GRACE_SECONDS`.
    pub grace: Duration,
    /// `AUTH_VERIFIED_TOKEN_CACHE_SIZE`: how many access tokens are remembered whose signature was checked; 0 for none.
    pub warm_tokens: usize,
    /// `AUTH_JWKS_MAX_AGE_SECONDS`.
    pub jwks_max_age: Duration,
    /// `AUTH_ROTATION_OVERLAP_MINUTES`: for how long a key may be staged before it signs.
    pub rotation_overlap: Duration,
    /// `AUTH_DUAL_SIGNING_OVERLAP_MINUTES`, where `AUTH_DUAL_SIGNING_ENABLED`: for how long a staged key signs second tokens.
    pub dual_signing: Option<Duration>,
    /// `AUTH_SIGNING_ALG_NAME` is `Ed25519` (RFC 9864) instead of `EdDSA`.
    pub exact_algorithm_name: bool,
    /// `AUTH_REFRESH_TOKEN_PEPPER`: one secret, or several `id:secret`.
    pub refresh_pepper: SecretString,
    /// `AUTH_PASSWORD_PEPPER`, likewise.
    pub password_pepper: SecretString,
    /// `AUTH_LOCKOUT_THRESHOLD`: tries for one address by devices that never logged in; 0 for no end.
    pub lockout_threshold: u64,
    /// `AUTH_LOCKOUT_WINDOW_MINUTES`.
    pub lockout_window: Duration,
    /// `AUTH_IP_LOCKOUT_THRESHOLD`: failures from one /24 or /64; 0 for no end.
    pub ip_lockout_threshold: u64,
    /// `AUTH_IP_LOCKOUT_WINDOW_MINUTES`.
    pub ip_lockout_window: Duration,
    /// The first owner, when settings name one.
    pub bootstrap: Option<Bootstrap>,
}

/// `BOOTSTRAP_OWNER_EMAIL` and `BOOTSTRAP_OWNER_PASSWORD`.
#[derive(Debug)]
pub(crate) struct Bootstrap {
    /// The address.
    pub email: String,
    /// The password; must pass the policy.
    pub password: SecretString,
}

impl Auth {
    pub(super) fn read(
        source: &mut Source,
        http: &Http,
        data_dir: &Path,
        development: bool,
    ) -> Result<Self, String> {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let jwks_cache = source.number("AUTH_JWKS_CACHE_SECONDS", 300, 1..=86_400);
        let dual_signing = source.flag("AUTH_DUAL_SIGNING_ENABLED").unwrap_or(false);
        let dual_overlap = minutes(source.number("AUTH_DUAL_SIGNING_OVERLAP_MINUTES", 60, 1..=1440));
        let mut pepper = |name| pepper(source, name, data_dir, development);
        let refresh_pepper = pepper("AUTH_REFRESH_TOKEN_PEPPER");
        let password_pepper = pepper("AUTH_PASSWORD_PEPPER");
        let auth = Self {
            issuer: source
                .text("AUTH_ISSUER")
                .unwrap_or_else(|| http.public_base().to_owned()),
            audiences: source.list("AUTH_AUDIENCE", &AUDIENCES),
            access_life: minutes(source.number("ACCESS_TOKEN_EXPIRE_MINUTES", 15, 1..=30)),
            refresh_life: minutes(source.number("AUTH_REFRESH_TOKEN_TTL_MINUTES", 43_200, 1..=43_200)),
            session_max: minutes(24 * 60 * source.number("AUTH_SESSION_MAX_DAYS", 90, 1..=365)),
            grace: Duration::from_secs(source.number("AUTH_REFRESH_GRACE_SECONDS", 10, 0..=60)),
            warm_tokens: usize::try_from(source.number(
                "AUTH_VERIFIED_TOKEN_CACHE_SIZE",
                10_000,
                0..=10_000_000,
            ))
            .unwrap_or(usize::MAX),
            jwks_max_age: Duration::from_secs(source.number(
                "AUTH_JWKS_MAX_AGE_SECONDS",
                jwks_cache,
                1..=86_400,
            )),
            rotation_overlap: minutes(source.number("AUTH_ROTATION_OVERLAP_MINUTES", 1440, 1..=525_600)),
            dual_signing: dual_signing.then_some(dual_overlap),
            lockout_threshold: source.number("AUTH_LOCKOUT_THRESHOLD", 5, 0..=1_000_000),
            lockout_window: minutes(source.number("AUTH_LOCKOUT_WINDOW_MINUTES", 60, 1..=1440)),
            ip_lockout_threshold: source.number("AUTH_IP_LOCKOUT_THRESHOLD", 50, 0..=1_000_000),
            ip_lockout_window: minutes(source.number("AUTH_IP_LOCKOUT_WINDOW_MINUTES", 10, 1..=1440)),
            exact_algorithm_name: source.is_other("AUTH_SIGNING_ALG_NAME", "EdDSA", "Ed25519"),
            refresh_pepper: refresh_pepper?,
            password_pepper: password_pepper?,
            bootstrap: Bootstrap::read(source),
        };
        if auth.audiences.is_empty() {
            source.refuse("AUTH_AUDIENCE", "must name at least one audience");
        }
        Ok(auth)
    }
}

impl Bootstrap {
    fn read(source: &mut Source) -> Option<Self> {
        match (
            source.text("BOOTSTRAP_OWNER_EMAIL"),
            source.text("BOOTSTRAP_OWNER_PASSWORD"),
        ) {
            (Some(email), Some(password)) => Some(Self {
                email,
                password: password.into(),
            }),
            (None, None) => None,
            _ => {
                source.refuse(
                    "BOOTSTRAP_OWNER_EMAIL",
                    "and BOOTSTRAP_OWNER_PASSWORD go together",
                );
                None
            }
        }
    }
}

/// A pepper from the settings; in development, one made once and kept under `DATA_DIR`.
fn pepper(
    source: &mut Source,
    name: &'static str,
    data_dir: &Path,
    development: bool,
) -> Result<SecretString, String> {
    if let Some(text) = source.text(name) {
        let secrets = text
            .split(',')
            .map(|entry| entry.split_once(':').map_or(entry, |(_, secret)| secret));
        for secret in secrets {
            if secret.starts_with("local-dev-") || secret.starts_with("change-me") {
                source.refuse(name, "is a published default; set a secret of your own");
            } else if !development && secret.len() < 32 {
                source.refuse(name, "must have at least 32 bytes outside development");
            }
        }
        return Ok(text.into());
    }
    if !development {
        source.refuse(
            name,
            "must be set outside development: 32 random bytes or more, the same on every replica",
        );
        return Ok(String::new().into());
    }
    let secrets = DevelopmentSecrets::open(data_dir).map_err(|error| format!("{name}: {error}"))?;
    Ok(secrets.of(name).expose_secret().to_owned().into())
}
