use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_access::{Principal, Proof, Scopes, Subject, TenantRole};
use chancery_ambient::Ambient;
use chancery_guards::Rate;
use chancery_ids::TenantId;
use chancery_tokens::contract::{Bench, MemoryFamilies};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{
    IssueLimits, IssueRefused, IssueRequest, IssuedServiceToken, RuleBroken, ServiceAccountCatalogue,
    ServiceAccountParts, ServiceAccountService, ServiceAccountSettings, ServiceTokenFilter,
    ServiceTokensRefused, SignedRequest,
    twin::{MemoryQuota, MemoryServiceTokens, PlainSignatures, sign, subject},
};
use crate::{RefreshRefused, TenantState};

const CATALOGUE: &str = r#"
    [[service_accounts]]
    account = "billing-worker"
    description = "Bills"
    allowed_scopes = ["billing:read", "billing:manage"]
    default_ttl_minutes = 60
    max_ttl_minutes = 120

    [[service_accounts]]
    account = "support-console"
    description = "Helps"
    allowed_scopes = ["support:*"]
    requires_tenant = false
    max_ttl_minutes = 10080
    vault_key = "support"
"#;

struct World {
    service: ServiceAccountService,
    bench: Bench,
    store: Arc<MemoryServiceTokens>,
    tenant: TenantId,
}

impl World {
    async fn new() -> Self {
        Self::with(MemoryQuota::default()).await
    }

    async fn with(quota: MemoryQuota) -> Self {
        let tenant = Ambient::system().new_id();
        let bench = Bench::over(Arc::new(MemoryFamilies::default()), tenant).await;
        let store = Arc::new(MemoryServiceTokens::over(bench.families.clone()));
        store.tenants.lock().unwrap().insert(tenant, TenantState::Active);
        let minute = Duration::from_mins(1);
        let parts = ServiceAccountParts {
            catalogue: ServiceAccountCatalogue::parse(CATALOGUE).unwrap(),
            store: store.clone(),
            signatures: Some(Arc::new(PlainSignatures)),
            tokens: bench.tokens.clone(),
            quota: Arc::new(quota),
            ambient: Ambient {
                clock: bench.clock.clone(),
                ..Ambient::system()
            },
        };
        let settings = ServiceAccountSettings {
            audience: "auth-service".to_owned(),
            limits: IssueLimits {
                per_account: Rate::new(5, minute),
                per_network: Rate::new(10, minute),
                together: Rate::new(30, minute),
            },
        };
        Self {
            service: ServiceAccountService::new(parts, settings),
            bench,
            store,
            tenant,
        }
    }

    fn request(&self) -> IssueRequest {
        IssueRequest {
            account: "billing-worker".to_owned(),
            scopes: scopes("billing:read"),
            tenant: Some(self.tenant),
            lifetime_minutes: None,
            fingerprint: None,
            force: false,
        }
    }

