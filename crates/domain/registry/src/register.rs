//! Registering apps, and what the people who run a tenant do with them.

use chancery_access::{Principal, Scope, Scopes};
use chancery_events::{Event, EventKind};
use chancery_ids::AppId;
use chancery_tokens::RevocationOrder;
use secrecy::SecretString;

use crate::{App, AppCredential, AppKeys, AppName, AppSecret, AppService, AppsRefused, BadKeys};

/// An app that somebody wants.
#[derive(Debug)]
pub struct NewApp<'a> {
    /// What people call it.
    pub name: &'a str,
    /// The most it may ever be allowed.
    pub scopes: Scopes,
    /// How it will prove itself.
    pub credential: NewCredential<'a>,
}

/// How an app will prove itself.
#[derive(Debug)]
pub enum NewCredential<'a> {
    /// By a secret, drawn here.
    Secret,
    /// By keys of its own: a JWK Set.
    Keys(&'a [u8]),
}

/// An app with its secret, which is shown now or never.
#[derive(Debug)]
pub struct Registered {
    /// The app.
    pub app: App,
    /// The secret, when it has one.
    pub secret: Option<SecretString>,
}

/// The most apps of a tenant.
const MOST_APPS: u16 = 100;

impl AppService {
    /// Registers an app in the caller's tenant.
    #[tracing::instrument(name = "registry.register", skip_all, fields(tenant = %caller.tenant))]
    pub async fn register(&self, caller: &Principal, new: NewApp<'_>) -> Result<Registered, AppsRefused> {
        require_manager(caller)?;
        let name = AppName::parse(new.name)?;
        if new.scopes.is_empty() {
            return Err(AppsRefused::NoScope);
        }
        let own = new.scopes.within(&caller.scopes);
        if let Some(more) = new
            .scopes
            .iter()
            .find(|scope| !own.iter().any(|one| one == *scope))
        {
            return Err(AppsRefused::Scope(more.clone()));
        }
        let (credential, secret) = self.credential(new.credential)?;
        let app = App {
            id: AppId::from_random(self.ambient.random()),
            tenant: caller.tenant,
            name,
            scopes: new.scopes,
            credential,
            created_by: caller.subject.clone(),
            created_at: self.ambient.now(),
        };
        let event = self.app_event(caller, EventKind::AppRegistered, app.id);
        if self.apps.register(&app, MOST_APPS, &[event]).await? {
            Ok(Registered { app, secret })
        } else {
            Err(AppsRefused::TooMany { most: MOST_APPS })
        }
    }

    /// The apps of the caller's tenant, oldest first.
    #[tracing::instrument(name = "registry.list_apps", skip_all, fields(tenant = %caller.tenant))]
    pub async fn list(&self, caller: &Principal) -> Result<Vec<App>, AppsRefused> {
        caller.require(Scope::APPS_MANAGE)?;
        Ok(self.apps.list_apps(caller.tenant).await?)
    }

    /// One app of the caller's tenant.
    #[tracing::instrument(name = "registry.show_app", skip_all, fields(tenant = %caller.tenant))]
    pub async fn show(&self, caller: &Principal, id: AppId) -> Result<App, AppsRefused> {
        caller.require(Scope::APPS_MANAGE)?;
        self.own_app(caller, id).await
    }

    /// Replaces how an app proves itself. The old way, and every token it was issued, end at once.
    #[tracing::instrument(name = "registry.replace_credential", skip_all, fields(tenant = %caller.tenant, app = %id))]
    pub async fn replace_credential(
        &self,
        caller: &Principal,
        id: AppId,
        new: NewCredential<'_>,
    ) -> Result<Registered, AppsRefused> {
        require_manager(caller)?;
        let (credential, secret) = self.credential(new)?;
        let app = self.own_app(caller, id).await?;
        let event = self.app_event(caller, EventKind::AppCredentialsChanged, id);
        let order = RevocationOrder::new(&self.ambient);
        let replaced = self
            .apps
            .replace_credential(caller.tenant, id, &credential, order, &[event])
            .await?;
        if !replaced {
            return Err(AppsRefused::Absent);
        }
        self.known.forget(id);
        Ok(Registered {
            app: App { credential, ..app },
            secret,
        })
    }

    /// Removes an app. Every token it was issued ends at once.
    #[tracing::instrument(name = "registry.remove_app", skip_all, fields(tenant = %caller.tenant, app = %id))]
    pub async fn remove(&self, caller: &Principal, id: AppId) -> Result<(), AppsRefused> {
        require_manager(caller)?;
        let event = self.app_event(caller, EventKind::AppRemoved, id);
        let order = RevocationOrder::new(&self.ambient);
        if self.apps.remove_app(caller.tenant, id, order, &[event]).await? {
            self.known.forget(id);
            Ok(())
        } else {
            Err(AppsRefused::Absent)
        }
    }

    async fn own_app(&self, caller: &Principal, id: AppId) -> Result<App, AppsRefused> {
        let found = self.system.find_app(id).await?;
        let own = found.filter(|found| found.app.tenant == caller.tenant);
        own.map(|found| found.app).ok_or(AppsRefused::Absent)
    }

    fn credential(
        &self,
        new: NewCredential<'_>,
    ) -> Result<(AppCredential, Option<SecretString>), AppsRefused> {
        match new {
            NewCredential::Secret => {
                let secret = AppSecret::draw(&self.ambient);
                let text = secret.text().clone();
                Ok((AppCredential::Secret(secret.digest()), Some(text)))
            }
            NewCredential::Keys(json) => {
                let keys = AppKeys::parse(json)?;
                let ours = |thumbprint: &str| self.tokens.is_own_key(thumbprint);
                if keys.set().keys().iter().any(|key| ours(&key.thumbprint())) {
                    return Err(BadKeys::Ours.into());
                }
                Ok((AppCredential::Keys(keys), None))
            }
        }
    }

    fn app_event(&self, caller: &Principal, kind: EventKind, id: AppId) -> Event {
        Event::new(&self.ambient, caller.tenant, kind, id.to_string()).with("by", caller.subject.to_string())
    }
}

/// A person who runs the tenant, not somebody in their name.
fn require_manager(caller: &Principal) -> Result<(), AppsRefused> {
    caller.require_own()?;
    caller.require_person()?;
    Ok(caller.require(Scope::APPS_MANAGE)?)
}
