//! Who belongs to a tenant, and as what.

use chancery_access::{Principal, Scope, TenantRole};
use chancery_ambient::Fault;
use chancery_events::EventKind;
use chancery_ids::{TenantId, UserId};
use chancery_tokens::RevocationOrder;

use super::{MemberChange, MemberItem, MembersRefused, PeopleService, PlaceChange, Standing};
use crate::{TenantState, UserState};

impl PeopleService {
    /// Members of the caller's tenant, after `after`.
    #[tracing::instrument(name = "accounts.list_members", skip_all, fields(tenant = %caller.tenant))]
    pub async fn list_members(
        &self,
        caller: &Principal,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<MemberItem>, MembersRefused> {
        caller.require(Scope::MEMBERS_MANAGE)?;
        Ok(self
            .parts
            .people
            .list_members(caller.tenant, after, limit)
            .await?)
    }

    /// Gives a member of the caller's tenant another role, or takes their place away where `to` is none. Their access tokens end
    /// within the revocation bound. An owner may do it to owners, others only to who stands below them.
    #[tracing::instrument(name = "accounts.change_member", skip_all, fields(tenant = %caller.tenant))]
    pub async fn change_member(
        &self,
        caller: &Principal,
        user: UserId,
        to: Option<TenantRole>,
    ) -> Result<(), MembersRefused> {
        caller.require_own()?;
        let own = caller.require_person()?;
        caller.require(Scope::MEMBERS_MANAGE)?;
        let member = self.parts.members.find_member(caller.tenant, user).await?;
        let member = member.ok_or(MembersRefused::Absent)?;
        // The role of now: the token may be from before.
        let caller_now = self.parts.members.find_member(caller.tenant, own).await?;
        let own_role = caller_now.ok_or(MembersRefused::NotBelow)?.role;
        let stands_above = own_role == TenantRole::Owner || (own_role > member.role && own != user);
        if !stands_above || to.is_some_and(|to| to > own_role) {
            return Err(MembersRefused::NotBelow);
        }
        let kind = match to {
            Some(_) => EventKind::MemberRoleChanged,
            None => EventKind::MemberRemoved,
        };
        let event = self
            .event(caller.tenant, kind, user.to_string())
            .with("by", caller.subject.to_string())
            .with("from", member.role.as_str())
            .with("to", to.map(TenantRole::as_str));
        let change = PlaceChange {
            tenant: caller.tenant,
            of: Standing {
                user,
                role: member.role,
            },
            to,
            by: Standing {
                user: own,
                role: own_role,
            },
            order: RevocationOrder::new(&self.parts.ambient),
            events: vec![event],
        };
        match self.parts.people.change_member(&change).await? {
            MemberChange::Changed => {
                self.follow().await;
                Ok(())
            }
            MemberChange::Absent => Err(MembersRefused::Absent),
            MemberChange::NotAllowed => Err(MembersRefused::NotBelow),
            MemberChange::LastOwner => Err(MembersRefused::LastOwner),
        }
    }

    /// For an operator: closes a person's account, or opens it again. `None` when there is none, `Some(false)` when a tenant would
    /// lose its last owner.
    #[tracing::instrument(name = "accounts.set_user_state", skip_all, fields(%user))]
    pub async fn set_user_state(&self, user: UserId, state: UserState) -> Result<Option<bool>, Fault> {
        let kind = if state == UserState::Active {
            EventKind::UserEnabled
        } else {
            EventKind::UserDisabled
        };
        let event = self.event(TenantId::PLATFORM, kind, user.to_string());
        let order = RevocationOrder::new(&self.parts.ambient);
        self.parts
            .people
            .set_user_state(user, state, order, &[event])
            .await
    }

    /// For an operator: makes a person an operator, or one no more. `false` when there is no such person.
    #[tracing::instrument(name = "accounts.set_operator", skip_all, fields(%user))]
    pub async fn set_operator(&self, user: UserId, is_operator: bool) -> Result<bool, Fault> {
        let kind = if is_operator {
            EventKind::OperatorMade
        } else {
            EventKind::OperatorUnmade
        };
        let event = self.event(TenantId::PLATFORM, kind, user.to_string());
        let order = RevocationOrder::new(&self.parts.ambient);
        self.parts
            .people
            .set_operator(user, is_operator, order, &[event])
            .await
    }

    /// For an operator: stops a tenant, or lets it go on. `false` when there is none.
    #[tracing::instrument(name = "accounts.set_tenant_state", skip_all, fields(%tenant))]
    pub async fn set_tenant_state(&self, tenant: TenantId, state: TenantState) -> Result<bool, Fault> {
        let kind = if state == TenantState::Active {
            EventKind::TenantReactivated
        } else {
            EventKind::TenantSuspended
        };
        let event = self.event(tenant, kind, tenant.to_string());
        let order = RevocationOrder::new(&self.parts.ambient);
        self.parts
            .people
            .set_tenant_state(tenant, state, order, &[event])
            .await
    }
}
