//! What people ask of storage.

use async_trait::async_trait;
use chancery_access::TenantRole;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{TenantId, UserId};
use chancery_tokens::RevocationOrder;

use super::{Link, LinkId};
use crate::{EmailAddress, PasswordHash, TenantState, UserState};

/// Passwords and proved addresses. Another password raises the person's epoch in the same change, so that access tokens end within
/// the revocation bound.
#[async_trait]
pub trait PasswordStore: Send + Sync {
    /// The current hash and those before it, newest first, at most `count` in all. Empty for an unknown person.
    async fn last_passwords(&self, user: UserId, count: u16) -> Result<Vec<PasswordHash>, Fault>;

    /// Sets another password, keeps the one before for [`Self::last_passwords`], raises the epoch, ends every session, and makes
    /// every mailed link of the person useless.
    ///
    /// MUST be one change. MUST use up the link that proves it, once, however many callers; or find the very hash that was
    /// compared.
    async fn set_password(&self, change: &PasswordChange) -> Result<PasswordSet, Fault>;

    /// Stores the link that an administrator has mailed to a member, unless `most` of its kind are live for them, and ends the
    /// member's sessions in the tenant with a revocation each. `false` when the two do not stand as they were found.
    ///
    /// MUST be one change. MUST change nothing when either has another role by now.
    async fn order_reset(&self, reset: &ResetOrder) -> Result<bool, Fault>;

    /// Notes that the link's address is the person's, unless they have another one by now, and uses the link up. `false` when it
    /// was used before.
    async fn verify_email(&self, link: LinkId, at: Timestamp, events: &[Event]) -> Result<bool, Fault>;
}

