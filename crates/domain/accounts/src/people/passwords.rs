//! Changing a password, and getting back in without one.

use std::net::IpAddr;

use chancery_access::{Principal, Scope};
use chancery_ambient::Fault;
use chancery_events::EventKind;
use chancery_guards::GuardKey;
use chancery_ids::{TenantId, UserId};
use chancery_tokens::{RevocationOrder, network_of};
use secrecy::SecretString;

use super::{
    LinkKind, LinkRefused, PasswordChange, PasswordRefused, PasswordSet, PeopleService, ProvedBy, ResetOrder,
    Standing, WishPlace, service::MOST_LIVE,
};
use crate::{EmailAddress, Familiarity, HashPool, PasswordHash, UserState, Verdict, WeakPassword};

impl PeopleService {
    /// Sets the caller's password to another one. Every session of theirs ends, this one too.
    #[tracing::instrument(name = "accounts.change_password", skip_all, fields(tenant = %caller.tenant))]
    pub async fn change_password(
        &self,
        caller: &Principal,
        current: SecretString,
        new: SecretString,
    ) -> Result<(), PasswordRefused> {
        caller.require_own()?;
        let user = caller.require_person()?;
        let member = self.parts.members.find_member(caller.tenant, user).await?;
        let email = member.ok_or(PasswordRefused::Absent)?.email;
        // Who has a stolen token guesses no faster than a stranger.
        let may_try = self.parts.guard.may_try(email.as_str()).await;
        let stored = self
            .parts
            .stored_passwords
            .last_passwords(user, 1)
            .await?
            .into_iter()
            .next();
        let stored = stored.filter(|_| may_try);
        let verdict = self
            .parts
            .passwords
            .verify(current, stored.clone(), Familiarity::Familiar)
            .await?;
        let (Verdict::Right { .. }, Some(old)) = (verdict, stored) else {
            return Err(PasswordRefused::WrongPassword);
        };
        self.parts.guard.note_success(email.as_str()).await;
        self.set(user, &email, new, ProvedBy::Password(old), caller.tenant)
            .await
    }

    /// Mails a link to whoever has the address. Nobody is told whether anybody does: call it behind the answer, with a place that
    /// was taken before it.
    #[tracing::instrument(name = "accounts.forgot_password", skip_all)]
    pub async fn forgot_password(
        &self,
        email: &str,
        from: Option<IpAddr>,
        _place: WishPlace,
    ) -> Result<(), Fault> {
        let Ok(email) = EmailAddress::parse(email) else {
            return Ok(());
        };
        let address = GuardKey::without_tenant("mail-address", &[&self.parts.guard.hidden(email.as_str())]);
        let mut takes = vec![(address, self.settings.limits.per_address)];
        if let Some(from) = from {
            let network = GuardKey::without_tenant("mail-network", &[&network_of(from)]);
            takes.push((network, self.settings.limits.per_network));
        }
        if self.allowed(takes).await.is_some() {
            return Ok(());
        }
        let Some(login) = self.parts.system.find_login(&email).await? else {
            return Ok(());
        };
        if login.state == UserState::Active {
            let asked = self.event(
                TenantId::PLATFORM,
                EventKind::PasswordResetAsked,
                login.user.to_string(),
            );
            let kind = LinkKind::PasswordReset(login.user);
            self.mail_link(kind, email, &[asked]).await?;
        }
        Ok(())
    }

    /// Sets the password of whoever opened a mailed link. Every session of theirs ends.
    #[tracing::instrument(name = "accounts.confirm_password", skip_all)]
    pub async fn confirm_password(
        &self,
        token: &SecretString,
        new: SecretString,
    ) -> Result<(), PasswordRefused> {
        let link = self.open(token).await?;
        let LinkKind::PasswordReset(user) = link.kind else {
            return Err(LinkRefused::Invalid.into());
        };
        let by = ProvedBy::Link(link.id);
        self.set(user, &link.email, new, by, TenantId::PLATFORM).await?;
        self.parts.guard.note_success(link.email.as_str()).await;
        Ok(())
    }

