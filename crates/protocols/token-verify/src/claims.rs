//! What tokens say. The issuer fills these, the verifier gives them back; claims that are not listed are ignored on
//! reading.

use chancery_access::{Principal, Proof, Scopes, Subject, TenantRole};
use chancery_ambient::Timestamp;
use chancery_ids::{SessionId, TenantId, TokenId};
use serde::{Deserialize, Serialize};

use crate::{Audiences, KindRules, Refusal, TokenKind, numeric_date};

/// The claims of an access token (RFC 9068 section 2.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer.
    pub iss: String,
    /// The services the token is for.
    pub aud: Audiences,
    /// Who is calling.
    pub sub: Subject,
    /// The tenant acted for. A service account that belongs to no tenant has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// What the token allows.
    pub scope: Scopes,
    /// The caller's roles, by name: a verifier of an older version has to live with one it does not know.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The marker of the kind: `access`.
    pub token_use: String,
    /// The token itself.
    pub jti: TokenId,
    /// The session, when the token came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// The client the token was issued to.
    pub client_id: String,
    /// The subject's epoch: a token with a lower one than the subject's is revoked.
    pub sv: u64,
    /// The tenant's epoch: a token with a lower one than the tenant's is revoked.
    pub tv: u64,
    /// When it was issued.
    #[serde(with = "numeric_date")]
    pub iat: Timestamp,
    /// From when on it counts.
    #[serde(with = "numeric_date")]
    pub nbf: Timestamp,
    /// From when on it counts no more.
    #[serde(with = "numeric_date")]
    pub exp: Timestamp,
    /// Whether the person's e-mail address is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    /// The service account's name, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The device or machine the caller named when it logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Who acts for the subject (RFC 8693 section 4.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Actor>,
    /// Who may exchange this token for one that says they act (RFC 8693 section 4.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_act: Option<MayAct>,
}

/// Somebody who acts for the subject, and whoever acted before them. Only the outermost counts for decisions; all of them
/// count for revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Who.
    pub sub: Subject,
    /// The actor's epoch: a token with a lower one than the actor's is revoked.
    pub sv: u64,
    /// On whose behalf the actor was asked, when that was not the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Self>>,
}

impl Actor {
    /// The actor and those before, the outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |actor| actor.act.as_deref())
    }
}

/// Who may act for the subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MayAct {
    /// Who.
    pub sub: Subject,
}

impl AccessClaims {
    /// The highest role the token names that this version knows.
    #[must_use]
    pub fn role(&self) -> Option<TenantRole> {
        self.roles.iter().filter_map(|role| role.parse().ok()).max()
    }

    /// Who is calling with a token of these claims. Only a service account can belong to no tenant, and so to
    /// [`TenantId::PLATFORM`].
    ///
    /// # Errors
    /// [`Refusal::InvalidClaims`] for anybody else without a tenant.
    pub fn principal(&self) -> Result<Principal, Refusal> {
        let tenant = match (self.tenant_id, &self.sub) {
            (Some(tenant), _) => tenant,
            (None, Subject::ServiceAccount(_)) => TenantId::PLATFORM,
            (None, Subject::Person(_) | Subject::App(_)) => return Err(Refusal::InvalidClaims),
        };
        let actors = self.act.iter().flat_map(Actor::chain);
        Ok(Principal {
            tenant,
            subject: self.sub.clone(),
            role: self.role(),
            scopes: self.scope.clone(),
            session: self.sid,
            token: self.jti,
            actors: actors.map(|actor| actor.sub.clone()).collect(),
            proof: Proof::Full,
        })
    }

    pub(crate) fn registered(&self) -> Registered<'_> {
        Registered {
            rules: TokenKind::Access.rules(),
            iss: &self.iss,
            aud: &self.aud,
            marker: &self.token_use,
            iat: self.iat,
            nbf: self.nbf,
            exp: self.exp,
        }
    }
}

/// The claims of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshClaims {
    /// The issuer.
    pub iss: String,
    /// The issuer again: nobody else takes it.
    pub aud: Audiences,
    /// Who logged in.
    pub sub: Subject,
    /// The tenant logged in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// The most that access tokens of this family may allow.
    pub scope: Scopes,
    /// The marker of the kind: `refresh`.
    pub token_use: String,
    /// The token itself.
    pub jti: TokenId,
    /// The family, which is the session.
    pub sid: SessionId,
    /// Which token of its family it is, from 1.
    #[serde(rename = "gen")]
    pub generation: u64,
    /// A MAC over (`sid`, `gen`) under the server's secret: tells an old genuine token from a forged one when the key
    /// that signed it is long gone.
    #[serde(rename = "gmac")]
    pub generation_mac: String,
    /// When it was issued.
    #[serde(with = "numeric_date")]
    pub iat: Timestamp,
    /// From when on it counts.
    #[serde(with = "numeric_date")]
    pub nbf: Timestamp,
    /// From when on it counts no more.
    #[serde(with = "numeric_date")]
    pub exp: Timestamp,
    /// The service account's name, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The device or machine the caller named when it logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl RefreshClaims {
    pub(crate) fn registered(&self) -> Registered<'_> {
        Registered {
            rules: TokenKind::Refresh.rules(),
            iss: &self.iss,
            aud: &self.aud,
            marker: &self.token_use,
            iat: self.iat,
            nbf: self.nbf,
            exp: self.exp,
        }
    }
}

/// The claims that are judged alike in every kind of token.
pub(crate) struct Registered<'c> {
    pub(crate) rules: &'static KindRules,
    pub(crate) iss: &'c str,
    pub(crate) aud: &'c Audiences,
    pub(crate) marker: &'c str,
    pub(crate) iat: Timestamp,
    pub(crate) nbf: Timestamp,
    pub(crate) exp: Timestamp,
}
