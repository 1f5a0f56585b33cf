//! The first tenant and its owner, without whom nobody could log in.

use chancery_ambient::Fault;
use chancery_events::{Event, EventKind};
use chancery_ids::{TenantId, UserId};
use secrecy::SecretString;

use crate::{
    AccountService, EmailAddress, Familiarity, FirstOwner, FirstOwnerRefused, OwnerPassword, owner_password,
    people,
};

/// Who shall own the first tenant.
#[derive(Debug)]
pub struct FirstOwnerRequest<'a> {
    /// The owner's address, which counts as verified.
    pub email: &'a str,
    /// The owner's password.
    pub password: OwnerPassword,
}

/// The first owner, just made.
#[derive(Debug)]
pub struct FirstOwnerMade {
    /// The tenant.
    pub tenant: TenantId,
    /// The owner.
    pub user: UserId,
    /// The owner's address.
    pub email: EmailAddress,
    /// The password when it was drawn here. It is stored nowhere: show it now or never, and not in a log.
    pub drawn_password: Option<SecretString>,
}

const SLUG: &str = "default";
const NAME: &str = "Default";

impl AccountService {
    /// Whether the first tenant was made.
    pub async fn has_first_owner(&self) -> Result<bool, Fault> {
        self.system.has_first_owner().await
    }

    /// Makes the first tenant with its owner; `None` when there was one before. Of several servers that start at once, one
    /// makes it. When to call this is the server's to decide.
    #[tracing::instrument(name = "accounts.ensure_first_owner", skip_all)]
    pub async fn ensure_first_owner(
        &self,
        request: FirstOwnerRequest<'_>,
    ) -> Result<Option<FirstOwnerMade>, FirstOwnerRefused> {
        if self.system.has_first_owner().await? {
            return Ok(None);
        }
        let email = EmailAddress::parse(request.email)?;
        let (password, drawn_password) = match request.password {
            OwnerPassword::Chosen(chosen) => {
                people::check(&chosen, &email)?;
                (chosen, None)
            }
            OwnerPassword::Drawn => {
                let drawn = owner_password::draw_owner_password(&self.ambient);
                (drawn.clone(), Some(drawn))
            }
        };
        let owner = FirstOwner {
            tenant: self.ambient.new_id(),
            tenant_slug: SLUG.to_owned(),
            tenant_name: NAME.to_owned(),
            user: self.ambient.new_id(),
            email,
            password: self.passwords.hash(password, Familiarity::Familiar).await?,
            at: self.ambient.now(),
        };
        let made = FirstOwnerMade {
            tenant: owner.tenant,
            user: owner.user,
            email: owner.email.clone(),
            drawn_password,
        };
        Ok(self.create(&owner).await?.then_some(made))
    }

    /// A creation whose answer was lost may have happened, and its password must not be lost with it: whose the address is
    /// tells.
    async fn create(&self, owner: &FirstOwner) -> Result<bool, Fault> {
        let (tenant, user) = (owner.tenant.to_string(), owner.user.to_string());
        let events = [
            Event::new(&self.ambient, owner.tenant, EventKind::TenantCreated, tenant),
            Event::new(&self.ambient, owner.tenant, EventKind::UserCreated, user).with("role", "owner"),
        ];
        match self.system.create_first_owner(owner, &events).await {
            Err(Fault::TimedOut(source)) => match self.system.find_login(&owner.email).await? {
                Some(login) if login.user == owner.user => Ok(true),
                _ => Err(Fault::TimedOut(source)),
            },
            answered => answered,
        }
    }
}

#[cfg(test)]
mod tests;
