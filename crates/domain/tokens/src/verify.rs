//! Judging access tokens.

use chancery_access::{Principal, Proof, Subject};
use chancery_ids::TenantId;
use chancery_token_verify::{AccessClaims, Actor, Refusal};

use crate::{Standing, TokenMarks, TokenRefused, TokenService};

/// What memory alone can say about a token that is genuine and within its time.
#[derive(Debug)]
pub enum Verified {
    /// It speaks for this caller.
    Good(Principal),
    /// The set of revocations is too old to tell: [`TokenService::confirm`] asks the store.
    Unconfirmed(Box<Unconfirmed>),
}

/// A genuine token of which is not known yet whether it was revoked.
#[derive(Debug)]
pub struct Unconfirmed {
    principal: Principal,
    marks: TokenMarks,
}

impl TokenService {
    /// The caller behind an access token. No I/O: the keys and the revocations are in memory.
    pub fn verify_access(&self, token: &str) -> Result<Verified, TokenRefused> {
        let began = self.ambient.clock.monotonic();
        let verified = self.judge_access(token);
        let took = self.ambient.clock.monotonic().saturating_sub(began);
        let verdict = verified.as_ref().map_or_else(TokenRefused::reason, |_| "valid");
        self.watch.verified(verdict, took);
        verified
    }

    fn judge_access(&self, token: &str) -> Result<Verified, TokenRefused> {
        let now = self.ambient.now();
        let (claims, kid) = self
            .verifier
            .verify_access_and_key(token, &self.keys.ring(), now)?;
        let marks = TokenMarks::of(&claims, kid.as_str());
        let standing = self.revocations.standing(&marks);
        if standing == Standing::Revoked {
            return Err(TokenRefused::Revoked);
        }
        let role = claims.role();
        let principal = Principal {
            tenant: tenant_of(&claims)?,
            subject: claims.sub,
            role,
            scopes: claims.scope,
            session: claims.sid,
            token: claims.jti,
            actors: claims
                .act
                .iter()
                .flat_map(Actor::chain)
                .map(|actor| actor.sub.clone())
                .collect(),
            proof: Proof::Full,
        };
        Ok(match standing {
            Standing::Good => Verified::Good(principal),
            Standing::Unknown | Standing::Revoked => {
                Verified::Unconfirmed(Box::new(Unconfirmed { principal, marks }))
            }
        })
    }

    /// Asks the store about a token of which memory could not tell.
    #[tracing::instrument(name = "tokens.confirm", skip_all)]
    pub async fn confirm(&self, unconfirmed: Unconfirmed) -> Result<Principal, TokenRefused> {
        if self.revocations.ask(&unconfirmed.marks).await? {
            Err(TokenRefused::Revoked)
        } else {
            Ok(unconfirmed.principal)
        }
    }
}

/// The tenant a token speaks for. Only a service account can belong to none.
fn tenant_of(claims: &AccessClaims) -> Result<TenantId, Refusal> {
    match (claims.tenant_id, &claims.sub) {
        (Some(tenant), _) => Ok(tenant),
        (None, Subject::ServiceAccount(_)) => Ok(TenantId::PLATFORM),
        (None, Subject::Person(_) | Subject::App(_)) => Err(Refusal::InvalidClaims),
    }
}
