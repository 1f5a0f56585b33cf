//! Assertions by which a client proves itself (RFC 7523 section 3).

use std::time::Duration;

use chancery_ambient::Timestamp;
use chancery_jose::{VerifyingKey, jws::Unverified, strict_json};
use serde::{Deserialize, de::IgnoredAny};

use crate::{AppKeys, ClientRefused};

/// How far the clocks of client and server may be apart.
pub(crate) const SKEW: Duration = Duration::from_secs(30);
/// The longest life of an assertion: it is for one request.
const LONGEST_LIFE: Duration = Duration::from_mins(10);
const LONGEST_JTI: usize = 255;

/// An assertion that nobody has vouched for yet.
pub(crate) struct Assertion<'a> {
    message: Unverified<'a>,
    claims: Claims,
}

/// What is left to check about an assertion that is right: that it was not used before.
pub(crate) struct Asserted {
    pub(crate) jti: String,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    jti: String,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
}

/// One audience or several (RFC 7519 section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
    Other(IgnoredAny),
}

impl<'a> Assertion<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, ClientRefused> {
        let malformed = ClientRefused::Invalid("the assertion cannot be read");
        let Ok(message) = Unverified::parse(text) else {
            return Err(malformed);
        };
        let Ok(claims) = strict_json::from_object::<Claims>(message.unverified_payload(), &[]) else {
            return Err(malformed);
        };
        if claims.iss != claims.sub {
            return Err(ClientRefused::Invalid("iss and sub of the assertion differ"));
        }
        Ok(Self { message, claims })
    }

    /// Who is said to have signed.
    pub(crate) fn client(&self) -> &str {
        &self.claims.iss
    }

    /// Checks signature, audience and times.
    pub(crate) fn verify(
        self,
        keys: &AppKeys,
        audiences: &[String],
        now: Timestamp,
    ) -> Result<Asserted, ClientRefused> {
        let header = self.message.header();
        // RFC 8725 section 3.11: another kind of token that the client signed is no assertion.
        let typ = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if !matches!(typ.as_str(), "jwt" | "client-authentication+jwt") {
            return Err(ClientRefused::Invalid("the token is no assertion"));
        }
        let kid = header.kid.as_ref().map(|kid| kid.as_str().to_owned());
        let signed = keys.candidates(kid.as_deref()).any(|key| {
            let key = VerifyingKey::from(key);
            self.message.clone().verify(&key).is_ok()
        });
        if !signed {
            return Err(ClientRefused::Invalid(
                "no key of the client signed the assertion",
            ));
        }
        self.claims.check(audiences, now)
    }
}

impl Claims {
    fn check(self, audiences: &[String], now: Timestamp) -> Result<Asserted, ClientRefused> {
        let refuse = |reason| Err(ClientRefused::Invalid(reason));
        if !self.aud.names(audiences) {
            return refuse("the assertion is meant for somebody else");
        }
        if self.jti.is_empty() || self.jti.len() > LONGEST_JTI {
            return refuse("the assertion's jti is empty or too long");
        }
        let time = Timestamp::from_unix_seconds;
        let (Some(issued_at), Some(expires_at)) = (time(self.iat), time(self.exp)) else {
            return refuse("the assertion's times are out of range");
        };
        let Some(not_before) = self.nbf.map_or(Some(issued_at), time) else {
            return refuse("the assertion's times are out of range");
        };
        let soon = now.plus(SKEW);
        if issued_at > soon || not_before > soon {
            return refuse("the assertion is not valid yet");
        }
        if now >= expires_at.plus(SKEW) {
            return refuse("the assertion has expired");
        }
        if expires_at <= issued_at || expires_at.since(issued_at) > LONGEST_LIFE {
            return refuse("the assertion lives longer than ten minutes");
        }
        Ok(Asserted {
            jti: self.jti,
            issued_at,
            expires_at,
        })
    }
}

impl Audience {
    fn names(&self, audiences: &[String]) -> bool {
        match self {
            Self::One(name) => audiences.contains(name),
            Self::Several(names) => names.iter().any(|name| audiences.contains(name)),
            Self::Other(_) => false,
        }
    }
}
