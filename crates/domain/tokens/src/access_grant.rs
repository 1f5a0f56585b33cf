//! Access tokens without a session: those of apps, and those that somebody acts with for somebody else.

use chancery_access::{Scopes, Subject};
use chancery_ambient::{Fault, Timestamp};
use chancery_ids::{SessionId, TenantId};
use chancery_token_verify::{AccessClaims, Actor, MayAct, TokenKind};
use secrecy::SecretString;

use crate::TokenService;

/// What an access token shall say.
#[derive(Debug, Clone)]
pub struct AccessGrant {
    /// The tenant acted for.
    pub tenant: TenantId,
    /// Who is acted for.
    pub subject: Subject,
    /// The client it is issued to (`client_id`).
    pub client_id: String,
    /// What it allows.
    pub scopes: Scopes,
    /// `sv`: the subject's epoch.
    pub subject_epoch: u64,
    /// `tv`: the tenant's epoch.
    pub tenant_epoch: u64,
    /// The session it ends with.
    pub session: Option<SessionId>,
    /// Whether the person's address was proved.
    pub email_verified: Option<bool>,
    /// Who acts.
    pub actor: Option<Actor>,
    /// Who may act.
    pub may_act: Option<Subject>,
    /// `aud`; the usual ones when empty.
    pub audiences: Vec<String>,
    /// It lives no longer than until then.
    pub ends_by: Option<Timestamp>,
}

/// An access token, just made.
#[derive(Debug)]
pub struct IssuedAccess {
    /// The token (RFC 9068).
    pub token: SecretString,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The same, in seconds from now.
    pub expires_in: u64,
    /// What it allows.
    pub scopes: Scopes,
}

impl TokenService {
    /// Signs an access token. Nothing of it is stored: it ends by its time or by revocation.
    pub fn issue_access(&self, grant: AccessGrant) -> Result<IssuedAccess, Fault> {
        let now = self.ambient.now().whole_seconds();
        let longest = now.plus(self.settings.access_life);
        let expires_at = grant
            .ends_by
            .map_or(longest, |end| end.whole_seconds().min(longest));
        let audiences = if grant.audiences.is_empty() {
            &self.settings.audiences
        } else {
            &grant.audiences
        };
        let claims = AccessClaims {
            iss: self.settings.issuer.clone(),
            aud: audiences.iter().cloned().collect(),
            sub: grant.subject,
            tenant_id: grant.tenant.named(),
            scope: grant.scopes.clone(),
            roles: Vec::new(),
            token_use: TokenKind::Access.rules().marker.value.to_owned(),
            jti: self.ambient.new_id(),
            sid: grant.session,
            client_id: grant.client_id,
            sv: grant.subject_epoch,
            tv: grant.tenant_epoch,
            iat: now,
            nbf: now,
            exp: expires_at,
            email_verified: grant.email_verified,
            account: None,
            fingerprint: None,
            act: grant.actor,
            may_act: grant.may_act.map(|sub| MayAct { sub }),
        };
        let signed = self.sign(TokenKind::Access, &claims)?;
        Ok(IssuedAccess {
            token: signed.token,
            expires_at,
            expires_in: expires_at.since(now).as_secs(),
            scopes: grant.scopes,
        })
    }

    /// Whether tokens are issued for each of these services.
    #[must_use]
    pub fn issues_for(&self, audiences: &[String]) -> bool {
        audiences
            .iter()
            .all(|audience| self.settings.audiences.contains(audience))
    }

    /// Whether the key of this thumbprint (RFC 7638) is one that this server publishes.
    #[must_use]
    pub fn is_own_key(&self, thumbprint: &str) -> bool {
        self.keys.publishes_any(|kid| kid.as_str() == thumbprint)
    }
}
