//! An account service over stores in memory, for this crate's tests.

use std::{
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
    time::Duration,
};

use chancery_access::{Principal, TenantRole};
use chancery_ambient::Ambient;
use chancery_guards::Rate;
use chancery_ids::{TenantId, UserId};
use chancery_tokens::{
    TokenPair,
    contract::{Bench, MemoryFamilies},
};
use secrecy::SecretString;

use crate::{
    AccountService, EmailAddress, Familiarity, HashPool, IssueLimits, LoggedIn, LoginGuard, LoginRefused,
    LoginRequest, Membership, PasswordHash, PasswordPeppers, RefreshRefused, RefreshRequest,
    ServiceAccountCatalogue, ServiceAccountParts, ServiceAccountService, ServiceAccountSettings, TenantState,
    UserState,
    service_accounts::twin::{MemoryQuota, MemoryServiceTokens},
    twin::{MemoryTally, Person, Twin, lockout},
};

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Fixture {
    pub(crate) store: Arc<Twin>,
    pub(crate) service: AccountService,
    pub(crate) sessions: Bench,
    pub(crate) families: Arc<MemoryFamilies>,
    pub(crate) guard: Arc<LoginGuard>,
    pub(crate) ambient: Ambient,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let (store, ambient) = (Arc::new(Twin::default()), Ambient::system());
        let families = Arc::new(MemoryFamilies::default());
        let sessions = Bench::over(families.clone(), ambient.new_id()).await;
        let tokens = sessions.tokens.clone();
        let tally = Arc::new(MemoryTally::default());
        let guard = Arc::new(LoginGuard::new(tally, &"secret".into(), lockout(5, 50)));
        let service = AccountService::new(
            store.clone(),
            store.clone(),
            tokens,
            pool(),
            guard.clone(),
            service_accounts(&sessions),
            ambient.clone(),
        );
        Self {
            store,
            service,
            sessions,
            families,
            guard,
            ambient,
        }
    }

    /// The caller behind the access token.
    pub(crate) async fn caller(&self, logged_in: &LoggedIn) -> Principal {
        self.sessions.verify(&logged_in.pair.access_token).await.unwrap()
    }

    pub(crate) async fn refresh(
        &self,
        token: &SecretString,
        device: Option<&str>,
    ) -> Result<TokenPair, RefreshRefused> {
        let request = RefreshRequest {
            device,
            ..RefreshRequest::of(token)
        };
        self.service.refresh(request).await
    }

    /// A person with [`PASSWORD`] who belongs to no tenant yet.
    pub(crate) async fn person(&self, email: &str) -> UserId {
        let user = self.ambient.new_id();
        let password = pool().hash(PASSWORD.into(), Familiarity::Familiar).await.unwrap();
        self.store.state().people.push(Person {
            user,
            email: EmailAddress::parse(email).unwrap(),
            password: Some(password),
            state: UserState::Active,
            email_verified: true,
            is_operator: false,
            epoch: 0,
            earlier: Vec::new(),
        });
        user
    }

    /// Makes the person an operator of the platform.
    pub(crate) fn make_operator(&self, user: UserId) {
        let mut state = self.store.state();
        let found = state.people.iter_mut().find(|person| person.user == user);
        found.unwrap().is_operator = true;
    }

    /// Makes the person a member of a new tenant.
    pub(crate) fn join_new_tenant(&self, user: UserId, role: TenantRole) -> TenantId {
        let tenant = self.ambient.new_id();
        self.join(tenant, user, role);
        tenant
    }

    /// Makes the person a member of the tenant.
    pub(crate) fn join(&self, tenant: TenantId, user: UserId, role: TenantRole) {
        let membership = Membership {
            tenant,
            role,
            tenant_state: TenantState::Active,
        };
        self.store.state().memberships.push((user, membership));
    }

    /// A person with [`PASSWORD`] and a tenant.
    pub(crate) async fn member(&self, email: &str) -> (TenantId, UserId) {
        let user = self.person(email).await;
        (self.join_new_tenant(user, TenantRole::Member), user)
    }

    pub(crate) fn change_person(&self, user: UserId, change: impl FnOnce(&mut Person)) {
        let mut state = self.store.state();
        change(
            state
                .people
                .iter_mut()
                .find(|person| person.user == user)
                .unwrap(),
        );
    }

    pub(crate) fn change_membership(&self, user: UserId, change: impl FnOnce(&mut Membership)) {
        let mut state = self.store.state();
        let mut memberships = state.memberships.iter_mut();
        change(&mut memberships.find(|(of, _)| *of == user).unwrap().1);
    }

    pub(crate) fn stored_hash(&self, user: UserId) -> PasswordHash {
        let state = self.store.state();
        let person = state.people.iter().find(|person| person.user == user).unwrap();
        person.password.clone().unwrap()
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Result<LoggedIn, LoginRefused> {
        self.log_in_to(email, password, None).await
    }

    pub(crate) async fn log_in_to(
        &self,
        email: &str,
        password: &str,
        tenant: Option<TenantId>,
    ) -> Result<LoggedIn, LoginRefused> {
        let password = SecretString::from(password);
        let request = LoginRequest {
            email,
            password,
            tenant,
            device: None,
            from: None,
            user_agent: None,
        };
        self.service.log_in(request).await
    }
}

/// One pool for all tests of a process.
pub(crate) fn pool() -> Arc<HashPool> {
    static POOL: OnceLock<Arc<HashPool>> = OnceLock::new();
    POOL.get_or_init(|| Arc::new(pool_with("2:today,1:yesterday")))
        .clone()
}

pub(crate) fn pool_with(peppers: &str) -> HashPool {
    let peppers = PasswordPeppers::parse(&peppers.into()).unwrap();
    HashPool::start(peppers, NonZeroUsize::MIN, Ambient::system()).unwrap()
}

/// Service accounts without a Vault, whose tokens are where `sessions` has its families.
fn service_accounts(sessions: &Bench) -> Arc<ServiceAccountService> {
    const CATALOGUE: &str = r#"
        [[service_accounts]]
        account = "worker"
        description = "Works"
        allowed_scopes = ["tools:read"]
        max_ttl_minutes = 60
    "#;
    let rate = Rate::new(1, Duration::from_mins(1));
    let parts = ServiceAccountParts {
        catalogue: ServiceAccountCatalogue::parse(CATALOGUE).unwrap(),
        store: Arc::new(MemoryServiceTokens::over(sessions.families.clone())),
        signatures: None,
        tokens: sessions.tokens.clone(),
        quota: Arc::new(MemoryQuota::default()),
        ambient: Ambient::system(),
    };
    let settings = ServiceAccountSettings {
        audience: "auth-service".to_owned(),
        limits: IssueLimits {
            per_account: rate,
            per_network: rate,
            together: rate,
        },
    };
    Arc::new(ServiceAccountService::new(parts, settings))
}
