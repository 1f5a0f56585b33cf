//! What a session is granted, and the tokens it is handed.

use chancery_access::{Scopes, Subject, TenantRole};
use chancery_ambient::Timestamp;
use chancery_ids::{SessionId, TenantId};
use secrecy::SecretString;

use crate::Seen;

/// What the caller may do according to live rows, now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The role, when the subject is a person.
    pub role: Option<TenantRole>,
    /// What the role, or the catalogue, allows.
    pub scopes: Scopes,
    /// Whether the address was proved.
    pub email_verified: bool,
    /// `sv`: the subject's epoch.
    pub subject_epoch: u64,
    /// `tv`: the tenant's epoch.
    pub tenant_epoch: u64,
}

/// A login that succeeded.
#[derive(Debug, Clone)]
pub struct SessionGrant {
    /// The tenant logged in to.
    pub tenant: TenantId,
    /// Who logged in.
    pub subject: Subject,
    /// The client's id.
    pub client_id: String,
    /// What the subject may do. Its scopes are the most that this family ever allows.
    pub authority: Authority,
    /// A name of the device that the client chose; a refresh has to show it again. At most 255 bytes.
    pub device: Option<String>,
    /// From where.
    pub seen: Seen,
}

/// An access token and the refresh token that follows it.
#[derive(Debug)]
pub struct TokenPair {
    /// For every call (RFC 9068).
    pub access_token: SecretString,
    /// The same token signed by the staged key, where second tokens are signed: for a canary.
    pub secondary_access_token: Option<SecretString>,
    /// For the next pair.
    pub refresh_token: SecretString,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// The same, in seconds from now.
    pub expires_in: u64,
    /// When the refresh token expires.
    pub refresh_expires_at: Timestamp,
    /// The key that signed the access token.
    pub kid: String,
    /// The key that signed the refresh token.
    pub refresh_kid: String,
    /// What the access token allows.
    pub scopes: Scopes,
    /// The session.
    pub session: SessionId,
    /// The tenant.
    pub tenant: TenantId,
    /// Who.
    pub subject: Subject,
    /// Whether the address was proved.
    pub email_verified: bool,
}
