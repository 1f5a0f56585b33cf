//! What service accounts ask of storage and of Vault.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::TenantId;
use chancery_tokens::{Family, RevocationOrder};

use crate::TenantState;

/// Keeps the tokens of service accounts. [`TenantId::PLATFORM`] stands for the global accounts.
#[async_trait]
pub trait ServiceTokenStore: Send + Sync {
    /// How the account and the tenant stand now; `None` when there is no such tenant.
    ///
    /// MUST know the platform, which has no row. MUST give an account that was never revoked the epoch 0.
    async fn standing(&self, tenant: TenantId, account: &str) -> Result<Option<ServiceStanding>, Fault>;

    /// Stores the drawn token, or finds the one that makes it needless.
    ///
    /// MUST be one change. MUST use up the nonce in it, when there is one: a nonce of this account that was used before changes
    /// nothing else. MUST leave at most one live token for (account, tenant, scopes), global accounts too, however many callers:
    /// one that is in the way is ended, with a revocation of its session, unless it has not expired, is bound alike, and
    /// `force` is off; then it stays and is the answer.
    async fn issue(&self, issue: &ServiceIssue) -> Result<ServiceIssued, Fault>;

    /// Tokens of a tenant's accounts, newest first, and how many there are in all.
    ///
    /// MUST give nothing of another tenant.
    async fn list_service_tokens(
        &self,
        tenant: TenantId,
        filter: &ServiceTokenFilter,
        now: Timestamp,
    ) -> Result<(Vec<Family>, u64), Fault>;

    /// Forgets the nonces that count no more at `now`. Gives how many.
    async fn prune_nonces(&self, now: Timestamp) -> Result<u64, Fault>;
}

/// How an account stands in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceStanding {
    /// Whether the tenant is in use.
    pub tenant_state: TenantState,
    /// The least `sv` a token may carry.
    pub subject_epoch: u64,
    /// The least `tv` a token may carry.
    pub tenant_epoch: u64,
}

/// A token that shall be stored.
#[derive(Debug, Clone)]
pub struct ServiceIssue {
    /// The token's family, drawn before.
    pub family: Family,
    /// Whether a live one is replaced although it would do.
    pub force: bool,
    /// What must not have been used before.
    pub nonce: Option<NonceMark>,
    /// Under which a replaced token's session is revoked.
    pub order: RevocationOrder,
    /// What is announced when the drawn token is stored.
    pub events: Vec<Event>,
}

/// A nonce that counts once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonceMark {
    /// SHA-256 of the nonce.
    pub digest: [u8; 32],
    /// Until when it is remembered.
    pub until: Timestamp,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceIssued {
    /// The drawn token is stored.
    New,
    /// This one is live and does.
    Reused(Box<Family>),
    /// The nonce had been used.
    NonceUsed,
}

/// Which tokens are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceTokenFilter {
    /// Of this account alone.
    pub account: Option<String>,
    /// SHA-256 of the machine's name they are bound to.
    pub fingerprint: Option<[u8; 32]>,
    /// In what state.
    pub status: TokenStatus,
    /// At most so many.
    pub limit: u16,
    /// After so many.
    pub offset: u16,
}

/// In what state a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenStatus {
    /// Not ended and not expired.
    #[default]
    Active,
    /// Ended before its time.
    Revoked,
    /// Any.
    All,
}

/// Asks Vault whether it signed.
#[async_trait]
pub trait PayloadSignatures: Send + Sync {
    /// Whether the named Transit key signed `payload`. A fault is no verdict.
    async fn is_signed(&self, vault_key: &str, payload: &[u8], signature: &str) -> Result<bool, Fault>;
}
