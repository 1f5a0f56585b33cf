//! Judging access tokens.

use std::{sync::Arc, time::Duration};

use chancery_access::Principal;
use chancery_token_verify::{Refusal, TokenKind, Verifier};

use crate::{Standing, TokenRefused, TokenService, warm::Genuine};

/// What memory alone can say about a token that is genuine and within its time.
#[derive(Debug)]
pub enum Verified {
    /// It speaks for this caller.
    Good(Arc<Principal>),
    /// The set of revocations is too old to tell: [`TokenService::confirm`] asks the store.
    Unconfirmed(Unconfirmed),
}

/// A genuine token of which is not known yet whether it was revoked.
#[derive(Debug)]
pub struct Unconfirmed {
    genuine: Arc<Genuine>,
    took: Duration,
}

impl TokenService {
    /// The caller behind an access token. No I/O: the keys, the revocations and the genuine tokens seen last are in memory.
    pub fn verify_access(&self, token: &str) -> Result<Verified, TokenRefused> {
        let began = self.ambient.clock.monotonic();
        let judged = self.judge_access(token);
        let took = self.ambient.clock.monotonic().saturating_sub(began);
        match judged {
            Ok((genuine, Standing::Unknown)) => Ok(Verified::Unconfirmed(Unconfirmed { genuine, took })),
            Ok((genuine, _)) => {
                self.watch.verified("valid", took);
                Ok(Verified::Good(genuine.principal.clone()))
            }
            Err(refused) => {
                self.watch.verified(refused.reason(), took);
                Err(refused)
            }
        }
    }

    fn judge_access(&self, token: &str) -> Result<(Arc<Genuine>, Standing), TokenRefused> {
        let genuine = self.genuine(token, &self.verifier)?;
        match self.revocations.standing(&genuine.marks) {
            Standing::Revoked => Err(TokenRefused::Revoked),
            standing @ (Standing::Good | Standing::Unknown) => Ok((genuine, standing)),
        }
    }

    /// The token, if one of our keys signed it and it is ours to take now. A signature is looked at once: what time and keys
    /// change is looked at each time.
    pub(crate) fn genuine(&self, token: &str, verifier: &Verifier) -> Result<Arc<Genuine>, Refusal> {
        let (now, ring) = (self.ambient.now(), self.keys.ring());
        let name = self.warm.digest_of(token);
        if let Some(known) = name.and_then(|name| self.warm.find(&name)) {
            self.watch.warm(true);
            if ring
                .find(TokenKind::Access.rules().key_set, known.kid.as_str())
                .is_none()
            {
                return Err(Refusal::UnknownKey);
            }
            verifier.check_again(&known.claims, now)?;
            return Ok(known);
        }
        let (claims, kid) = verifier.verify_access_and_key(token, &ring, now)?;
        let genuine = Arc::new(Genuine::new(claims, kid)?);
        if let Some(name) = name {
            self.watch.warm(false);
            self.warm.remember(name, genuine.clone());
        }
        Ok(genuine)
    }

    /// Asks the store about a token of which memory could not tell.
    #[tracing::instrument(name = "tokens.confirm", skip_all)]
    pub async fn confirm(&self, unconfirmed: Unconfirmed) -> Result<Arc<Principal>, TokenRefused> {
        let Unconfirmed { genuine, took } = unconfirmed;
        let answer = match self.revocations.ask(&genuine.marks).await {
            Ok(false) => Ok(genuine.principal.clone()),
            Ok(true) => Err(TokenRefused::Revoked),
            Err(fault) => Err(fault.into()),
        };
        let verdict = answer.as_ref().map_or_else(TokenRefused::reason, |_| "valid");
        self.watch.verified(verdict, took);
        answer
    }
}
