//! Credentials and tokens as clients send and read them.

use chancery_ambient::Timestamp;
use chancery_ids::TenantId;
use chancery_tokens::TokenPair;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    body::Checked,
    problem::{Violation, Violations},
};

/// The longest password, in bytes.
const PASSWORD_BYTES: usize = 1024;
/// The longest name that a client may give its device, in bytes.
const FINGERPRINT_BYTES: usize = 255;

/// A login. The first version called the address `username`; `email` counts where both are sent.
#[derive(Deserialize, ToSchema)]
pub(super) struct LoginBody {
    email: Option<String>,
    username: Option<String>,
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// For people who belong to several tenants.
    #[schema(format = Uuid)]
    tenant_id: Option<String>,
    /// A name of the client's own for its device, at most 255 bytes. The session is bound to it: whoever refreshes has to
    /// send it again.
    fingerprint: Option<String>,
}

/// A login whose form is right.
pub(super) struct Login {
    pub(super) email: String,
    pub(super) password: SecretString,
    pub(super) tenant: Option<TenantId>,
    pub(super) device: Option<String>,
}

impl Checked for LoginBody {
    type Valid = Login;

    fn check(self) -> Result<Login, Violations> {
        let mut violations = Violations::default();
        let email = self.email.or(self.username);
        if email.is_none() {
            violations.add(Violation::new("body", "missing", "Field required").at("email"));
        }
        match self.password.expose_secret().len() {
            0 => violations.add(too_short("password")),
            1..=PASSWORD_BYTES => {}
            _ => violations.add(too_long("password", PASSWORD_BYTES)),
        }
        let tenant = self.tenant_id.map(|id| id.parse());
        if matches!(tenant, Some(Err(_))) {
            let violation = Violation::new("body", "uuid_parsing", "Input should be a valid UUID");
            violations.add(violation.at("tenant_id"));
        }
        let device = device(self.fingerprint, &mut violations);
        let tenant = tenant.and_then(Result::ok);
        violations.or(Login {
            email: email.unwrap_or_default(),
            password: self.password,
            tenant,
            device,
        })
    }
}

/// A refresh token to exchange.
#[derive(Deserialize, ToSchema)]
pub(super) struct RefreshBody {
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    refresh_token: SecretString,
    /// The same as at login, where one was sent.
    fingerprint: Option<String>,
}

/// A refresh whose form is right.
pub(super) struct Refresh {
    pub(super) token: SecretString,
    pub(super) device: Option<String>,
}

impl Checked for RefreshBody {
    type Valid = Refresh;

    fn check(self) -> Result<Refresh, Violations> {
        let mut violations = Violations::default();
        let device = device(self.fingerprint, &mut violations);
        violations.or(Refresh {
            token: self.refresh_token,
            device,
        })
    }
}

/// The refresh token of the session to end.
#[derive(Deserialize, ToSchema)]
pub(super) struct LogoutBody {
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    refresh_token: SecretString,
}

impl Checked for LogoutBody {
    type Valid = SecretString;

    fn check(self) -> Result<SecretString, Violations> {
        Ok(self.refresh_token)
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// An empty name is none.
fn device(fingerprint: Option<String>, violations: &mut Violations) -> Option<String> {
    let device = fingerprint.filter(|name| !name.is_empty());
    if device.as_ref().is_some_and(|name| name.len() > FINGERPRINT_BYTES) {
        violations.add(too_long("fingerprint", FINGERPRINT_BYTES));
    }
    device
}

fn too_short(name: &'static str) -> Violation {
    let violation = Violation::new(
        "body",
        "string_too_short",
        "String should have at least 1 character",
    );
    violation.at(name).ctx(json!({"min_length": 1}))
}

fn too_long(name: &'static str, most: usize) -> Violation {
    let violation = Violation::new(
        "body",
        "string_too_long",
        format!("String should have at most {most} bytes"),
    );
    violation.at(name).ctx(json!({"max_length": most}))
}

/// A pair of tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenAnswer {
    access_token: String,
    /// The same claims signed by the staged key, for a canary verifier (`AUTH_DUAL_SIGNING_ENABLED`).
    #[serde(skip_serializing_if = "Option::is_none")]
    secondary_access_token: Option<String>,
    refresh_token: String,
    /// Always `bearer`.
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: u64,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    refresh_expires_at: Timestamp,
    /// The key that signed the access token.
    kid: String,
    /// The key that signed the refresh token.
    refresh_kid: String,
    scopes: Vec<String>,
    /// Null for a service account of no tenant.
    #[schema(format = Uuid)]
    tenant_id: Option<String>,
    /// Null for a service account.
    #[schema(format = Uuid)]
    user_id: Option<String>,
    email_verified: bool,
    #[schema(format = Uuid)]
    session_id: String,
}

impl From<TokenPair> for TokenAnswer {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access_token.expose_secret().to_owned(),
            secondary_access_token: pair
                .secondary_access_token
                .map(|token| token.expose_secret().to_owned()),
            refresh_token: pair.refresh_token.expose_secret().to_owned(),
            token_type: "bearer",
            expires_in: pair.expires_in,
            expires_at: pair.expires_at,
            refresh_expires_at: pair.refresh_expires_at,
            kid: pair.kid,
            refresh_kid: pair.refresh_kid,
            scopes: pair.scopes.iter().map(ToString::to_string).collect(),
            tenant_id: pair.tenant.named().map(|tenant| tenant.to_string()),
            user_id: pair.subject.person().map(|user| user.to_string()),
            email_verified: pair.email_verified,
            session_id: pair.session.to_string(),
        }
    }
}

/// What `/auth/logout` did.
#[derive(Serialize, ToSchema)]
pub(super) struct LogoutAnswer {
    /// Whether the session was alive until now.
    pub(super) revoked: bool,
}
