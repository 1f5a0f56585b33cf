//! A token service over any store, with a clock that tests move.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_access::{Principal, Subject, TenantRole};
use chancery_ambient::{Ambient, Entropy, ManualClock, SystemEntropy, Timestamp};
use chancery_auth_keys::{
    KeyService, KeySetName,
    contract::{MemoryKeyStore, MemoryReplicas, usual_settings},
};
use chancery_ids::{SessionId, TenantId};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Authority, Family, Peppers, RefreshFamilySystemStore, RefreshRefused, Seen, SessionGrant, TokenPair,
    TokenRefused, TokenService, TokenSettings, Verified,
    contract::{MemoryFamilies, MemoryOutbox},
};

/// Everything a test of sessions needs.
pub struct Bench {
    /// The service under test.
    pub tokens: Arc<TokenService>,
    /// What it signs with.
    pub keys: Arc<KeyService>,
    /// Its store.
    pub families: Arc<dyn RefreshFamilySystemStore>,
    /// Events that announce no stored change.
    pub outbox: Arc<MemoryOutbox>,
    /// Revocations, of which the families' own store knows nothing.
    pub revocations: Arc<MemoryFamilies>,
    /// Moves time.
    pub clock: Arc<ManualClock>,
    /// The tenant to log in to; has to exist where a store checks that.
    pub tenant: TenantId,
}

/// For how long a replaced token is forgiven.
pub(super) const GRACE: Duration = Duration::from_secs(10);

impl Bench {
    /// A bench over `families`, whose tenant is `tenant`.
    pub async fn over(families: Arc<dyn RefreshFamilySystemStore>, tenant: TenantId) -> Self {
        let clock = Arc::new(ManualClock::at(
            Timestamp::from_unix_seconds(1_800_000_000).unwrap(),
        ));
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let ambient = Ambient {
            clock: clock.clone(),
            entropy,
        };
        let outbox = Arc::new(MemoryOutbox::default());
        let keys = KeyService::open(
            Arc::new(MemoryKeyStore::default()),
            Arc::new(MemoryReplicas::default()),
            usual_settings(KeySetName::Api),
            ambient.clone(),
        )
        .await
        .unwrap();
        let settings = TokenSettings {
            issuer: "https://id.example.org".to_owned(),
            audiences: vec!["agent-api".to_owned()],
            access_life: Duration::from_mins(15),
            refresh_life: Duration::from_hours(24 * 30),
            session_max: Duration::from_hours(24 * 90),
            grace: GRACE,
            peppers: Peppers::parse(&"1:pepper-of-the-bench".to_owned().into()).unwrap(),
            warm_tokens: 1000,
        };
        let keys = Arc::new(keys);
        let revocations = Arc::new(MemoryFamilies::default());
        let tokens = TokenService::new(
            families.clone(),
            Arc::new(MemoryFamilies::default()),
            revocations.clone(),
            outbox.clone(),
            keys.clone(),
            settings,
            ambient,
        );
        Self {
            tokens: Arc::new(tokens),
            keys,
            families,
            outbox,
            revocations,
            clock,
            tenant,
        }
    }

    /// What an owner may do.
    #[must_use]
    pub fn authority() -> Authority {
        Authority {
            role: Some(TenantRole::Owner),
            scopes: TenantRole::Owner.scopes(),
            email_verified: true,
            subject_epoch: 0,
            tenant_epoch: 0,
        }
    }

    /// Logs a new person in.
    pub async fn log_in(&self, device: Option<&str>) -> TokenPair {
        let grant = SessionGrant {
            tenant: self.tenant,
            subject: Subject::Person(Ambient::system().new_id()),
            client_id: "password".to_owned(),
            authority: Self::authority(),
            device: device.map(ToOwned::to_owned),
            seen: Seen::default(),
        };
        self.tokens.begin_session(grant, Vec::new()).await.unwrap()
    }

    /// Refreshes as an owner.
    pub async fn refresh(
        &self,
        token: &SecretString,
        device: Option<&str>,
    ) -> Result<TokenPair, RefreshRefused> {
        let open = self.tokens.open_refresh(token, device).await?;
        self.tokens.refresh(open, Self::authority()).await
    }

    /// The caller behind an access token, as far as a set of revocations tells that has just been read.
    pub async fn verify(&self, token: &SecretString) -> Result<Principal, TokenRefused> {
        self.tokens.revocations().read().await.unwrap();
        let principal = match self.tokens.verify_access(token.expose_secret())? {
            Verified::Good(principal) => principal,
            Verified::Unconfirmed(unconfirmed) => self.tokens.confirm(unconfirmed).await?,
        };
        Ok(Arc::unwrap_or_clone(principal))
    }

    /// The session's row.
    pub async fn family(&self, session: SessionId) -> Family {
        self.families.find(session).await.unwrap().unwrap()
    }
}
