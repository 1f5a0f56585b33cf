//! What refresh families ask of storage.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::SessionId;

use crate::{Family, Rotation};

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

    /// Replaces the current token: `… SET generation + 1, previous = current, current = new, sealed = new, rotated_at = now
    /// WHERE sid AND current = rotation.replaces AND revoked_at IS NULL`.
    ///
    /// MUST be one conditional statement: of concurrent callers exactly one gets `true`. MUST NOT touch an ended family.
    async fn rotate(&self, sid: SessionId, rotation: &Rotation) -> Result<bool, Fault>;

    /// Ends the family, whatever its token, and stores the events in the same change; `false` when it had ended before,
    /// and then no event is stored.
    ///
    /// MUST keep the time and reason of the first end.
    async fn end(
        &self,
        sid: SessionId,
        at: Timestamp,
        reason: EndReason,
        events: &[Event],
    ) -> Result<bool, Fault>;
}

/// Why a family ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The person logged out.
    Logout,
    /// An old token of the family was used again.
    Reuse,
}
