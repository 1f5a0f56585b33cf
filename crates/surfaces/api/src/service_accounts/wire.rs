//! Requests for tokens of service accounts, and the tokens, as clients send and read them.

use chancery_access::{Scope, Scopes};
use chancery_accounts::{IssueRequest, IssuedServiceToken};
use chancery_ambient::Timestamp;
use chancery_ids::TenantId;
use chancery_tokens::{Binding, Family};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    auth::short_hex,
    body::Checked,
    problem::{Violation, Violations},
};

/// What is asked for.
#[derive(Deserialize, ToSchema)]
pub(super) struct IssueBody {
    /// The account, as the catalogue names it.
    account: String,
    /// What its access tokens shall allow. Blank ones are left out.
    scopes: Vec<String>,
    /// Needed for an account of tenants, forbidden for a global one.
    #[schema(format = Uuid)]
    tenant_id: Option<String>,
    /// Shorter than the account's usual life.
    #[schema(minimum = 1)]
    lifetime_minutes: Option<i64>,
    /// The machine that alone may use the token.
    fingerprint: Option<String>,
    /// Whether a live token is replaced.
    #[serde(default)]
    force: bool,
}

impl Checked for IssueBody {
    type Valid = IssueRequest;

    fn check(self) -> Result<IssueRequest, Violations> {
        let mut violations = Violations::default();
        let texts = self.scopes.iter().map(|text| text.trim());
        let scopes: Result<Scopes, _> = texts.filter(|text| !text.is_empty()).map(Scope::parse).collect();
        if let Err(error) = &scopes {
            violations.add(Violation::new("body", "value_error", error.to_string()).at("scopes"));
        }
        let tenant = self.tenant_id.map(|id| id.parse::<TenantId>());
        if matches!(tenant, Some(Err(_))) {
            let violation = Violation::new("body", "uuid_parsing", "Input should be a valid UUID");
            violations.add(violation.at("tenant_id"));
        }
        let minutes = self.lifetime_minutes.map(u64::try_from);
        if matches!(minutes, Some(Err(_) | Ok(0))) {
            let violation = Violation::new("body", "greater_than", "Input should be greater than 0");
            violations.add(violation.at("lifetime_minutes").ctx(json!({"gt": 0})));
        }
        violations.or(IssueRequest {
            account: self.account,
            scopes: scopes.unwrap_or_default(),
            tenant: tenant.and_then(Result::ok),
            lifetime_minutes: minutes.and_then(Result::ok),
            fingerprint: self.fingerprint.filter(|name| !name.is_empty()),
            force: self.force,
        })
    }
}

/// The same with a reason, which is kept.
#[derive(Deserialize, ToSchema)]
pub(super) struct BrowserIssueBody {
    #[serde(flatten)]
    wanted: IssueBody,
    /// Why, in 1 to 256 characters.
    reason: String,
}

const LONGEST_REASON: usize = 256;

impl Checked for BrowserIssueBody {
    type Valid = (IssueRequest, String);

    fn check(self) -> Result<Self::Valid, Violations> {
        let reason = self.reason.trim().to_owned();
        check_reason(&reason, 1)?;
        Ok((self.wanted.check()?, reason))
    }
}

/// Why a token is ended.
#[derive(Deserialize, ToSchema)]
pub(super) struct RevokeBody {
    /// In at most 256 characters.
    reason: Option<String>,
}

impl Checked for RevokeBody {
    type Valid = String;

    fn check(self) -> Result<String, Violations> {
        let reason = self.reason.unwrap_or_default().trim().to_owned();
        check_reason(&reason, 0)?;
        Ok(if reason.is_empty() {
            "revoked by an administrator".to_owned()
        } else {
            reason
        })
    }
}

fn check_reason(reason: &str, least: usize) -> Result<(), Violations> {
    let length = reason.chars().count();
    if length < least {
        let violation = Violation::new(
            "body",
            "string_too_short",
            "String should have at least 1 character",
        );
        return Err(Violations::from(
            violation.at("reason").ctx(json!({"min_length": 1})),
        ));
    }
    if length > LONGEST_REASON {
        let violation = Violation::new(
            "body",
            "string_too_long",
            "String should have at most 256 characters",
        );
        return Err(Violations::from(
            violation.at("reason").ctx(json!({"max_length": LONGEST_REASON})),
        ));
    }
    Ok(())
}

/// A token of a service account. It stays as it is until it expires: `/auth/refresh` and `/oauth/token` give access tokens for it.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceTokenAnswer {
    refresh_token: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    issued_at: Timestamp,
    scopes: Vec<String>,
    #[schema(value_type = Option<String>, format = Uuid)]
    tenant_id: Option<TenantId>,
    /// The key that signed it.
    kid: String,
    account: String,
    /// Always `refresh`.
    token_use: &'static str,
    /// Names the token, for the list and to end it.
    #[schema(format = Uuid)]
    jti: String,
}

impl ServiceTokenAnswer {
    pub(super) fn new(issued: &IssuedServiceToken) -> Self {
        let family = &issued.family;
        Self {
            refresh_token: issued.refresh_token.expose_secret().to_owned(),
            expires_at: family.expires_at,
            issued_at: family.created_at,
            scopes: scopes_of(family),
            tenant_id: family.tenant.named(),
            kid: family.signing_kid.clone(),
            account: family.client_id.clone(),
            token_use: "refresh",
            jti: family.sid.to_string(),
        }
    }
}

/// A token in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceTokenItem {
    #[schema(format = Uuid)]
    jti: String,
    account: String,
    #[schema(value_type = Option<String>, format = Uuid)]
    tenant_id: Option<TenantId>,
    scopes: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    issued_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// Tells the machine it is bound to from others.
    fingerprint: Option<String>,
    signing_kid: String,
}

/// Tokens, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceTokenList {
    items: Vec<ServiceTokenItem>,
    total: u64,
    limit: usize,
    offset: usize,
}

impl ServiceTokenList {
    pub(super) fn new(found: &[Family], total: u64, limit: usize, offset: usize) -> Self {
        let item = |family: &Family| ServiceTokenItem {
            jti: family.sid.to_string(),
            account: family.client_id.clone(),
            tenant_id: family.tenant.named(),
            scopes: scopes_of(family),
            issued_at: family.created_at,
            expires_at: family.expires_at,
            revoked_at: family.ended.map(|(at, _)| at),
            fingerprint: match &family.binding {
                Binding::None => None,
                Binding::Device(digest) => short_hex(digest),
            },
            signing_kid: family.signing_kid.clone(),
        };
        Self {
            items: found.iter().map(item).collect(),
            total,
            limit,
            offset,
        }
    }
}

fn scopes_of(family: &Family) -> Vec<String> {
    family.scopes.iter().map(ToString::to_string).collect()
}

/// What ending a token did.
#[derive(Serialize, ToSchema)]
pub(super) struct RevokeAnswer {
    /// Whether it was alive until now.
    pub(super) revoked: bool,
}
