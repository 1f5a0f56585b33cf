//! The request that Vault signed, before its signature is looked at: everything cheap comes first.

use std::time::Duration;

use base64::{Engine, alphabet, engine};
use chancery_access::{Scope, Scopes};
use chancery_ambient::Timestamp;
use chancery_ids::TenantId;
use serde_json::{Map, Value};

/// The most bytes of a payload.
const LONGEST: usize = 4096;
/// What the payload says it comes from.
const ISSUER: &str = "vault-transit";
const SUBJECT: &str = "service-account-cli";
/// How long a payload may be used, by its own word.
const LIFE: Duration = Duration::from_mins(5);
/// How far clocks may be apart.
const SKEW: Duration = Duration::from_secs(30);
/// For how long after its end a payload's nonce is remembered.
const REMEMBERED: Duration = Duration::from_mins(1);

/// What a signed payload says, checked for form and time. Whether it was signed is the next question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payload {
    pub(super) account: String,
    pub(super) tenant: Option<TenantId>,
    pub(super) scopes: Scopes,
    pub(super) nonce: String,
    pub(super) fingerprint: Option<String>,
    /// Until when its nonce is remembered: by then it is refused for its age.
    pub(super) forget_at: Timestamp,
}

/// Why a payload was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadRefused {
    /// Nothing that can be read: bad request.
    #[error("{0}")]
    Malformed(&'static str),
    /// It can be read and does not count: not authenticated.
    #[error("{0}")]
    NotValid(String),
}

/// Padding may be there or not, and both alphabets are about.
const RELAXED: engine::GeneralPurposeConfig = engine::GeneralPurposeConfig::new()
    .with_decode_padding_mode(engine::DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(false);
const BASE64URL: engine::GeneralPurpose = engine::GeneralPurpose::new(&alphabet::URL_SAFE, RELAXED);

/// The payload's bytes, as they were signed.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, PayloadRefused> {
    if text.len() > LONGEST {
        return Err(PayloadRefused::Malformed("Vault payload too large."));
    }
    BASE64URL
        .decode(text.trim())
        .map_err(|_| PayloadRefused::Malformed("Invalid Vault payload encoding: not base64url."))
}

impl Payload {
    /// Reads the bytes. `audience` is this environment's name: a payload signed for another one does not count here.
    pub(super) fn read(bytes: &[u8], audience: &str, now: Timestamp) -> Result<Self, PayloadRefused> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|_| PayloadRefused::Malformed("Invalid Vault payload JSON: not a JSON text."))?;
        let Value::Object(members) = value else {
            return Err(PayloadRefused::Malformed("Unexpected Vault payload shape."));
        };
        require_members(&members)?;
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let refuse = |told: &str| Err(PayloadRefused::NotValid(told.to_owned()));
        if text("iss") != Some(ISSUER) {
            return refuse("Vault payload issuer is not vault-transit.");
        }
        if text("sub") != Some(SUBJECT) {
            return refuse("Vault payload subject is not service-account-cli.");
        }
        let addressed = strings(&members, "aud").is_some_and(|all| all.iter().any(|name| name == audience));
        if !addressed {
            return refuse("Vault payload audience does not include this service.");
        }
        let Some(scopes) = strings(&members, "scopes") else {
            return refuse("Vault payload scopes must be an array of strings.");
        };
        let scopes: Result<Scopes, _> = scopes.iter().map(|scope| Scope::parse(scope)).collect();
        let Ok(scopes) = scopes else {
            return refuse("Vault payload scopes are not scopes.");
        };
        let Some(account) = text("account") else {
            return refuse("Vault payload account must be a string.");
        };
        let nonce = text("nonce").filter(|nonce| (1..=255).contains(&nonce.len()));
        let Some(nonce) = nonce else {
            return refuse("Vault payload nonce must be a non-empty string.");
        };
        let tenant = match members.get("tenant_id") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => match text.parse() {
                Ok(tenant) => Some(tenant),
                Err(_) => return refuse("Vault payload tenant_id must be a UUID."),
            },
            Some(_) => return refuse("Vault payload tenant_id must be a UUID."),
        };
        let forget_at = check_times(&members, now)?;
        Ok(Self {
            account: account.to_owned(),
            tenant,
            scopes,
            nonce: nonce.to_owned(),
            fingerprint: text("fingerprint").map(ToOwned::to_owned),
            forget_at,
        })
    }
}

fn require_members(members: &Map<String, Value>) -> Result<(), PayloadRefused> {
    const REQUIRED: [&str; 8] = ["iss", "aud", "sub", "nonce", "iat", "exp", "account", "scopes"];
    let missing: Vec<_> = REQUIRED
        .into_iter()
        .filter(|name| !members.contains_key(*name))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        let told = format!("Vault payload missing fields: {}", missing.join(", "));
        Err(PayloadRefused::NotValid(told))
    }
}

/// `iat` in [now − 330 s, now + 30 s], `exp` in (now, iat + 300 s].
fn check_times(members: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, PayloadRefused> {
    let refuse = |told: &str| Err(PayloadRefused::NotValid(told.to_owned()));
    let time = |name: &str| {
        let seconds = members.get(name).and_then(Value::as_i64)?;
        Timestamp::from_unix_seconds(seconds)
    };
    let (Some(issued), Some(expires)) = (time("iat"), time("exp")) else {
        return refuse("Vault payload iat and exp must be whole seconds.");
    };
    if expires <= now {
        return refuse("Vault payload expired.");
    }
    if issued > now.plus(SKEW) {
        return refuse("Vault payload issued in the future.");
    }
    if now > issued.plus(LIFE + SKEW) {
        return refuse("Vault payload issued too long ago.");
    }
    if expires > issued.plus(LIFE) {
        return refuse("Vault payload lives longer than five minutes.");
    }
    Ok(expires.plus(REMEMBERED))
}

fn strings(members: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let list = members.get(name)?.as_array()?;
    list.iter()
        .map(|entry| entry.as_str().map(ToOwned::to_owned))
        .collect()
}

#[cfg(test)]
mod tests;
