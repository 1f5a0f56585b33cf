//! Inviting people into a tenant. An invitation gives no power before whoever has the address accepts it.

use chancery_access::{Principal, Scope, TenantRole};
use chancery_events::EventKind;
use chancery_guards::GuardKey;
use chancery_ids::TenantId;
use secrecy::SecretString;

use super::{Accepted, InvitationRefused, Link, LinkId, LinkKind, LinkRefused, NewMember, PeopleService};
use crate::{EmailAddress, Familiarity};

/// What came of accepting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acceptance {
    /// The tenant joined.
    pub tenant: TenantId,
    /// As what.
    pub role: TenantRole,
}

impl PeopleService {
    /// Invites whoever has the address into the caller's tenant.
    #[tracing::instrument(name = "accounts.invite", skip_all, fields(tenant = %caller.tenant))]
    pub async fn invite(
        &self,
        caller: &Principal,
        email: &str,
        role: TenantRole,
    ) -> Result<Link, InvitationRefused> {
        caller.require_own()?;
        let own = caller.require_person()?;
        caller.require(Scope::MEMBERS_MANAGE)?;
        let caller_now = self.parts.members.find_member(caller.tenant, own).await?;
        if caller_now.is_none_or(|caller| !caller.role.may_invite(role)) {
            return Err(InvitationRefused::RoleAbove(role));
        }
        let email = EmailAddress::parse(email)?;
        let known = self.parts.system.find_login(&email).await?;
        let is_member = known.is_some_and(|login| {
            let mut places = login.memberships.iter();
            places.any(|place| place.tenant == caller.tenant)
        });
        if is_member {
            return Err(InvitationRefused::MemberAlready);
        }
        let of_tenant = GuardKey::of_tenant(caller.tenant, "mail-invitations", &[]);
        let takes = vec![(of_tenant, self.settings.limits.per_tenant)];
        if let Some(retry_after) = self.allowed(takes).await {
            return Err(InvitationRefused::Limited { retry_after });
        }
        let kind = LinkKind::Invitation {
            tenant: caller.tenant,
            role,
            invited_by: own,
        };
        let event = self
            .event(
                caller.tenant,
                EventKind::MemberInvited,
                caller.subject.to_string(),
            )
            .with("role", role.as_str());
        let link = self.mail_link(kind, email, &[event]).await?;
        link.ok_or(InvitationRefused::TooMany)
    }

    /// The invitations of the caller's tenant that were not accepted, newest first.
    #[tracing::instrument(name = "accounts.list_invitations", skip_all, fields(tenant = %caller.tenant))]
    pub async fn list_invitations(&self, caller: &Principal) -> Result<Vec<Link>, InvitationRefused> {
        caller.require(Scope::MEMBERS_MANAGE)?;
        Ok(self.parts.links.list_invitations(caller.tenant).await?)
    }

    /// Takes an invitation of the caller's tenant back.
    #[tracing::instrument(name = "accounts.withdraw_invitation", skip_all, fields(tenant = %caller.tenant))]
    pub async fn withdraw_invitation(&self, caller: &Principal, id: LinkId) -> Result<(), InvitationRefused> {
        caller.require_own()?;
        caller.require(Scope::MEMBERS_MANAGE)?;
        let event = self
            .event(caller.tenant, EventKind::InvitationWithdrawn, id.to_string())
            .with("by", caller.subject.to_string());
        let withdrawn = self
            .parts
            .links
            .withdraw_invitation(caller.tenant, id, &[event])
            .await?;
        if withdrawn {
            Ok(())
        } else {
            Err(InvitationRefused::Absent)
        }
    }

    /// Makes whoever opened a mailed invitation a member. Somebody new chooses a password with it; their address is proved.
    #[tracing::instrument(name = "accounts.accept_invitation", skip_all)]
    pub async fn accept_invitation(
        &self,
        token: &SecretString,
        password: Option<SecretString>,
    ) -> Result<Acceptance, InvitationRefused> {
        let link = self.open(token).await?;
        let LinkKind::Invitation { tenant, role, .. } = link.kind else {
            return Err(LinkRefused::Invalid.into());
        };
        let person = match password {
            None => None,
            Some(password) => {
                self.check_password(&password, &link.email).await?;
                Some(NewMember {
                    user: self.parts.ambient.new_id(),
                    password: self.parts.passwords.hash(password, Familiarity::Stranger).await?,
                })
            }
        };
        let event = self
            .event(tenant, EventKind::MemberJoined, link.id.to_string())
            .with("role", role.as_str());
        let at = self.parts.ambient.now();
        let accepted = self
            .parts
            .people
            .accept_invitation(link.id, person.as_ref(), at, &[event])
            .await?;
        match accepted {
            Accepted::Joined(_) => Ok(Acceptance { tenant, role }),
            Accepted::Gone => Err(LinkRefused::Invalid.into()),
            Accepted::PersonNeeded => Err(InvitationRefused::PasswordNeeded),
        }
    }
}