    /// Mails a member of the caller's tenant a link to choose another password, and ends their sessions in this tenant. Nobody
    /// sets the password of somebody else.
    #[tracing::instrument(name = "accounts.reset_password", skip_all, fields(tenant = %caller.tenant))]
    pub async fn reset_password(&self, caller: &Principal, user: UserId) -> Result<(), PasswordRefused> {
        caller.require_own()?;
        let own = caller.require_person()?;
        caller.require(Scope::MEMBERS_MANAGE)?;
        let member = self.parts.members.find_member(caller.tenant, user).await?;
        let member = member.ok_or(PasswordRefused::Absent)?;
        let caller_now = self.parts.members.find_member(caller.tenant, own).await?;
        let own_role = caller_now.ok_or(PasswordRefused::NotBelow)?.role;
        if own_role <= member.role {
            return Err(PasswordRefused::NotBelow);
        }
        let event = self
            .event(caller.tenant, EventKind::PasswordResetAsked, user.to_string())
            .with("by", caller.subject.to_string());
        let reset = ResetOrder {
            tenant: caller.tenant,
            of: Standing {
                user,
                role: member.role,
            },
            by: Standing {
                user: own,
                role: own_role,
            },
            link: self.new_link(LinkKind::PasswordReset(user), member.email),
            most: MOST_LIVE,
            order: RevocationOrder::new(&self.parts.ambient),
            events: vec![event],
        };
        if !self.parts.stored_passwords.order_reset(&reset).await? {
            return Err(PasswordRefused::NotBelow);
        }
        self.follow().await;
        Ok(())
    }

    /// Mails the caller a link that proves their address.
    #[tracing::instrument(name = "accounts.send_verification", skip_all, fields(tenant = %caller.tenant))]
    pub async fn send_verification(&self, caller: &Principal) -> Result<(), PasswordRefused> {
        caller.require_own()?;
        let user = caller.require_person()?;
        let member = self.parts.members.find_member(caller.tenant, user).await?;
        let member = member.ok_or(PasswordRefused::Absent)?;
        if !member.email_verified {
            self.mail_link(LinkKind::EmailVerification(user), member.email, &[])
                .await?;
        }
        Ok(())
    }

    /// Proves the address of whoever opened a mailed link.
    #[tracing::instrument(name = "accounts.verify_email", skip_all)]
    pub async fn verify_email(&self, token: &SecretString) -> Result<(), LinkRefused> {
        let link = self.open(token).await?;
        let LinkKind::EmailVerification(user) = link.kind else {
            return Err(LinkRefused::Invalid);
        };
        let event = self.event(TenantId::PLATFORM, EventKind::EmailVerified, user.to_string());
        let at = self.parts.ambient.now();
        if self
            .parts
            .stored_passwords
            .verify_email(link.id, at, &[event])
            .await?
        {
            Ok(())
        } else {
            Err(LinkRefused::Invalid)
        }
    }

    async fn set(
        &self,
        user: UserId,
        email: &EmailAddress,
        new: SecretString,
        by: ProvedBy,
        tenant: TenantId,
    ) -> Result<(), PasswordRefused> {
        self.check_password(&new, email).await?;
        let before = self
            .parts
            .stored_passwords
            .last_passwords(user, self.settings.history)
            .await?;
        if used_before(&self.parts.passwords, &new, before).await? {
            return Err(WeakPassword::Reused.into());
        }
        let change = PasswordChange {
            user,
            by,
            new: self.parts.passwords.hash(new, Familiarity::Familiar).await?,
            keep: self.settings.history,
            order: RevocationOrder::new(&self.parts.ambient),
            events: vec![self.event(tenant, EventKind::PasswordChanged, user.to_string())],
        };
        match self.parts.stored_passwords.set_password(&change).await? {
            PasswordSet::Set => {
                self.follow().await;
                Ok(())
            }
            PasswordSet::NotProved => Err(LinkRefused::Invalid.into()),
        }
    }
}

async fn used_before(
    pool: &HashPool,
    new: &SecretString,
    before: Vec<PasswordHash>,
) -> Result<bool, PasswordRefused> {
    for hash in before {
        let verdict = pool
            .verify(new.clone(), Some(hash), Familiarity::Familiar)
            .await?;
        if matches!(verdict, Verdict::Right { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
}
