//! Every kind of token, in one table. Whatever issues, verifies or documents tokens reads it here.
//!
//! To add a kind: a variant of [`TokenKind`], a row of [`TOKEN_KINDS`] and the line in [`TokenKind::rules`] that the
//! compiler then asks for, the claims in `claims.rs`, a method of `Verifier`, and the kind's token in the matrix test.

use std::{fmt, time::Duration};

use chancery_jose::{Algorithm, KeyType};

/// A kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Shown with every call of the API (RFC 9068).
    Access,
    /// Exchanged for the next access token, once.
    Refresh,
}

impl TokenKind {
    /// Its row of the table.
    #[must_use]
    pub const fn rules(self) -> &'static KindRules {
        let [access, refresh] = &TOKEN_KINDS;
        match self {
            Self::Access => access,
            Self::Refresh => refresh,
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rules().name)
    }
}

/// The table.
pub static TOKEN_KINDS: [KindRules; 2] = [
    KindRules {
        kind: TokenKind::Access,
        name: "access",
        key_set: KeySetName::Api,
        algorithms: &[Algorithm::EdDsa, Algorithm::Ed25519],
        typ: "at+jwt",
        marker: Marker {
            claim: "token_use",
            value: "access",
        },
        issuer: IssuerRule::Api,
        audience: AudienceRule::AnyAccepted,
        max_life: Duration::from_mins(30),
        decided_by: DecidedBy::Signature,
        stored: false,
        rotated: false,
        revocable_by: &[
            RevocableBy::Token,
            RevocableBy::Session,
            RevocableBy::Subject,
            RevocableBy::Client,
            RevocableBy::Tenant,
            RevocableBy::Key,
        ],
        accepted_where: "Authorization header of /api/v1 and of services that verify tokens themselves; /oauth/introspect",
    },
    KindRules {
        kind: TokenKind::Refresh,
        name: "refresh",
        key_set: KeySetName::Api,
        algorithms: &[Algorithm::EdDsa, Algorithm::Ed25519],
        typ: "rt+jwt",
        marker: Marker {
            claim: "token_use",
            value: "refresh",
        },
        issuer: IssuerRule::Api,
        audience: AudienceRule::Issuer,
        max_life: Duration::from_hours(30 * 24),
        decided_by: DecidedBy::StoredCode,
        stored: true,
        rotated: true,
        revocable_by: &[
            RevocableBy::Session,
            RevocableBy::Subject,
            RevocableBy::Client,
            RevocableBy::Tenant,
            RevocableBy::Key,
        ],
        accepted_where: "body of /api/v1/auth/refresh, /api/v1/auth/logout, /oauth/token, /oauth/revoke and /oauth/introspect",
    },
];

/// What a kind of token is and how it is judged.
#[derive(Debug)]
pub struct KindRules {
    /// The kind this row is about.
    pub kind: TokenKind,
    /// Its name in logs and metrics.
    pub name: &'static str,
    /// The one key set its signing key is looked up in.
    pub key_set: KeySetName,
    /// The values of `alg` it may carry.
    pub algorithms: &'static [Algorithm],
    /// The value of `typ` it carries, byte for byte.
    pub typ: &'static str,
    /// The claim that says again what kind it is, inside what is signed.
    pub marker: Marker,
    /// Whose `iss` it carries.
    pub issuer: IssuerRule,
    /// Whose `aud` it carries.
    pub audience: AudienceRule,
    /// The most that may lie between `iat` and `exp`.
    pub max_life: Duration,
    /// What makes it valid.
    pub decided_by: DecidedBy,
    /// Whether the server keeps something of each.
    pub stored: bool,
    /// Whether using it replaces it.
    pub rotated: bool,
    /// The revocations that end it.
    pub revocable_by: &'static [RevocableBy],
    /// Where it may be shown, for people to read.
    pub accepted_where: &'static str,
}

/// A claim with one fixed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// The claim's name.
    pub claim: &'static str,
    /// Its value.
    pub value: &'static str,
}

/// The name of a key set. There are two, and no verification searches both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeySetName {
    /// Signs the tokens of the API: Ed25519.
    Api,
    /// Signs what agent-trust verifiers read: P-256, which published ones demand.
    Trust,
}

impl KeySetName {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Api, Self::Trust];

    /// The name in storage, settings and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Trust => "trust",
        }
    }

    /// The one type of key the set holds.
    #[must_use]
    pub const fn key_type(self) -> KeyType {
        match self {
            Self::Api => KeyType::Ed25519,
            Self::Trust => KeyType::P256,
        }
    }
}

impl fmt::Display for KeySetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which issuer a kind has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerRule {
    /// The API's issuer, `AUTH_ISSUER`, compared byte by byte.
    Api,
}

/// Which audience a kind has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudienceRule {
    /// At least one of those the verifier answers to.
    AnyAccepted,
    /// The issuer itself: nobody else has any use for the token.
    Issuer,
}

/// What makes a token of a kind valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy {
    /// Its signature, by a key of its set.
    Signature,
    /// The HMAC of its bytes that the server stored: it outlives the key that signed it.
    StoredCode,
}

/// What a revocation names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocableBy {
    /// One token (`jti`).
    Token,
    /// A session and its refresh family (`sid`).
    Session,
    /// A person or service account, by epoch (`sv`).
    Subject,
    /// A client (`client_id`).
    Client,
    /// A tenant, by epoch (`tv`).
    Tenant,
    /// A compromised signing key (`kid`).
    Key,
}

#[cfg(test)]
mod tests {
    use super::{KeySetName, TOKEN_KINDS};

    #[test]
    fn each_row_is_found_by_its_kind() {
        for rules in &TOKEN_KINDS {
            assert_eq!(rules.kind.rules().name, rules.name);
        }
    }

    #[test]
    fn no_two_kinds_can_be_taken_for_each_other() {
        for (place, one) in TOKEN_KINDS.iter().enumerate() {
            for other in &TOKEN_KINDS[place + 1..] {
                assert_ne!(one.typ, other.typ);
                assert_ne!(one.marker, other.marker);
                assert_ne!(one.name, other.name);
            }
        }
    }

    #[test]
    fn every_algorithm_fits_the_keys_of_its_set() {
        for rules in &TOKEN_KINDS {
            assert!(!rules.algorithms.is_empty());
            for algorithm in rules.algorithms {
                assert_eq!(algorithm.key_type(), rules.key_set.key_type(), "{}", rules.name);
            }
        }
    }

    #[test]
    fn the_sets_share_no_type_of_key() {
        let [api, trust] = KeySetName::ALL;
        assert_ne!(api.key_type(), trust.key_type());
    }
}
