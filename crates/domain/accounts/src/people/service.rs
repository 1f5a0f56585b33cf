//! What the people service works with.

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, cause_of};
use chancery_events::{Event, EventKind};
use chancery_guards::{GuardKey, Quota, Rate, Take};
use chancery_ids::TenantId;
use chancery_tokens::TokenService;
use secrecy::SecretString;

use super::{Link, LinkKind, LinkRefused, LinkSecret, LinkSystemStore, Mailer, PeopleStore};
use crate::{AccountSystemStore, EmailAddress, HashPool, LoginGuard, MemberStore};

/// How often links are mailed, over every replica.
#[derive(Debug, Clone, Copy)]
pub struct PeopleLimits {
    /// To one address.
    pub per_address: Rate,
    /// On the wish of one network (a /24, or a /64 of IPv6).
    pub per_network: Rate,
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
    /// Passwords and places.
    pub people: Arc<dyn PeopleStore>,
    /// Mailed links.
    pub links: Arc<dyn LinkSystemStore>,
    /// Sends mail.
    pub mailer: Arc<dyn Mailer>,
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
}

/// The most live links of one kind for an address: who asks again gets another one, and the first still works.
const MOST_LIVE: u16 = 3;

impl PeopleService {
    /// A service over one storage.
    #[must_use]
    pub const fn new(parts: PeopleParts, settings: PeopleSettings) -> Self {
        Self { parts, settings }
    }

    /// Stores a link, to be mailed by a worker. `false` when enough of them are about.
    pub(super) async fn mail_link(
        &self,
        kind: LinkKind,
        email: EmailAddress,
        events: &[Event],
    ) -> Result<Option<Link>, chancery_ambient::Fault> {
        let life = match kind {
            LinkKind::PasswordReset(_) => self.settings.reset_life,
            LinkKind::EmailVerification(_) => self.settings.verification_life,
            LinkKind::Invitation { .. } => self.settings.invitation_life,
        };
        let now = self.parts.ambient.now();
        let link = Link {
            id: self.parts.ambient.new_id(),
            kind,
            email,
            created_at: now,
            expires_at: now.plus(life),
        };
        let stored = self.parts.links.add_link(&link, MOST_LIVE, events).await?;
        Ok(stored.then_some(link))
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
