//! Access tokens whose signature was found good, so that it is looked at once.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use chancery_access::Principal;
use chancery_jose::KeyId;
use chancery_token_verify::{AccessClaims, Refusal};
use ring::digest::{SHA256, digest};

use crate::TokenMarks;

/// What is known of a token whose signature and claims were found good: everything but what time, keys and revocations change.
#[derive(Debug)]
pub(crate) struct Genuine {
    pub(crate) claims: AccessClaims,
    pub(crate) kid: KeyId,
    pub(crate) marks: TokenMarks,
    pub(crate) principal: Arc<Principal>,
}

impl Genuine {
    pub(crate) fn new(claims: AccessClaims, kid: KeyId) -> Result<Self, Refusal> {
        Ok(Self {
            principal: Arc::new(claims.principal()?),
            marks: TokenMarks::of(&claims, kid.as_str()),
            claims,
            kid,
        })
    }
}

/// SHA-256 of a whole token: one that differs anywhere is another one.
pub(crate) type TokenDigest = [u8; 32];

/// The genuine tokens seen last, by their digest. A share of them is behind each lock, and forgetting is one move: what was not
/// asked for while half of a share filled up anew is gone.
pub(crate) struct WarmTokens {
    shares: Vec<Mutex<Share>>,
    half: usize,
}

#[derive(Default)]
struct Share {
    young: HashMap<TokenDigest, Arc<Genuine>>,
    old: HashMap<TokenDigest, Arc<Genuine>>,
}

const SHARES: usize = 16;

impl WarmTokens {
    /// Room for about `most` tokens; none for 0.
    pub(crate) fn with_room_for(most: usize) -> Self {
        let half = most.div_ceil(2 * SHARES);
        let shares = if half == 0 { 0 } else { SHARES };
        Self {
            shares: (0..shares).map(|_| Mutex::default()).collect(),
            half,
        }
    }

    /// The name of a token here; `None` when nothing is remembered at all.
    pub(crate) fn digest_of(&self, token: &str) -> Option<TokenDigest> {
        if self.shares.is_empty() {
            return None;
        }
        digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
    }

    pub(crate) fn find(&self, name: &TokenDigest) -> Option<Arc<Genuine>> {
        let mut share = self.share(name)?.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = share.young.get(name) {
            return Some(found.clone());
        }
        let found = share.old.remove(name)?;
        share.remember(*name, found.clone(), self.half);
        Some(found)
    }

    pub(crate) fn remember(&self, name: TokenDigest, genuine: Arc<Genuine>) {
        if let Some(share) = self.share(&name) {
            let mut share = share.lock().unwrap_or_else(PoisonError::into_inner);
            share.remember(name, genuine, self.half);
        }
    }

    fn share(&self, name: &TokenDigest) -> Option<&Mutex<Share>> {
        let [first, ..] = name;
        self.shares.get(usize::from(*first) % SHARES)
    }
}

impl Share {
    fn remember(&mut self, name: TokenDigest, genuine: Arc<Genuine>, half: usize) {
        if self.young.len() >= half {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(name, genuine);
    }
}

#[cfg(test)]
mod tests;
