//! A refresh family: one login, one row, one current token.

use std::fmt;

use chancery_access::{Principal, Scopes, Subject};
use chancery_ambient::Timestamp;
use chancery_ids::{SessionId, TenantId};

use crate::{EndReason, Seen};

/// A login session and its refresh token, which rotates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// The session (`sid`).
    pub sid: SessionId,
    /// The tenant logged in to.
    pub tenant: TenantId,
    /// Who logged in.
    pub subject: Subject,
    /// The client's id, or the kind of login.
    pub client_id: String,
    /// The most that access tokens of this family may allow.
    pub scopes: Scopes,
    /// What a refresh must show besides the token.
    pub binding: Binding,
    /// 1 for the first token, one more at each rotation.
    pub generation: u64,
    /// Check value of the current token.
    pub current: TokenMac,
    /// Check value of the token before it.
    pub previous: Option<TokenMac>,
    /// The current token, sealed.
    pub sealed: SealedToken,
    /// The key id that signed the current token.
    pub signing_kid: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When the current token was made.
    pub rotated_at: Timestamp,
    /// When the current token expires.
    pub expires_at: Timestamp,
    /// When the family ends, however often it was refreshed.
    pub ends_at: Timestamp,
    /// From where it was used last.
    pub seen: Seen,
    /// When and why it was ended before its time.
    pub ended: Option<(Timestamp, EndReason)>,
}

impl Family {
    /// Whether it is a session of this caller, in the tenant they call for.
    #[must_use]
    pub fn belongs_to(&self, caller: &Principal) -> bool {
        self.tenant == caller.tenant && self.subject == caller.subject
    }

    /// Whether using the refresh token replaces it. A service account's stays: the jobs of one account share it, and none of
    /// them could tell the others about a new one.
    #[must_use]
    pub const fn rotates(&self) -> bool {
        !matches!(self.subject, Subject::ServiceAccount(_))
    }

    /// The service account's name, when it is one.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        match &self.subject {
            Subject::ServiceAccount(account) => Some(account),
            Subject::Person(_) | Subject::App(_) => None,
        }
    }
}

/// What replaces the current token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The check value that must still be current.
    pub replaces: TokenMac,
    /// The new one.
    pub current: TokenMac,
    /// The new token, sealed.
    pub sealed: SealedToken,
    /// The key id that signed it.
    pub signing_kid: String,
    /// When.
    pub at: Timestamp,
    /// When the new token expires.
    pub expires_at: Timestamp,
    /// From where it was asked for; what was seen before stays, where that is not known.
    pub seen: Option<Seen>,
}

/// What a refresh must show besides the token: the strongest that the family was born with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// Nothing.
    None,
    /// SHA-256 of the device id that the client sent at login.
    Device([u8; 32]),
}

/// HMAC-SHA-256 of a refresh token under a pepper, with the pepper's id.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenMac {
    /// Which pepper.
    pub pepper_id: String,
    /// The code. Compare in constant time.
    pub mac: [u8; 32],
}

impl fmt::Debug for TokenMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenMac({}, …)", self.pepper_id)
    }
}

/// A refresh token under AES-256-GCM: version byte, nonce, ciphertext and tag.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedToken(pub Vec<u8>);

impl fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedToken({} bytes)", self.0.len())
    }
}
