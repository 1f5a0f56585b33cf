//! The MUST clauses of [`AppStore`] and [`AppSystemStore`], over one storage.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::sync::Arc;

use chancery_access::Subject;
use chancery_ambient::Ambient;
use chancery_ids::{AppId, TenantId};
use chancery_tokens::{RevocationOrder, RevocationSystemStore, TokenMarks};

use crate::{App, AppCredential, AppKeys, AppName, AppSecret, AppStore, AppSystemStore};

/// The stores under test, and a tenant that exists.
#[derive(Clone)]
pub struct Scene {
    /// Apps of one tenant.
    pub apps: Arc<dyn AppStore>,
    /// Look-ups before a tenant is known.
    pub system: Arc<dyn AppSystemStore>,
    /// Revocations of the same storage.
    pub revocations: Arc<dyn RevocationSystemStore>,
    /// The tenant.
    pub tenant: TenantId,
}

const MOST: u16 = 3;

impl Scene {
    async fn register(&self, app: &App) -> bool {
        self.apps.register(app, MOST, &[]).await.unwrap()
    }

    async fn is_revoked(&self, app: AppId, epoch: u64) -> bool {
        let ambient = Ambient::system();
        let marks = TokenMarks {
            token: ambient.new_id(),
            session: None,
            subject: (Subject::App(app), epoch),
            tenant: None,
            actors: Vec::new(),
            kid: "kid-1".to_owned(),
        };
        self.revocations.is_revoked(&marks).await.unwrap()
    }
}

fn app(tenant: TenantId) -> App {
    let ambient = Ambient::system();
    App {
        id: AppId::from_random(ambient.random()),
        tenant,
        name: AppName::parse("Nightly reports").unwrap(),
        scopes: "conversations:read tools:read".parse().unwrap(),
        credential: AppCredential::Secret(AppSecret::draw(&ambient).digest()),
        created_by: Subject::Person(ambient.new_id()),
        created_at: ambient.now(),
    }
}

fn keys() -> AppCredential {
    let set = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    AppCredential::Keys(AppKeys::parse(set).unwrap())
}

/// What was registered is found, whole, with either credential; an unknown app is absent.
pub async fn an_app_is_found_as_it_was_registered(scene: Scene) {
    let by_keys = App {
        credential: keys(),
        ..app(scene.tenant)
    };
    for app in [app(scene.tenant), by_keys] {
        assert!(scene.register(&app).await);
        let found = scene.system.find_app(app.id).await.unwrap().unwrap();
        assert_eq!((found.app, found.tenant_active, found.epoch), (app, true, 0));
    }
    let unknown = AppId::from_random([1; 8]);
    assert!(scene.system.find_app(unknown).await.unwrap().is_none());
}

/// An id is given once, after its app was removed too.
pub async fn an_id_is_given_once(scene: Scene) {
    let first = app(scene.tenant);
    assert!(scene.register(&first).await);
    let order = RevocationOrder::new(&Ambient::system());
    assert!(
        scene
            .apps
            .remove_app(scene.tenant, first.id, order, &[])
            .await
            .unwrap()
    );
    let second = App {
        id: first.id,
        ..app(scene.tenant)
    };
    assert!(!scene.register(&second).await);
    assert!(scene.system.find_app(first.id).await.unwrap().is_none());
}

/// However many callers, a tenant has no more apps than it may.
pub async fn a_tenant_has_no_more_apps_than_it_may(scene: Scene) {
    let apps: Vec<_> = (0..12).map(|_| app(scene.tenant)).collect();
    let tries = apps.iter().map(|app| scene.apps.register(app, MOST, &[]));
    let registered = futures::future::join_all(tries).await;
    let taken = registered
        .into_iter()
        .filter(|one| *one.as_ref().unwrap())
        .count();
    assert_eq!(taken, usize::from(MOST));
    assert_eq!(
        scene.apps.list_apps(scene.tenant).await.unwrap().len(),
        usize::from(MOST)
    );
}

/// Another tenant neither sees nor touches an app.
pub async fn another_tenants_app_is_not_there(scene: Scene) {
    let own = app(scene.tenant);
    assert!(scene.register(&own).await);
    let elsewhere = Ambient::system().new_id();
    assert_eq!(scene.apps.list_apps(elsewhere).await.unwrap(), []);
    let order = RevocationOrder::new(&Ambient::system());
    let replaced = scene
        .apps
        .replace_credential(elsewhere, own.id, &keys(), order, &[])
        .await;
    assert!(!replaced.unwrap());
    let removed = scene.apps.remove_app(elsewhere, own.id, order, &[]).await;
    assert!(!removed.unwrap());
    assert_eq!(
        scene.apps.list_apps(scene.tenant).await.unwrap(),
        std::slice::from_ref(&own)
    );
    assert!(!scene.is_revoked(own.id, 0).await);
}

/// Another credential, and the end of the app, raise the epoch and revoke what was before.
pub async fn a_change_of_credential_ends_every_token_of_before(scene: Scene) {
    let own = app(scene.tenant);
    assert!(scene.register(&own).await);
    for (epoch, credential) in [(1, keys()), (2, app(scene.tenant).credential)] {
        let order = RevocationOrder::new(&Ambient::system());
        let replaced = scene
            .apps
            .replace_credential(scene.tenant, own.id, &credential, order, &[])
            .await;
        assert!(replaced.unwrap());
        let found = scene.system.find_app(own.id).await.unwrap().unwrap();
        assert_eq!((found.app.credential, found.epoch), (credential, epoch));
        assert!(scene.is_revoked(own.id, epoch - 1).await);
        assert!(!scene.is_revoked(own.id, epoch).await);
    }
    let order = RevocationOrder::new(&Ambient::system());
    assert!(
        scene
            .apps
            .remove_app(scene.tenant, own.id, order, &[])
            .await
            .unwrap()
    );
    assert!(scene.is_revoked(own.id, 2).await);
    assert!(scene.system.find_app(own.id).await.unwrap().is_none());
    assert_eq!(scene.apps.list_apps(scene.tenant).await.unwrap(), []);
    let again = RevocationOrder::new(&Ambient::system());
    assert!(
        !scene
            .apps
            .remove_app(scene.tenant, own.id, again, &[])
            .await
            .unwrap()
    );
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Scene`] and a guard that keeps it alive.
#[macro_export]
macro_rules! app_store_contract {
    ($fresh:expr) => {
        $crate::app_store_contract!(@tests $fresh,
            an_app_is_found_as_it_was_registered, an_id_is_given_once, a_tenant_has_no_more_apps_than_it_may,
            another_tenants_app_is_not_there, a_change_of_credential_ends_every_token_of_before);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let (scene, _guard) = $fresh.await;
            $crate::contract::app_store::$clause(scene).await;
        }
    )*};
}
