//! What apps do and what is done with them, over stores in memory.
#![cfg(test)]

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chancery_access::{Principal, Proof, Scopes, Subject, TenantRole};
use chancery_ambient::{Ambient, Fault, Timestamp};
use chancery_events::Event;
use chancery_guards::{Claim, GuardKey, Mark, ReplayGuard};
use chancery_ids::{AppId, TenantId};
use chancery_jose::{
    JwkSet, SigningKey,
    jws::{self, Header},
};
use chancery_registry::{
    App, AppCredential, AppService, AppServiceParts, AppServiceSettings, AppStore, AppSystemStore,
    AppsRefused, BadKeys, ClientCredentials, ClientRefused, GrantRefused, NewApp, NewCredential, Registered,
    StandingApp,
};
use chancery_tokens::{
    RevocationOrder, RevocationSystemStore, Revoked,
    contract::{Bench, MemoryFamilies},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// Apps in memory. Revocations are the databases' to prove.
#[derive(Default)]
struct MemoryApps {
    apps: Mutex<HashMap<AppId, App>>,
    suspended: Mutex<bool>,
}

#[async_trait]
impl AppSystemStore for MemoryApps {
    async fn find_app(&self, id: AppId) -> Result<Option<StandingApp>, Fault> {
        let found = self.apps.lock().unwrap().get(&id).cloned();
        Ok(found.map(|app| StandingApp {
            app,
            tenant_active: !*self.suspended.lock().unwrap(),
            epoch: 0,
            tenant_epoch: 0,
        }))
    }
}

#[async_trait]
impl AppStore for MemoryApps {
    async fn register(&self, app: &App, most: u16, _: &[Event]) -> Result<bool, Fault> {
        let mut apps = self.apps.lock().unwrap();
        if apps.len() >= usize::from(most) {
            return Ok(false);
        }
        apps.insert(app.id, app.clone());
        Ok(true)
    }

    async fn list_apps(&self, _: TenantId) -> Result<Vec<App>, Fault> {
        Ok(self.apps.lock().unwrap().values().cloned().collect())
    }

    async fn replace_credential(
        &self,
        _: TenantId,
        id: AppId,
        credential: &AppCredential,
        _: RevocationOrder,
        _: &[Event],
    ) -> Result<bool, Fault> {
        let mut apps = self.apps.lock().unwrap();
        let found = apps.get_mut(&id);
        Ok(found.map(|app| app.credential = credential.clone()).is_some())
    }

    async fn remove_app(
        &self,
        _: TenantId,
        id: AppId,
        _: RevocationOrder,
        _: &[Event],
    ) -> Result<bool, Fault> {
        Ok(self.apps.lock().unwrap().remove(&id).is_some())
    }
}

/// Remembers every mark; one that is told to forget remembers since later.
#[derive(Default)]
struct MemoryGuard {
    marks: Mutex<HashSet<GuardKey>>,
    since: Mutex<Option<Timestamp>>,
}

#[async_trait]
impl ReplayGuard for MemoryGuard {
    async fn claim(&self, mark: &Mark) -> Result<Claim, Fault> {
        if self
            .since
            .lock()
            .unwrap()
            .is_some_and(|since| mark.created < since)
        {
            return Ok(Claim::Forgotten);
        }
        let first = self.marks.lock().unwrap().insert(mark.key.clone());
        Ok(if first { Claim::Claimed } else { Claim::Replayed })
    }

    async fn remembers_since(&self) -> Result<Timestamp, Fault> {
        Err(Fault::unavailable("nobody asks"))
    }
}

const ISSUER: &str = "https://id.example.org";
const ENDPOINT: &str = "https://id.example.org/oauth/token";

struct World {
    service: AppService,
    bench: Bench,
    store: Arc<MemoryApps>,
    guard: Arc<MemoryGuard>,
    ambient: Ambient,
    manager: Principal,
}

impl World {
    async fn new() -> Self {
        let tenant = Ambient::system().new_id();
        let bench = Bench::over(Arc::new(MemoryFamilies::default()), tenant).await;
        let ambient = Ambient {
            clock: bench.clock.clone(),
            ..Ambient::system()
        };
        let (store, guard) = (Arc::new(MemoryApps::default()), Arc::new(MemoryGuard::default()));
        let parts = AppServiceParts {
            system: store.clone(),
            apps: store.clone(),
            tokens: bench.tokens.clone(),
            assertions: guard.clone(),
            ambient: ambient.clone(),
        };
        let settings = AppServiceSettings {
            assertion_audiences: vec![ISSUER.to_owned(), ENDPOINT.to_owned()],
        };
        let manager = Principal {
            tenant,
            subject: Subject::Person(ambient.new_id()),
            role: Some(TenantRole::Admin),
            scopes: TenantRole::Admin.scopes(),
            session: None,
            token: ambient.new_id(),
            actors: Vec::new(),
            proof: Proof::Full,
        };
        Self {
            service: AppService::new(parts, settings),
            bench,
            store,
            guard,
            ambient,
            manager,
        }
    }

    async fn register(&self, credential: NewCredential<'_>) -> Registered {
        let new = NewApp {
            name: "Nightly reports",
            scopes: scopes("tools:read conversations:read"),
            credential,
        };
        self.service.register(&self.manager, new).await.unwrap()
    }

    async fn with_key(&self) -> (App, SigningKey) {
        let key = SigningKey::generate_ed25519(&self.ambient.random()).unwrap();
        let set = serde_json::to_vec(&JwkSet::new(vec![key.public_jwk()]).unwrap()).unwrap();
        (self.register(NewCredential::Keys(&set)).await.app, key)
    }

    /// The claims of a good assertion of now.
    fn claims(&self, app: &App) -> Value {
        let now = self.ambient.now().unix_seconds();
        let id = app.id.to_string();
        json!({"iss": id, "sub": id, "aud": ENDPOINT, "jti": "j-1", "iat": now, "exp": now + 60})
    }

    async fn assert(&self, claims: &Value, key: &SigningKey) -> Result<Arc<StandingApp>, ClientRefused> {
        self.service
            .authenticate(&ClientCredentials::Assertion {
                client_id: None,
                assertion: signed(claims, key, None),
            })
            .await
    }
}

fn scopes(text: &str) -> Scopes {
    text.parse().unwrap()
}

fn signed(claims: &Value, key: &SigningKey, typ: Option<&'static str>) -> SecretString {
    let header = Header {
        algorithm: key.algorithm(),
        kid: Some(key.kid().clone()),
        typ: typ.map(Into::into),
    };
    jws::sign(&header, claims.to_string().as_bytes(), key)
        .unwrap()
        .into()
}

fn by_secret(id: AppId, secret: &SecretString) -> ClientCredentials {
    ClientCredentials::Secret {
        client_id: id.to_string(),
        secret: secret.clone(),
    }
}

#[tokio::test]
async fn a_secret_is_shown_once_kept_as_a_digest_and_lets_its_app_in() {
    let world = World::new().await;
    let Registered { app, secret } = world.register(NewCredential::Secret).await;
    let secret = secret.unwrap();
    let found = world
        .service
        .authenticate(&by_secret(app.id, &secret))
        .await
        .unwrap();
    assert_eq!(found.app, app);
    assert!(!format!("{app:?}").contains(secret.expose_secret()));
    let wrong = by_secret(app.id, &"sk_00000000000000000000000000000000".into());
    assert!(matches!(
        world.service.authenticate(&wrong).await,
        Err(ClientRefused::Invalid(_))
    ));
    for unknown in ["app_0000000000000000", "password", ""] {
        let shown = ClientCredentials::Secret {
            client_id: unknown.to_owned(),
            secret: secret.clone(),
        };
        assert!(matches!(
            world.service.authenticate(&shown).await,
            Err(ClientRefused::Invalid(_))
        ));
    }
    *world.store.suspended.lock().unwrap() = true;
    let refused = world.service.authenticate(&by_secret(app.id, &secret)).await;
    assert!(matches!(refused, Err(ClientRefused::TenantSuspended)));
}

#[tokio::test]
async fn a_client_is_recalled_for_a_minute_unless_something_changed() {
    let world = World::new().await;
    let Registered { app, secret } = world.register(NewCredential::Secret).await;
    let shown = by_secret(app.id, &secret.unwrap());
    let revocations = world.bench.tokens.revocations().clone();
    revocations.read().await.unwrap();
    assert!(world.service.recall(&shown).is_none(), "nobody knows it yet");
    let known = async || {
        world.service.authenticate(&shown).await.unwrap();
        revocations.read().await.unwrap();
        world.service.recall(&shown)
    };
    assert_eq!(known().await.unwrap().app, app);
    let wrong = by_secret(app.id, &"sk_00000000000000000000000000000000".into());
    assert!(world.service.recall(&wrong).is_none());

    world.bench.clock.advance(Duration::from_secs(1));
    assert!(
        world.service.recall(&shown).is_none(),
        "the revocations are too old to tell"
    );
    known().await.unwrap();
    world.bench.clock.advance(Duration::from_mins(1));
    revocations.read().await.unwrap();
    assert!(world.service.recall(&shown).is_none(), "a minute has passed");
}

#[tokio::test]
async fn a_client_whose_epoch_or_tenants_epoch_was_raised_is_not_recalled() {
    for of_tenant in [false, true] {
        let world = World::new().await;
        let Registered { app, secret } = world.register(NewCredential::Secret).await;
        let shown = by_secret(app.id, &secret.unwrap());
        let revocations = world.bench.tokens.revocations();
        world.service.authenticate(&shown).await.unwrap();
        revocations.read().await.unwrap();
        assert!(world.service.recall(&shown).is_some());
        let raised = if of_tenant {
            Revoked::Tenant(app.tenant, 1)
        } else {
            Revoked::Subject(Subject::App(app.id), 1)
        };
        let order = RevocationOrder::new(&Ambient::system());
        let store = &world.bench.revocations;
        store.revoke(&[order.of(raised.clone())], &[]).await.unwrap();
        revocations.read().await.unwrap();
        assert!(world.service.recall(&shown).is_none(), "{raised:?}");
    }
}

#[tokio::test]
async fn an_assertion_lets_its_signer_in_once() {
    let world = World::new().await;
    let (app, key) = world.with_key().await;
    let claims = world.claims(&app);
    assert_eq!(world.assert(&claims, &key).await.unwrap().app.id, app.id);
    assert!(
        matches!(world.assert(&claims, &key).await, Err(ClientRefused::Invalid(why)) if why.contains("before"))
    );
    let mut at_issuer = claims.clone();
    (at_issuer["jti"], at_issuer["aud"]) = (json!("j-2"), json!(["https://elsewhere.example", ISSUER]));
    assert!(world.assert(&at_issuer, &key).await.is_ok());

    // An app that proves itself by a key has no secret that could be guessed, and the other way round.
    assert!(
        world
            .service
            .authenticate(&by_secret(app.id, &"".into()))
            .await
            .is_err()
    );
    let with_secret = world.register(NewCredential::Secret).await.app;
    assert!(world.assert(&world.claims(&with_secret), &key).await.is_err());
}

#[tokio::test]
async fn an_assertion_that_is_wrong_in_one_way_lets_nobody_in() {
    let world = World::new().await;
    let (app, key) = world.with_key().await;
    let now = world.ambient.now().unix_seconds();
    let other = world.with_key().await.0.id.to_string();
    for (name, wrong) in [
        ("iss", json!(other)),
        ("sub", json!(other)),
        ("aud", json!("https://elsewhere.example")),
        ("aud", json!([])),
        ("aud", json!(7)),
        ("jti", json!("")),
        ("jti", json!("j".repeat(256))),
        ("iat", json!(now + 31)),
        ("nbf", json!(now + 31)),
        ("exp", json!(now - 30)),
        ("exp", json!(now)),
        ("exp", json!(now + 601)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(null)),
    ] {
        let mut claims = world.claims(&app);
        claims[name] = wrong;
        let refused = world.assert(&claims, &key).await;
        assert!(matches!(refused, Err(ClientRefused::Invalid(_))), "{claims}");
    }
    let stranger = SigningKey::generate_ed25519(&world.ambient.random()).unwrap();
    assert!(world.assert(&world.claims(&app), &stranger).await.is_err());
    let shown = |client_id: Option<&str>, assertion| ClientCredentials::Assertion {
        client_id: client_id.map(ToOwned::to_owned),
        assertion,
    };
    let good = || signed(&world.claims(&app), &key, Some("client-authentication+jwt"));
    for refused in [
        shown(Some(&other), good()),
        shown(None, "no.such.token".into()),
        // Another kind of token that the app signed is no assertion.
        shown(None, signed(&world.claims(&app), &key, Some("at+jwt"))),
    ] {
        assert!(world.service.authenticate(&refused).await.is_err(), "{refused:?}");
    }
    // After all that, none of it has used the good one up.
    let own = shown(Some(&app.id.to_string()), good());
    assert!(world.service.authenticate(&own).await.is_ok());
}

#[tokio::test]
async fn an_assertion_from_before_the_memory_of_used_ones_is_refused() {
    let world = World::new().await;
    let (app, key) = world.with_key().await;
    let claims = world.claims(&app);
    *world.guard.since.lock().unwrap() = Some(world.ambient.now().plus(Duration::from_secs(5)));
    assert!(matches!(
        world.assert(&claims, &key).await,
        Err(ClientRefused::Invalid(_))
    ));
    world.bench.clock.advance(Duration::from_secs(5));
    assert!(world.assert(&world.claims(&app), &key).await.is_ok());
}

#[tokio::test]
async fn an_app_is_granted_what_it_may_and_nothing_else() {
    let world = World::new().await;
    let Registered { app, secret } = world.register(NewCredential::Secret).await;
    let shown = by_secret(app.id, &secret.unwrap());
    let ask = async |scope: Option<&str>, audiences: &[&str]| {
        let audiences = audiences.iter().map(ToString::to_string).collect();
        let client = world.service.authenticate(&shown).await.unwrap();
        world
            .service
            .client_credentials(&client, scope.map(scopes), audiences)
    };
    let all = ask(None, &[]).await.unwrap();
    assert_eq!(all.scopes, app.scopes);
    let caller = world.bench.verify(&all.token).await.unwrap();
    assert_eq!((caller.subject, caller.role), (Subject::App(app.id), None));
    assert_eq!(
        ask(Some("tools:read"), &["agent-api"]).await.unwrap().scopes,
        scopes("tools:read")
    );
    assert!(matches!(
        ask(Some("tools:read billing:read"), &[]).await,
        Err(GrantRefused::Scope(Some(_)))
    ));
    assert!(matches!(ask(Some(""), &[]).await, Err(GrantRefused::Scope(None))));
    assert!(matches!(
        ask(None, &["elsewhere"]).await,
        Err(GrantRefused::UnknownAudience)
    ));
}

#[tokio::test]
async fn only_who_runs_the_tenant_registers_and_nobody_gives_what_they_do_not_have() {
    let world = World::new().await;
    let register = async |caller: &Principal, name: &str, scope: &str| {
        let new = NewApp {
            name,
            scopes: scopes(scope),
            credential: NewCredential::Secret,
        };
        world.service.register(caller, new).await
    };
    let manager = &world.manager;
    assert!(matches!(
        register(manager, "x", "support:*").await,
        Err(AppsRefused::Scope(_))
    ));
    assert!(matches!(
        register(manager, "x", "").await,
        Err(AppsRefused::NoScope)
    ));
    assert!(matches!(
        register(manager, " ", "tools:read").await,
        Err(AppsRefused::Name(_))
    ));
    for caller in [
        Principal {
            scopes: TenantRole::Member.scopes(),
            ..manager.clone()
        },
        Principal {
            subject: Subject::ServiceAccount("worker".to_owned()),
            ..manager.clone()
        },
        Principal {
            actors: vec![Subject::App(AppId::from_random([1; 8]))],
            ..manager.clone()
        },
    ] {
        assert!(matches!(
            register(&caller, "x", "tools:read").await,
            Err(AppsRefused::Denied(_))
        ));
    }
    let own = register(manager, "x", "tools:read").await.unwrap().app;
    let stranger = Principal {
        tenant: world.ambient.new_id(),
        ..manager.clone()
    };
    assert!(matches!(
        world.service.show(&stranger, own.id).await,
        Err(AppsRefused::Absent)
    ));
    let replaced = world
        .service
        .replace_credential(&stranger, own.id, NewCredential::Secret)
        .await;
    assert!(matches!(replaced, Err(AppsRefused::Absent)));
    assert_eq!(world.service.show(manager, own.id).await.unwrap(), own);
    assert_eq!(world.service.list(manager).await.unwrap(), [own]);
}

#[tokio::test]
async fn another_credential_ends_the_one_before() {
    let world = World::new().await;
    let Registered { app, secret } = world.register(NewCredential::Secret).await;
    let old = by_secret(app.id, &secret.unwrap());
    let new = world
        .service
        .replace_credential(&world.manager, app.id, NewCredential::Secret)
        .await
        .unwrap();
    assert!(world.service.authenticate(&old).await.is_err());
    assert!(
        world
            .service
            .authenticate(&by_secret(app.id, &new.secret.unwrap()))
            .await
            .is_ok()
    );
    world.service.remove(&world.manager, app.id).await.unwrap();
    let gone = world.service.remove(&world.manager, app.id).await;
    assert!(matches!(gone, Err(AppsRefused::Absent)));
}

#[tokio::test]
async fn keys_that_are_private_ours_or_too_many_are_refused() {
    let world = World::new().await;
    let register = async |set: &Value| {
        let set = set.to_string().into_bytes();
        let new = NewApp {
            name: "x",
            scopes: scopes("tools:read"),
            credential: NewCredential::Keys(&set),
        };
        world.service.register(&world.manager, new).await
    };
    let keys = |count: usize| {
        let key = || {
            SigningKey::generate_ed25519(&world.ambient.random())
                .unwrap()
                .public_jwk()
        };
        json!({"keys": (0..count).map(|_| key()).collect::<Vec<_>>()})
    };
    assert!(register(&keys(8)).await.is_ok());
    assert!(matches!(
        register(&keys(9)).await,
        Err(AppsRefused::Keys(BadKeys::Count))
    ));
    assert!(matches!(
        register(&keys(0)).await,
        Err(AppsRefused::Keys(BadKeys::Count))
    ));
    let private = SigningKey::generate_ed25519(&world.ambient.random())
        .unwrap()
        .to_private_jwk();
    let private: Value = serde_json::from_str(private.expose_secret()).unwrap();
    let refused = register(&json!({"keys": [private]})).await;
    assert!(matches!(refused, Err(AppsRefused::Keys(BadKeys::Unreadable(_)))));
}
