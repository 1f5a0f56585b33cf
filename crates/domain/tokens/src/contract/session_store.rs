//! The MUST clauses of [`SessionStore`]. Its sessions are begun and ended through the families of the same storage.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_access::Subject;
use chancery_ambient::{Ambient, Timestamp};
use chancery_ids::{SessionId, TenantId};

use crate::{
    EndReason, Family, RefreshFamilySystemStore, RevocationOrder, Revoked, SessionStore,
    contract::refresh_family_system_store::family,
};

/// The store under test and the families beside it.
#[derive(Clone)]
pub struct Scene {
    /// The store.
    pub store: Arc<dyn SessionStore>,
    /// The families of the same storage.
    pub families: Arc<dyn RefreshFamilySystemStore>,
}

impl Scene {
    async fn begin(&self, tenant: TenantId, subject: &Subject, after: u64) -> Family {
        let mut family = family(tenant);
        family.subject = subject.clone();
        family.created_at = family.created_at.plus(Duration::from_secs(after));
        self.families.begin(&family, &[]).await.unwrap();
        family
    }

    async fn list(&self, tenant: TenantId, subject: &Subject, past: bool, now: Timestamp) -> Vec<SessionId> {
        let found = self.store.list_sessions(tenant, subject, past, now, 100).await;
        found.unwrap().into_iter().map(|family| family.sid).collect()
    }
}

/// Newest first, and no more than asked for.
pub async fn sessions_come_newest_first(scene: Scene) {
    let ambient = Ambient::system();
    let (tenant, subject) = (ambient.new_id(), Subject::Person(ambient.new_id()));
    let mut begun = Vec::new();
    for after in [0, 20, 10] {
        begun.push(scene.begin(tenant, &subject, after).await);
    }
    begun.sort_by_key(|family| std::cmp::Reverse(family.created_at));
    begun.truncate(2);
    let found = scene
        .store
        .list_sessions(tenant, &subject, false, ambient.now(), 2)
        .await;
    assert_eq!(found.unwrap(), begun);
}

/// Another tenant's and another subject's sessions are not there.
pub async fn nothing_of_others_is_listed(scene: Scene) {
    let ambient = Ambient::system();
    let (tenant, elsewhere) = (ambient.new_id(), ambient.new_id());
    let [me, other] = [(); 2].map(|()| Subject::Person(ambient.new_id()));
    let mine = scene.begin(tenant, &me, 0).await;
    scene.begin(elsewhere, &me, 0).await;
    scene.begin(tenant, &other, 0).await;
    assert_eq!(scene.list(tenant, &me, true, ambient.now()).await, [mine.sid]);
}

/// What was ended, and what has expired, is there for those alone who want the past too.
pub async fn the_past_is_listed_when_it_is_wanted(scene: Scene) {
    let ambient = Ambient::system();
    let (tenant, subject) = (ambient.new_id(), Subject::Person(ambient.new_id()));
    let live = scene.begin(tenant, &subject, 10).await;
    let ended = scene.begin(tenant, &subject, 0).await;
    let end = RevocationOrder::new(&ambient).of(Revoked::Session(ended.sid));
    assert!(
        scene
            .families
            .end(ended.sid, EndReason::Logout, &end, &[])
            .await
            .unwrap()
    );
    let now = ambient.now();
    assert_eq!(scene.list(tenant, &subject, false, now).await, [live.sid]);
    assert_eq!(
        scene.list(tenant, &subject, true, now).await,
        [live.sid, ended.sid]
    );
    let late = live.expires_at.plus(Duration::from_secs(1));
    assert_eq!(scene.list(tenant, &subject, false, late).await, []);
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Scene`] and a guard that keeps it alive.
#[macro_export]
macro_rules! session_store_contract {
    ($fresh:expr) => {
        $crate::session_store_contract!(@tests $fresh,
            sessions_come_newest_first, nothing_of_others_is_listed, the_past_is_listed_when_it_is_wanted);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let (scene, _guard) = $fresh.await;
            $crate::contract::session_store::$clause(scene).await;
        }
    )*};
}
