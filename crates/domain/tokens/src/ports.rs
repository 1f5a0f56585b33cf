//! What refresh families ask of storage.

use async_trait::async_trait;
use chancery_access::Subject;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{SessionId, TenantId};

use crate::{Family, Revocation, RevocationOrder, Rotation, TokenMarks, Whose};

/// Keeps refresh families: one row each, found by `sid` alone because a refresh request knows no tenant before the
/// family is read. Cross-tenant on purpose (ARCHITECTURE.md lists it).
#[async_trait]
pub trait RefreshFamilySystemStore: Send + Sync {
    /// Stores a new family with the events that announce it.
    ///
    /// MUST be one change. MUST accept the same family again without effect (a retry after a timeout).
    async fn begin(&self, family: &Family, events: &[Event]) -> Result<(), Fault>;

    /// The family as it stands, ended ones too.
    async fn find(&self, sid: SessionId) -> Result<Option<Family>, Fault>;

    /// Whether the subject has begun a family that is bound to the device of this digest, ended ones too.
    async fn has_device(&self, subject: &Subject, digest: &[u8; 32]) -> Result<bool, Fault>;

    /// Replaces the current token: `… SET generation + 1, previous = current, current = new, sealed = new, rotated_at = now
    /// WHERE sid AND current = rotation.replaces AND revoked_at IS NULL`.
    ///
    /// MUST be one conditional statement: of concurrent callers exactly one gets `true`. MUST NOT touch an ended family.
    async fn rotate(&self, sid: SessionId, rotation: &Rotation) -> Result<bool, Fault>;

    /// Ends the family, whatever its token, and its access tokens with it: stores the revocation and the events in the same
    /// change; `false` when it had ended before, and then neither is stored.
    ///
    /// MUST keep the time and reason of the first end.
    async fn end(
        &self,
        sid: SessionId,
        reason: EndReason,
        revocation: &Revocation,
        events: &[Event],
    ) -> Result<bool, Fault>;

    /// How many families are over since before `before`: they were ended, or have come to their absolute end.
    async fn count_over(&self, before: Timestamp) -> Result<u64, Fault>;

    /// Forgets up to `limit` families that are over since before `before`; how many. Their tokens are as unknown afterwards as any
    /// that was never issued.
    ///
    /// MUST NOT touch a family that lives, or ended later.
    async fn forget_over(&self, before: Timestamp, limit: u16) -> Result<u64, Fault>;
}

/// Keeps revocations for as long as what they end could still be shown. Every process reads all of them, so it knows no
/// tenant. Cross-tenant on purpose (ARCHITECTURE.md lists it).
#[async_trait]
pub trait RevocationSystemStore: Send + Sync {
    /// Stores revocations with the events that announce them.
    ///
    /// MUST be one change. MUST accept the same again without effect (a retry after a timeout).
    async fn revoke(&self, revocations: &[Revocation], events: &[Event]) -> Result<(), Fault>;

    /// Raises the epoch on the row of a subject or tenant, ends its live sessions, and stores the revocation of every token
    /// of before, all in one change. `None` when there is no such row.
    ///
    /// MUST give every one of several concurrent callers another epoch.
    async fn revoke_all_of(
        &self,
        whose: &Whose,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<Option<Raised>, Fault>;

    /// Ends the live sessions whose current token a key signed, and stores the revocation of everything it signed, in one
    /// change. Gives how many sessions ended.
    async fn revoke_signed_by(
        &self,
        kid: &str,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<u64, Fault>;

    /// What was stored since `mark`, and the mark for next time. What was read before may come again.
    ///
    /// MUST NOT leave out a revocation for ever because it was committed later than one that was begun after it.
    async fn read_since(&self, mark: FeedMark) -> Result<(Vec<Revocation>, FeedMark), Fault>;

    /// Whether a stored revocation ends this token.
    async fn is_revoked(&self, marks: &TokenMarks) -> Result<bool, Fault>;

    /// Forgets what had expired by `now`. Gives how many.
    async fn prune(&self, now: Timestamp) -> Result<u64, Fault>;
}

/// What raising an epoch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    /// The new epoch.
    pub epoch: u64,
    /// How many live sessions ended.
    pub sessions: u64,
}

/// What people see of their own sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Sessions of a subject in a tenant, newest first, at most `limit`. Those that were ended or have expired by `now` are
    /// left out, unless `past` ones are wanted too.
    ///
    /// MUST give nothing of another tenant or subject.
    async fn list_sessions(
        &self,
        tenant: TenantId,
        subject: &Subject,
        past: bool,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<Family>, Fault>;
}

/// Up to where the feed was read: the store's own measure. The default is the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct FeedMark(pub i64);

/// Why a family ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The person logged out.
    Logout,
    /// An old token of the family was used again.
    Reuse,
    /// Its tokens were revoked.
    Revoked,
    /// Somebody else may have the key that signed its current token.
    Compromise,
}
