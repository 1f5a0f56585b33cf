//! Signatures that Vault's Transit engine made, and alone can check.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use chancery_accounts::PayloadSignatures;
use chancery_ambient::{Fault, within};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use zeroize::Zeroizing;

use crate::{
    TransitKey, VaultClient, VaultError,
    breaker::Breaker,
    client::{Answer, Data},
    signature::canonical,
};

/// Calls at once.
const CALLS: usize = 8;

/// Those that wait for one of them to end.
const WAITING: usize = 32;

/// How long they do.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How Transit says, with status 400, that a signature is none: of a key version that is not there yet or no longer
/// counts, or bytes that no key of the type makes.
const NO_SIGNATURE: [&str; 4] = [
    "invalid signature",
    "supplied signature is invalid",
    "signature version is disallowed by policy",
    "invalid base64 signature value",
];

/// The Transit engine, mounted at `transit`.
pub struct Transit {
    client: Arc<VaultClient>,
    places: Semaphore,
    calls: Semaphore,
    breaker: Breaker,
}

impl Transit {
    /// The engine of that Vault. Nothing is asked yet.
    #[must_use]
    pub fn new(client: Arc<VaultClient>) -> Self {
        Self {
            client,
            places: Semaphore::new(CALLS + WAITING),
            calls: Semaphore::new(CALLS),
            breaker: Breaker::default(),
        }
    }

    /// Whether `key` signed `payload`. `signature` is as Vault printed it (`vault:v1:…`), without `vault:`, or bare, which
    /// counts as of key version 1.
    ///
    /// A fault is no verdict: too many wait, Vault does not answer, or it refuses us.
    #[tracing::instrument(name = "vault.verify", skip_all, fields(%key))]
    pub async fn verify(&self, key: &TransitKey, payload: &[u8], signature: &str) -> Result<bool, Fault> {
        let Some(signature) = canonical(signature) else {
            return Ok(false);
        };
        let _place = self.places.try_acquire().map_err(|_| VaultError::Busy)?;
        let _turn = self.turn().await?;
        // Only now: while we waited it may have turned out that nobody answers.
        if !self.breaker.admits(self.client.clock().monotonic()) {
            return Err(VaultError::Resting.into());
        }
        let verdict = self.ask(key, payload, &signature).await;
        match &verdict {
            Err(error) if error.is_absence_of_vault() => self.breaker.failed(self.client.clock().monotonic()),
            Ok(_) | Err(_) => self.breaker.answered(),
        }
        Ok(verdict?)
    }

    /// Whether signatures of `key` can be checked.
    #[tracing::instrument(name = "vault.check_transit", skip_all, fields(%key))]
    pub async fn check(&self, key: &TransitKey) -> Result<(), VaultError> {
        self.client.check_open().await?;
        // Needs the one right that we need, and finds out all there is to find out.
        self.ask(key, b"", "vault:v1:AAAA").await.map(|_| ())
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, VaultError> {
        let turn = within(self.client.clock(), LONGEST_WAIT, self.calls.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or(VaultError::Busy)
    }

    async fn ask(&self, key: &TransitKey, payload: &[u8], signature: &str) -> Result<bool, VaultError> {
        let path = format!("transit/verify/{key}");
        let body = json!({ "input": STANDARD.encode(payload), "signature": signature }).to_string();
        let answer = self.client.post(&path, Zeroizing::new(body.into_bytes())).await?;
        if answer.status() == 400 {
            return refused(key, &answer);
        }
        let verdict: Data<Verdict> = answer.accepted()?.read()?;
        Ok(verdict.data.valid)
    }
}

/// Status 400: the signature is at fault, or the key.
fn refused(key: &TransitKey, answer: &Answer) -> Result<bool, VaultError> {
    if NO_SIGNATURE.iter().any(|words| answer.says(words)) {
        return Ok(false);
    }
    if answer.says("key not found") || answer.says("does not support") {
        return Err(VaultError::NoSuchKey { key: key.to_string() });
    }
    Err(answer.refusal())
}

#[async_trait]
impl PayloadSignatures for Transit {
    async fn is_signed(&self, vault_key: &str, payload: &[u8], signature: &str) -> Result<bool, Fault> {
        let key = TransitKey::parse(vault_key).map_err(Fault::corrupt)?;
        self.verify(&key, payload, signature).await
    }
}

#[derive(Deserialize)]
struct Verdict {
    valid: bool,
}

#[cfg(test)]
mod tests;