/// People and their places. Whatever takes power away raises the person's or the tenant's epoch in the same change, so that access
/// tokens end within the revocation bound.
#[async_trait]
pub trait PeopleStore: Send + Sync {
    /// Members of a tenant in the order of their ids, after `after`.
    ///
    /// MUST give nothing of another tenant.
    async fn list_members(
        &self,
        tenant: TenantId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<MemberItem>, Fault>;

    /// Gives a member another role, or takes their place away, ends their sessions in this tenant when they are removed, and raises
    /// their epoch.
    ///
    /// MUST be one change. MUST leave a tenant an owner who may log in, however many callers. MUST change nothing when who orders
    /// it has another role by now.
    async fn change_member(&self, change: &PlaceChange) -> Result<MemberChange, Fault>;

    /// Makes whoever opens the link a member: the person of its address, or `person`, who is made, when nobody has it. Uses the
    /// link up.
    ///
    /// MUST be one change. MUST let one of several callers have it. MUST refuse an invitation that its sender could not send any
    /// more.
    async fn accept_invitation(
        &self,
        link: LinkId,
        person: Option<&NewMember>,
        at: Timestamp,
        events: &[Event],
    ) -> Result<Accepted, Fault>;

    /// Sets whether a person may log in; closing raises the epoch and ends their sessions. `None` when there is no such person,
    /// `Some(false)` when a tenant would lose its last owner.
    async fn set_user_state(
        &self,
        user: UserId,
        state: UserState,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<Option<bool>, Fault>;

    /// Sets whether a person runs the platform; either way it raises the epoch and ends their sessions. `false` when there is no
    /// such person.
    async fn set_operator(
        &self,
        user: UserId,
        is_operator: bool,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<bool, Fault>;

    /// Sets whether a tenant is in use; stopping raises its epoch. `false` when there is no such tenant.
    async fn set_tenant_state(
        &self,
        tenant: TenantId,
        state: TenantState,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<bool, Fault>;
}

/// Mailed links: which there are, and which have to be mailed yet. Who opens one is not known to belong to a tenant, so it knows
/// none. Cross-tenant on purpose (ARCHITECTURE.md lists it).
#[async_trait]
pub trait LinkSystemStore: Send + Sync {
    /// Stores a link, to be mailed, with the events that announce it; unless `most` of its kind are live for the address (of
    /// invitations: from the same tenant).
    ///
    /// MUST be one change.
    async fn add_link(&self, link: &Link, most: u16, events: &[Event]) -> Result<bool, Fault>;

    /// A link that was not used; expired ones too.
    async fn find_link(&self, id: LinkId) -> Result<Option<Link>, Fault>;

    /// The invitations of a tenant that were not accepted, newest first, at most 1000; expired ones too.
    ///
    /// MUST give nothing of another tenant.
    async fn list_invitations(&self, tenant: TenantId) -> Result<Vec<Link>, Fault>;

    /// Takes an invitation of the tenant back. `false` when there is none.
    async fn withdraw_invitation(
        &self,
        tenant: TenantId,
        id: LinkId,
        events: &[Event],
    ) -> Result<bool, Fault>;

    /// Takes links that have to be mailed, for as long as `again_at` says: who does not say within that time that they are gone
    /// lets others try. After `tries` of them a link is mailed no more.
    ///
    /// MUST give a link to one of several callers.
    async fn claim_unsent(
        &self,
        now: Timestamp,
        again_at: Timestamp,
        tries: u16,
        limit: u16,
    ) -> Result<Vec<Link>, Fault>;

    /// Notes that a link was handed to the mail.
    async fn mark_sent(&self, id: LinkId, at: Timestamp) -> Result<(), Fault>;

    /// Forgets links that expired by `now`. Gives how many.
    async fn prune_links(&self, now: Timestamp) -> Result<u64, Fault>;
}

/// Passwords that were stolen somewhere and are tried first by whoever guesses.
#[async_trait]
pub trait StolenPasswords: Send + Sync {
    /// Whether a password of this SHA-1 is among them: the digest that published lists are made of.
    async fn contains(&self, sha1: [u8; 20]) -> Result<bool, Fault>;
}

/// Another password.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    /// Whose.
    pub user: UserId,
    /// What shows that it is theirs to change.
    pub by: ProvedBy,
    /// The new hash.
    pub new: PasswordHash,
    /// How many hashes are kept, the new one counted.
    pub keep: u16,
    /// Under which every token of before ends.
    pub order: RevocationOrder,
    /// What is announced.
    pub events: Vec<Event>,
}

/// What shows that a password is somebody's to change.
#[derive(Debug, Clone)]
pub enum ProvedBy {
    /// They know the current one, whose hash this is.
    Password(PasswordHash),
    /// They opened a mailed link.
    Link(LinkId),
}

/// Somebody in a role: a decision rests on it, so the change that follows finds them in it still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: TenantRole,
}

/// A link with which a member chooses another password, on somebody else's order.
#[derive(Debug, Clone)]
pub struct ResetOrder {
    /// Where both are members.
    pub tenant: TenantId,
    /// Whose password.
    pub of: Standing,
    /// Who orders it.
    pub by: Standing,
    /// What is mailed.
    pub link: Link,
    /// How many links of its kind may be live.
    pub most: u16,
    /// Under which the sessions end.
    pub order: RevocationOrder,
    /// What is announced.
    pub events: Vec<Event>,
}

/// Another role, or none.
#[derive(Debug, Clone)]
pub struct PlaceChange {
    /// Where.
    pub tenant: TenantId,
    /// Whose place, as it was found.
    pub of: Standing,
    /// The new role; none removes them.
    pub to: Option<TenantRole>,
    /// Who orders it.
    pub by: Standing,
    /// Under which every token of before ends.
    pub order: RevocationOrder,
    /// What is announced.
    pub events: Vec<Event>,
}

/// How a change of password ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordSet {
    /// It is set.
    Set,
    /// The proof was used or changed in between.
    NotProved,
}

/// A member in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberItem {
    /// Who.
    pub user: UserId,
    /// Their address.
    pub email: EmailAddress,
    /// Whether it was proved.
    pub email_verified: bool,
    /// As what.
    pub role: TenantRole,
    /// Whether they may log in.
    pub state: UserState,
    /// Since when.
    pub since: Timestamp,
}

/// How a change of a member ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChange {
    /// It is done.
    Changed,
    /// There is no such member, or their role is another one by now.
    Absent,
    /// Who orders it is not what they were found to be.
    NotAllowed,
    /// The tenant would be without an owner.
    LastOwner,
}

/// A person who is made by accepting an invitation.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// Their id.
    pub user: UserId,
    /// Their password's hash.
    pub password: PasswordHash,
}

/// How accepting an invitation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// This person is a member now.
    Joined(UserId),
    /// The invitation was used or taken back, or its sender lost the power to send it.
    Gone,
    /// Nobody has the address: a password has to be chosen.
    PersonNeeded,
}
