//! Judging tokens.

use std::time::Duration;

use chancery_ambient::Timestamp;
use chancery_jose::{
    KeyId,
    jws::{Header, Unverified},
    strict_json,
};
use serde::de::DeserializeOwned;

use crate::{
    AccessClaims, AudienceRule, IssuerRule, KeyRing, KindRules, RefreshClaims, Refusal, TokenKind,
    claims::Registered,
};

/// How far the clocks of issuer and verifier may be apart.
pub const LEEWAY: Duration = Duration::from_secs(5);

/// Members that tokens of the API never have: by `type` the agent-trust tokens tell their kind, and a token that carried
/// both markers could pass for either.
const REFUSED_CLAIMS: &[&str] = &["type"];

/// Judges tokens for one service. It does no I/O and knows no time; revocation is the caller's next question.
#[derive(Debug, Clone)]
pub struct Verifier {
    issuer: String,
    audiences: Vec<String>,
}

impl Verifier {
    /// A verifier that trusts `issuer`, byte for byte, and answers to each of `audiences`. With no audience it accepts no
    /// access token.
    pub fn new(issuer: impl Into<String>, audiences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: audiences.into_iter().map(Into::into).collect(),
        }
    }

    /// The claims of a valid access token (RFC 9068 section 4). Whether it has been revoked is not known here.
    pub fn verify_access(
        &self,
        token: &str,
        ring: &KeyRing,
        now: Timestamp,
    ) -> Result<AccessClaims, Refusal> {
        self.verify_access_and_key(token, ring, now)
            .map(|(claims, _)| claims)
    }

    /// The same, with the name of the key that signed: whoever knows which keys were compromised has to compare it.
    pub fn verify_access_and_key(
        &self,
        token: &str,
        ring: &KeyRing,
        now: Timestamp,
    ) -> Result<(AccessClaims, KeyId), Refusal> {
        let (claims, kid) = signed_claims::<AccessClaims>(TokenKind::Access.rules(), token, ring)?;
        self.check_again(&claims, now)?;
        Ok((claims, kid))
    }

    /// Whether claims that were found good before still are: everything but the signature and its key.
    pub fn check_again(&self, claims: &AccessClaims, now: Timestamp) -> Result<(), Refusal> {
        let registered = claims.registered();
        self.check_parties(&registered)?;
        check_times(&registered, now)
    }

    /// Reads a refresh token and checks what can be checked without proof. Its signature is not looked at: the key may be
    /// long retired. What makes it valid is the code the server stored when it issued these very bytes.
    pub fn read_refresh(&self, token: &str) -> Result<UnprovenRefresh, Refusal> {
        let rules = TokenKind::Refresh.rules();
        let message = Unverified::parse(token)?;
        let kid = check_header(rules, message.header())?.clone();
        let claims: RefreshClaims = strict_json::from_object(message.unverified_payload(), REFUSED_CLAIMS)?;
        self.check_parties(&claims.registered())?;
        Ok(UnprovenRefresh { kid, claims })
    }

    fn check_parties(&self, claims: &Registered<'_>) -> Result<(), Refusal> {
        if claims.marker != claims.rules.marker.value {
            return Err(Refusal::WrongKind);
        }
        let issuer = match claims.rules.issuer {
            IssuerRule::Api => &self.issuer,
        };
        if claims.iss != issuer {
            return Err(Refusal::WrongIssuer);
        }
        let addressed = match claims.rules.audience {
            AudienceRule::AnyAccepted => claims.aud.intersects(&self.audiences),
            AudienceRule::Issuer => claims.aud.contains(issuer),
        };
        if addressed {
            Ok(())
        } else {
            Err(Refusal::WrongAudience)
        }
    }
}

/// A refresh token that looks right and may be forged: anybody can write one. Believe it only after the HMAC of the
/// presented text was compared, in constant time, with the one stored for its `sid`.
#[derive(Debug, Clone)]
pub struct UnprovenRefresh {
    kid: KeyId,
    claims: RefreshClaims,
}

impl UnprovenRefresh {
    /// The claims that nobody has vouched for. `sid` tells which family to compare with.
    #[must_use]
    pub const fn unproven_claims(&self) -> &RefreshClaims {
        &self.claims
    }

    /// The name of the key that is said to have signed it.
    #[must_use]
    pub const fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// Checks `iat`, `nbf` and `exp`. Apart from the reading, because a logout takes an expired token too.
    pub fn check_times(&self, now: Timestamp) -> Result<(), Refusal> {
        check_times(&self.claims.registered(), now)
    }
}

/// The claims of a token that is rightly signed by a key of its kind's set, and the key's name.
fn signed_claims<C: DeserializeOwned>(
    rules: &KindRules,
    token: &str,
    ring: &KeyRing,
) -> Result<(C, KeyId), Refusal> {
    let message = Unverified::parse(token)?;
    let kid = check_header(rules, message.header())?.clone();
    let key = ring
        .find(rules.key_set, kid.as_str())
        .ok_or(Refusal::UnknownKey)?;
    let verified = message.verify(key)?;
    Ok((strict_json::from_object(verified.payload(), REFUSED_CLAIMS)?, kid))
}

/// Whether the header is that of the kind; gives the key's name.
fn check_header<'h>(rules: &KindRules, header: &'h Header) -> Result<&'h KeyId, Refusal> {
    if header.typ.as_deref() != Some(rules.typ) {
        return Err(Refusal::WrongKind);
    }
    if !rules.algorithms.contains(&header.algorithm) {
        return Err(Refusal::WrongAlgorithm);
    }
    header.kid.as_ref().ok_or(Refusal::UnknownKey)
}

/// Contradictions first: a token that could never be right is not merely early or late.
fn check_times(claims: &Registered<'_>, now: Timestamp) -> Result<(), Refusal> {
    let Registered { iat, nbf, exp, .. } = *claims;
    if exp <= iat || exp <= nbf || exp.since(iat) > claims.rules.max_life {
        return Err(Refusal::BadLifetime);
    }
    let latest_start = now.plus(LEEWAY);
    if iat > latest_start || nbf > latest_start {
        return Err(Refusal::NotYetValid);
    }
    if now >= exp.plus(LEEWAY) {
        return Err(Refusal::Expired);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
