//! What accounts ask of storage.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{TenantId, UserId};

use crate::{EmailAddress, FirstOwner, Login, Member, PasswordHash};

/// What login and the first start look up before a tenant is known. Cross-tenant on purpose (ARCHITECTURE.md lists it).
#[async_trait]
pub trait AccountSystemStore: Send + Sync {
    /// The person with this address, with every membership, whatever their state.
    ///
    /// MUST compare addresses without regard to letter case.
    async fn find_login(&self, email: &EmailAddress) -> Result<Option<Login>, Fault>;

    /// Creates the first tenant with its owner, unless any was ever created.
    ///
    /// MUST be one change guarded by a singleton row: of concurrent callers, over processes too, exactly one gets `true`,
    /// the others leave nothing behind. MUST store the events in the same change.
    async fn create_first_owner(&self, owner: &FirstOwner, events: &[Event]) -> Result<bool, Fault>;

    /// Stores `event`, if there is such a tenant, whatever its state; `false` when there is none.
    ///
    /// MUST be one change.
    async fn record_visit(&self, tenant: TenantId, event: &Event) -> Result<bool, Fault>;

    /// Whether the first tenant was created.
    async fn has_first_owner(&self) -> Result<bool, Fault>;
}

/// People of one tenant.
#[async_trait]
pub trait MemberStore: Send + Sync {
    /// The member as they stand now: person, role, states of person and tenant.
    ///
    /// MUST answer `None` for a person of another tenant.
    async fn find_member(&self, tenant: TenantId, user: UserId) -> Result<Option<Member>, Fault>;

    /// Replaces the stored hash if it is still `old`: how a hash made with weaker parameters is renewed at login.
    ///
    /// MUST be one conditional statement; `false` when the hash had changed.
    async fn renew_password_hash(
        &self,
        user: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
        at: Timestamp,
    ) -> Result<bool, Fault>;
}