    /// What Vault's client would sign for this request.
    fn payload(&self, request: &IssueRequest, nonce: &str) -> Value {
        let now = Ambient {
            clock: self.bench.clock.clone(),
            ..Ambient::system()
        }
        .now()
        .unix_millis()
            / 1000;
        json!({
            "iss": "vault-transit", "aud": ["auth-service"], "sub": "service-account-cli", "account": request.account,
            "tenant_id": request.tenant, "nonce": nonce, "iat": now, "exp": now + 300,
            "scopes": request.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }

    async fn send(
        &self,
        request: IssueRequest,
        payload: &Value,
        key: &str,
    ) -> Result<IssuedServiceToken, IssueRefused> {
        let bytes = payload.to_string().into_bytes();
        let signed = SignedRequest {
            request,
            payload: &URL_SAFE_NO_PAD.encode(&bytes),
            signature: &sign(key, &bytes),
            from: None,
        };
        self.service.issue_signed(signed).await
    }

    async fn issue(&self, request: IssueRequest, nonce: &str) -> Result<IssuedServiceToken, IssueRefused> {
        let payload = self.payload(&request, nonce);
        self.send(request, &payload, "auth-service").await
    }

    fn administrator(&self) -> Principal {
        Principal {
            tenant: self.tenant,
            subject: Subject::Person(Ambient::system().new_id()),
            role: Some(TenantRole::Admin),
            scopes: TenantRole::Admin.scopes(),
            session: None,
            token: Ambient::system().new_id(),
            actors: Vec::new(),
            proof: Proof::Full,
        }
    }
}

fn scopes(text: &str) -> Scopes {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_signed_request_gets_a_token_and_the_next_one_the_same() {
    let world = World::new().await;
    let first = world.issue(world.request(), "n-1").await.unwrap();
    assert!(!first.reused);
    assert_eq!(first.family.subject, subject("billing-worker"));
    let second = world.issue(world.request(), "n-2").await.unwrap();
    assert!(second.reused);
    assert_eq!(
        second.refresh_token.expose_secret(),
        first.refresh_token.expose_secret()
    );
    let forced = IssueRequest {
        force: true,
        ..world.request()
    };
    let third = world.issue(forced, "n-3").await.unwrap();
    assert_ne!(
        third.refresh_token.expose_secret(),
        first.refresh_token.expose_secret()
    );
}

#[tokio::test]
async fn a_nonce_counts_once_and_a_refused_request_does_not_use_it_up() {
    let world = World::new().await;
    let too_much = IssueRequest {
        scopes: scopes("tools:read"),
        ..world.request()
    };
    assert!(matches!(
        world.issue(too_much, "n-1").await,
        Err(IssueRefused::Rule(RuleBroken::ScopeNotAllowed(_)))
    ));
    assert!(world.issue(world.request(), "n-1").await.is_ok());
    assert!(matches!(
        world.issue(world.request(), "n-1").await,
        Err(IssueRefused::NonceUsed)
    ));
}

#[tokio::test]
async fn what_was_signed_has_to_be_what_is_asked_for() {
    let world = World::new().await;
    let payload = world.payload(&world.request(), "n-1");
    let other_tenant = Ambient::system().new_id();
    for (name, request) in [
        (
            "account",
            IssueRequest {
                account: "support-console".to_owned(),
                ..world.request()
            },
        ),
        (
            "tenant",
            IssueRequest {
                tenant: None,
                ..world.request()
            },
        ),
        (
            "tenant",
            IssueRequest {
                tenant: Some(other_tenant),
                ..world.request()
            },
        ),
        (
            "scopes",
            IssueRequest {
                scopes: scopes("billing:manage billing:read"),
                ..world.request()
            },
        ),
    ] {
        let refused = world.send(request, &payload, "auth-service").await;
        assert!(
            matches!(refused, Err(IssueRefused::Mismatch(what)) if what == name),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn only_the_accounts_own_key_signs_for_it() {
    let world = World::new().await;
    let global = IssueRequest {
        account: "support-console".to_owned(),
        scopes: scopes("support:*"),
        tenant: None,
        ..world.request()
    };
    let payload = world.payload(&global, "n-1");
    let refused = world.send(global.clone(), &payload, "auth-service").await;
    assert!(matches!(refused, Err(IssueRefused::BadSignature)));
    let issued = world.send(global, &payload, "support").await.unwrap();
    assert_eq!(issued.family.tenant, TenantId::PLATFORM);

    let bytes = world.payload(&world.request(), "n-2").to_string().into_bytes();
    let asleep = SignedRequest {
        request: world.request(),
        payload: &URL_SAFE_NO_PAD.encode(&bytes),
        signature: "asleep",
        from: None,
    };
    assert!(matches!(
        world.service.issue_signed(asleep).await,
        Err(IssueRefused::Fault(_))
    ));
}

#[tokio::test]
async fn nothing_unsigned_makes_a_token_stronger() {
    let world = World::new().await;
    for minutes in [0, 61, 120, u64::MAX] {
        let request = IssueRequest {
            lifetime_minutes: Some(minutes),
            ..world.request()
        };
        let refused = world.issue(request, &format!("n-{minutes}")).await;
        assert!(
            matches!(
                refused,
                Err(IssueRefused::Rule(RuleBroken::Lifetime { most: 60 }))
            ),
            "{refused:?}"
        );
        world.bench.clock.advance(Duration::from_secs(1));
    }
    let shorter = IssueRequest {
        lifetime_minutes: Some(10),
        ..World::new().await.request()
    };
    let world = World::new().await;
    let issued = world
        .issue(
            IssueRequest {
                tenant: Some(world.tenant),
                ..shorter
            },
            "n",
        )
        .await
        .unwrap();
    assert_eq!(
        issued.family.expires_at.since(issued.family.created_at),
        Duration::from_mins(10)
    );
}

#[tokio::test]
async fn a_tenant_is_there_exactly_when_the_account_wants_one() {
    let world = World::new().await;
    let without = IssueRequest {
        tenant: None,
        ..world.request()
    };
    assert!(matches!(
        world.issue(without, "1").await,
        Err(IssueRefused::Rule(RuleBroken::TenantRequired))
    ));
    let global = IssueRequest {
        account: "support-console".to_owned(),
        scopes: scopes("support:*"),
        ..world.request()
    };
    let payload = world.payload(&global, "2");
    let refused = world.send(global, &payload, "support").await;
    assert!(matches!(
        refused,
        Err(IssueRefused::Rule(RuleBroken::TenantForbidden))
    ));
    let unknown = IssueRequest {
        tenant: Some(Ambient::system().new_id()),
        ..world.request()
    };
    assert!(matches!(
        world.issue(unknown, "3").await,
        Err(IssueRefused::Rule(RuleBroken::TenantNotActive))
    ));
    world
        .store
        .tenants
        .lock()
        .unwrap()
        .insert(world.tenant, TenantState::Suspended);
    let refused = world.issue(world.request(), "4").await;
    assert!(matches!(
        refused,
        Err(IssueRefused::Rule(RuleBroken::TenantNotActive))
    ));
}

#[tokio::test]
async fn an_account_gets_five_tokens_a_minute_and_a_guard_that_fails_lets_pass() {
    let world = World::new().await;
    for count in 0..5 {
        world.issue(world.request(), &format!("n-{count}")).await.unwrap();
    }
    let refused = world.issue(world.request(), "n-5").await;
    let Err(IssueRefused::TooMany { account, retry_after }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(account.as_deref(), Some("billing-worker"));
    assert_eq!(retry_after, Duration::from_secs(12));

    let lenient = World::with(MemoryQuota {
        fails: true,
        ..MemoryQuota::default()
    })
    .await;
    for count in 0..8 {
        lenient
            .issue(lenient.request(), &format!("n-{count}"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_token_is_exchanged_for_what_the_catalogue_allows() {
    let world = World::new().await;
    let issued = world.issue(world.request(), "n-1").await.unwrap();
    let exchange = async |world: &World| {
        let open = world
            .bench
            .tokens
            .open_refresh(&issued.refresh_token, None)
            .await
            .unwrap();
        world.service.exchange(open, |authority| authority).await
    };
    let pair = exchange(&world).await.unwrap();
    assert_eq!(
        pair.refresh_token.expose_secret(),
        issued.refresh_token.expose_secret()
    );
    let caller = world.bench.verify(&pair.access_token).await.unwrap();
    assert_eq!(
        (caller.tenant, &caller.subject),
        (world.tenant, &subject("billing-worker"))
    );
    assert_eq!((caller.role, caller.scopes), (None, scopes("billing:read")));

    world
        .store
        .tenants
        .lock()
        .unwrap()
        .insert(world.tenant, TenantState::Suspended);
    assert!(matches!(
        exchange(&world).await,
        Err(RefreshRefused::TenantSuspended)
    ));
    world.store.tenants.lock().unwrap().clear();
    assert!(matches!(exchange(&world).await, Err(RefreshRefused::OwnerGone)));
}

#[tokio::test]
async fn who_runs_a_tenant_issues_lists_and_ends_its_tokens_and_no_others() {
    let world = World::new().await;
    let caller = world.administrator();
    let by_person = |request| world.service.issue_by_person(&caller, request, "a new job");
    let issued = by_person(IssueRequest {
        tenant: None,
        ..world.request()
    })
    .await
    .unwrap();
    assert_eq!(issued.family.tenant, world.tenant);
    let elsewhere = IssueRequest {
        tenant: Some(Ambient::system().new_id()),
        ..world.request()
    };
    assert!(matches!(
        by_person(elsewhere).await,
        Err(IssueRefused::Rule(RuleBroken::TenantNotActive))
    ));
    let global = IssueRequest {
        account: "support-console".to_owned(),
        scopes: scopes("support:*"),
        tenant: None,
        ..world.request()
    };
    assert!(matches!(
        by_person(global).await,
        Err(IssueRefused::Rule(RuleBroken::UnknownAccount(_)))
    ));

    let (listed, total) = world
        .service
        .list_tokens(&caller, &ServiceTokenFilter::default())
        .await
        .unwrap();
    assert_eq!((listed[0].sid, total), (issued.family.sid, 1));
    let end = async |caller: &Principal| {
        world
            .service
            .revoke_token(caller, issued.family.sid, "done")
            .await
    };
    let stranger = Principal {
        tenant: Ambient::system().new_id(),
        ..caller.clone()
    };
    assert!(matches!(end(&stranger).await, Err(ServiceTokensRefused::Absent)));
    let member = Principal {
        scopes: TenantRole::Member.scopes(),
        ..caller.clone()
    };
    assert!(matches!(end(&member).await, Err(ServiceTokensRefused::Denied(_))));
    let acting = Principal {
        actors: vec![subject("robot")],
        ..caller.clone()
    };
    assert!(matches!(end(&acting).await, Err(ServiceTokensRefused::Denied(_))));
    assert!(matches!(
        world.service.issue_by_person(&acting, world.request(), "x").await,
        Err(IssueRefused::Denied(_))
    ));
    assert!(end(&caller).await.unwrap());
    assert!(!end(&caller).await.unwrap());
    assert!(
        world
            .bench
            .tokens
            .open_refresh(&issued.refresh_token, None)
            .await
            .is_err()
    );
}
