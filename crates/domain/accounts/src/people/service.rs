//! What the people service works with.

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, Fault, cause_of};
use chancery_events::{Event, EventKind};
use chancery_guards::{GuardKey, Quota, Rate, Take};
use chancery_ids::TenantId;
use chancery_tokens::TokenService;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Link, LinkKind, LinkRefused, LinkSecret, LinkSystemStore, Mailer, PasswordStore, PeopleStore,
    StolenPasswords, WeakPassword, error::PasswordCheck, policy,
};
use crate::{AccountSystemStore, EmailAddress, HashPool, LoginGuard, MemberStore};

/// How often links are mailed, over every replica.
#[derive(Debug, Clone, Copy)]
pub struct PeopleLimits {
    /// To one address.
    pub per_address: Rate,
    /// On the wish of one network (a /24, or a /64 of IPv6).
    pub per_network: Rate,
    /// Invitations from one tenant.
    pub per_tenant: Rate,
}

/// What a deployment decides.
#[derive(Debug)]
pub struct PeopleSettings {
    /// The address that people use, without a slash at its end. Every mailed link begins with it.
    pub public_url: String,
    /// Makes and reads mailed links.
    pub secret: LinkSecret,
    /// For how long another password can be chosen.
    pub reset_life: Duration,
    /// For how long an address can be proved.
    pub verification_life: Duration,
    /// For how long an invitation can be accepted.
    pub invitation_life: Duration,
    /// How many passwords of a person are remembered, the current one counted, so that none is used again.
    pub history: u16,
    /// How often.
    pub limits: PeopleLimits,
}

/// What the service works with.
pub struct PeopleParts {
    /// Look-ups before a tenant is known.
    pub system: Arc<dyn AccountSystemStore>,
    /// People of one tenant.
    pub members: Arc<dyn MemberStore>,
    /// Passwords and proved addresses.
    pub stored_passwords: Arc<dyn PasswordStore>,
    /// People and their places.
    pub people: Arc<dyn PeopleStore>,
    /// Mailed links.
    pub links: Arc<dyn LinkSystemStore>,
    /// Sends mail.
    pub mailer: Arc<dyn Mailer>,
    /// Passwords that were stolen somewhere, where a deployment has a list.
    pub stolen: Option<Arc<dyn StolenPasswords>>,
    /// Hashes.
    pub passwords: Arc<HashPool>,
    /// Counts tries at the current password.
    pub guard: Arc<LoginGuard>,
    /// Counts mails.
    pub quota: Arc<dyn Quota>,
    /// Takes over what was revoked.
    pub tokens: Arc<TokenService>,
    /// Time and randomness.
    pub ambient: Ambient,
}

/// Changes passwords, proves addresses, and looks after who belongs to a tenant.
pub struct PeopleService {
    pub(super) parts: PeopleParts,
    pub(super) settings: PeopleSettings,
    wishes: Arc<Semaphore>,
}

/// How many forgotten passwords are looked after at once, behind their answers.
const MOST_WISHES: usize = 64;

/// Room for one forgotten password.
pub struct WishPlace(
    #[expect(dead_code, reason = "held until the wish was looked after")] OwnedSemaphorePermit,
);

/// The most live links of one kind for an address: who asks again gets another one, and the first still works.
pub(super) const MOST_LIVE: u16 = 3;

impl PeopleService {
    /// A service over one storage.
    #[must_use]
    pub fn new(parts: PeopleParts, settings: PeopleSettings) -> Self {
        Self {
            parts,
            settings,
            wishes: Arc::new(Semaphore::new(MOST_WISHES)),
        }
    }

    /// Room for one more wish of [`Self::forgot_password`]; `None` while too many are looked after.
    #[must_use]
    pub fn place_for_wish(&self) -> Option<WishPlace> {
        self.wishes.clone().try_acquire_owned().ok().map(WishPlace)
    }

    /// Stores a link, to be mailed by a worker. `false` when enough of them are about.
    pub(super) async fn mail_link(
        &self,
        kind: LinkKind,
        email: EmailAddress,
        events: &[Event],
    ) -> Result<Option<Link>, Fault> {
        let link = self.new_link(kind, email);
        let stored = self.parts.links.add_link(&link, MOST_LIVE, events).await?;
        Ok(stored.then_some(link))
    }

    pub(super) fn new_link(&self, kind: LinkKind, email: EmailAddress) -> Link {
        let life = match kind {
            LinkKind::PasswordReset(_) => self.settings.reset_life,
            LinkKind::EmailVerification(_) => self.settings.verification_life,
            LinkKind::Invitation { .. } => self.settings.invitation_life,
        };
        let now = self.parts.ambient.now();
        Link {
            id: self.parts.ambient.new_id(),
            kind,
            email,
            created_at: now,
            expires_at: now.plus(life),
        }
    }

    /// Refuses a chosen password that is easy to guess or known to have been stolen.
    pub(super) async fn check_password(
        &self,
        password: &SecretString,
        email: &EmailAddress,
    ) -> Result<(), PasswordCheck> {
        policy::check(password, email)?;
        if let Some(stolen) = &self.parts.stolen {
            let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.expose_secret().as_bytes());
            let digest = digest.as_ref().try_into().map_err(Fault::corrupt)?;
            if stolen.contains(digest).await? {
                return Err(WeakPassword::Stolen.into());
            }
        }
        Ok(())
    }

    /// The live link of a token.
    pub(super) async fn open(&self, token: &SecretString) -> Result<Link, LinkRefused> {
        let id = LinkSecret::named(token).ok_or(LinkRefused::Invalid)?;
        let link = self.parts.links.find_link(id).await?;
        let link = link.ok_or(LinkRefused::Invalid)?;
        let live = self.parts.ambient.now() < link.expires_at;
        if live && self.settings.secret.is_genuine(token, &link) {
            Ok(link)
        } else {
            Err(LinkRefused::Invalid)
        }
    }

    /// Takes from limits. Limits that cannot be asked hold nobody back; what is behind them is bounded by itself.
    pub(super) async fn allowed(&self, takes: Vec<(GuardKey, Rate)>) -> Option<Duration> {
        let takes: Vec<_> = takes
            .into_iter()
            .map(|(key, rate)| Take::one(key, rate))
            .collect();
        match self.parts.quota.take(&takes).await {
            Ok(verdict) => verdict.retry_after(),
            Err(fault) => {
                let source = cause_of(&fault);
                tracing::warn!(source, "{fault}: mail is not limited");
                None
            }
        }
    }

    pub(super) fn event(&self, tenant: TenantId, kind: EventKind, subject: impl Into<String>) -> Event {
        Event::new(&self.parts.ambient, tenant, kind, subject)
    }

    /// This process keeps to what was just revoked at once. The others follow within the bound.
    pub(super) async fn follow(&self) {
        if let Err(fault) = self.parts.tokens.follow_revocations().await {
            tracing::debug!("{fault}: revocations are followed at the next turn");
        }
    }
}
