//! Tokens of those to whom something is streamed: the answer goes on, so the token is judged for as long as it does.

use std::{sync::Arc, time::Duration};

use crate::{Standing, TokenRefused, TokenService, warm::Genuine};

/// For how long something is streamed to a token that has expired, so that a client may come back with its successor.
pub const HELD_AFTER_EXPIRY: Duration = Duration::from_mins(1);

/// A token that was good when it was shown. Holds what it says, and nothing that it could be shown with again.
#[derive(Debug, Clone)]
pub struct HeldToken(Arc<Genuine>);

/// Why a token counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldEnd {
    /// It was revoked, or its session, subject, client, tenant or key was.
    Revoked,
    /// It expired [`HELD_AFTER_EXPIRY`] ago.
    Expired,
}

impl TokenService {
    /// Holds an access token on which something is to be streamed.
    pub fn hold(&self, token: &str) -> Result<HeldToken, TokenRefused> {
        Ok(HeldToken(self.genuine(token, &self.verifier)?))
    }

    /// Waits until the token counts no more. A revocation is noticed when this process learns of it; while it learns nothing
    /// the token goes on to count.
    pub async fn until_ended(&self, held: &HeldToken) -> HeldEnd {
        let mut news = self.revocations.news();
        let ends = held.0.claims.exp.plus(HELD_AFTER_EXPIRY);
        loop {
            news.mark_unchanged();
            if self.revocations.standing(&held.0.marks) == Standing::Revoked {
                return HeldEnd::Revoked;
            }
            let left = ends.since(self.ambient.now());
            if left.is_zero() {
                return HeldEnd::Expired;
            }
            tokio::select! {
                // The feed lives as long as the service does.
                Ok(()) = news.changed() => {}
                () = self.ambient.clock.sleep(left) => {}
            }
        }
    }
}
