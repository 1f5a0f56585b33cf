//! The MUST clauses of [`RevocationSystemStore`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_access::Subject;
use chancery_ambient::{Ambient, TokioTasks, run_on};
use chancery_ids::{SessionId, TenantId};
use futures::future::join_all;

use crate::{
    EndReason, Family, FeedMark, Raised, RefreshFamilySystemStore, Revocation, RevocationOrder,
    RevocationSystemStore, Revoked, TokenMarks, Whose, contract::refresh_family_system_store::family,
};

/// The store under test, with the families beside it, and a person and a tenant that have rows in it.
#[derive(Clone)]
pub struct Scene {
    /// The store.
    pub store: Arc<dyn RevocationSystemStore>,
    /// The families of the same storage.
    pub families: Arc<dyn RefreshFamilySystemStore>,
    /// Somebody who exists.
    pub person: Subject,
    /// A tenant that exists.
    pub tenant: TenantId,
}

impl Scene {
    async fn begin(&self, change: impl FnOnce(&mut Family)) -> SessionId {
        let mut family = family(self.tenant);
        change(&mut family);
        self.families.begin(&family, &[]).await.unwrap();
        family.sid
    }

    async fn end_of(&self, session: SessionId) -> Option<EndReason> {
        let family = self.families.find(session).await.unwrap().unwrap();
        family.ended.map(|(_, reason)| reason)
    }

    async fn all(&self) -> Vec<Revocation> {
        self.store.read_since(FeedMark::default()).await.unwrap().0
    }
}

fn order() -> RevocationOrder {
    RevocationOrder::new(&Ambient::system())
}

fn marks() -> TokenMarks {
    let ambient = Ambient::system();
    TokenMarks {
        token: ambient.new_id(),
        session: Some(ambient.new_id()),
        subject: (Subject::Person(ambient.new_id()), 2),
        tenant: Some((ambient.new_id(), 2)),
        actors: Vec::new(),
        kid: "kid-of-the-token".to_owned(),
    }
}

/// One revocation of each kind that hits these marks.
fn each_kind(marks: &TokenMarks) -> Vec<Revoked> {
    vec![
        Revoked::Token(marks.token),
        Revoked::Session(marks.session.unwrap()),
        Revoked::Subject(marks.subject.0.clone(), marks.subject.1 + 1),
        Revoked::Tenant(marks.tenant.unwrap().0, marks.tenant.unwrap().1 + 1),
        Revoked::Key(marks.kid.clone()),
    ]
}

/// Every kind comes back from the feed as it was stored.
pub async fn what_was_revoked_is_read_whole(scene: Scene) {
    assert_eq!(scene.all().await, []);
    let mut stored: Vec<_> = each_kind(&marks())
        .into_iter()
        .map(|target| order().of(target))
        .collect();
    scene.store.revoke(&stored, &[]).await.unwrap();
    let mut read = scene.all().await;
    stored.sort_by_key(|revocation| revocation.id);
    read.sort_by_key(|revocation| revocation.id);
    assert_eq!(read, stored);
}

/// From the mark on come the new ones, and at most some of the old.
pub async fn a_read_goes_on_where_the_last_one_ended(scene: Scene) {
    let [first, second] = [1, 2].map(|_| order().of(Revoked::Token(Ambient::system().new_id())));
    scene
        .store
        .revoke(std::slice::from_ref(&first), &[])
        .await
        .unwrap();
    let (read, mark) = scene.store.read_since(FeedMark::default()).await.unwrap();
    assert_eq!(read, [first]);
    scene
        .store
        .revoke(std::slice::from_ref(&second), &[])
        .await
        .unwrap();
    let (read, next) = scene.store.read_since(mark).await.unwrap();
    assert!(read.contains(&second));
    assert!(next >= mark);
}

/// The store answers for one token as the set in memory would.
pub async fn a_token_is_revoked_by_each_of_its_marks(scene: Scene) {
    let others = each_kind(&marks()).into_iter().map(|target| order().of(target));
    let others: Vec<_> = others
        .filter(|one| !matches!(one.target, Revoked::Key(_)))
        .collect();
    scene.store.revoke(&others, &[]).await.unwrap();
    for place in 0..5 {
        let marks = TokenMarks {
            kid: format!("kid-{place}"),
            ..marks()
        };
        assert!(!scene.store.is_revoked(&marks).await.unwrap());
        let target = each_kind(&marks).remove(place);
        scene
            .store
            .revoke(&[order().of(target.clone())], &[])
            .await
            .unwrap();
        assert!(scene.store.is_revoked(&marks).await.unwrap(), "{target:?}");
    }
}

/// A token of the raised epoch is good; those of before are not, and the sessions of before have ended.
pub async fn raising_an_epoch_ends_what_was_before_it(scene: Scene) {
    let person = scene.person.clone();
    for whose in [Whose::Subject(person.clone()), Whose::Tenant(scene.tenant)] {
        let theirs = scene.begin(|family| family.subject = person.clone()).await;
        let elsewhere = scene
            .begin(|family| family.tenant = Ambient::system().new_id())
            .await;
        let epoch = scene.store.revoke_all_of(&whose, order(), &[]).await.unwrap();
        assert_eq!(
            epoch,
            Some(Raised {
                epoch: 1,
                sessions: 1
            })
        );
        assert_eq!(scene.end_of(theirs).await, Some(EndReason::Revoked));
        assert_eq!(scene.end_of(elsewhere).await, None);
        let read = scene.all().await;
        assert!(read.iter().any(|one| one.target == whose.before(1)));
    }
}

/// Whoever is not there has no epoch, and nothing is stored.
pub async fn an_unknown_subject_or_tenant_has_no_epoch(scene: Scene) {
    let ambient = Ambient::system();
    for whose in [
        Whose::Subject(Subject::Person(ambient.new_id())),
        Whose::Tenant(ambient.new_id()),
    ] {
        let epoch = scene.store.revoke_all_of(&whose, order(), &[]).await.unwrap();
        assert_eq!(epoch, None);
    }
    assert_eq!(scene.all().await, []);
}

/// 16 at once raise the epoch 16 times.
pub async fn each_of_many_at_once_raises_the_epoch(scene: Scene) {
    let tasks = TokioTasks::current();
    let raised = join_all((0..16).map(|_| {
        let scene = scene.clone();
        run_on(&*tasks, async move {
            let whose = Whose::Subject(scene.person);
            scene
                .store
                .revoke_all_of(&whose, order(), &[])
                .await
                .unwrap()
                .unwrap()
                .epoch
        })
    }))
    .await;
    let mut epochs: Vec<u64> = raised.into_iter().map(Result::unwrap).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=16).collect::<Vec<_>>());
}

/// A key takes the sessions whose current token it signed with it, and no other.
pub async fn a_compromised_key_ends_the_sessions_it_signed_last(scene: Scene) {
    let signed = scene
        .begin(|family| "stolen".clone_into(&mut family.signing_kid))
        .await;
    let other = scene.begin(|_| {}).await;
    assert_eq!(
        scene
            .store
            .revoke_signed_by("stolen", order(), &[])
            .await
            .unwrap(),
        1
    );
    assert_eq!(scene.end_of(signed).await, Some(EndReason::Compromise));
    assert_eq!(scene.end_of(other).await, None);
    assert!(
        scene
            .all()
            .await
            .iter()
            .any(|one| one.target == Revoked::Key("stolen".to_owned()))
    );
    assert_eq!(
        scene
            .store
            .revoke_signed_by("stolen", order(), &[])
            .await
            .unwrap(),
        0
    );
}

/// The end of a session takes its access tokens with it, once.
pub async fn the_end_of_a_family_revokes_its_session(scene: Scene) {
    let session = scene.begin(|_| {}).await;
    for first in [true, false] {
        let revocation = order().of(Revoked::Session(session));
        let ended = scene
            .families
            .end(session, EndReason::Logout, &revocation, &[])
            .await;
        assert_eq!(ended.unwrap(), first);
    }
    let read = scene.all().await;
    assert_eq!(read.len(), 1);
    assert_eq!(read.first().unwrap().target, Revoked::Session(session));
}

/// What has expired may be forgotten; what has not must stay.
pub async fn what_has_not_expired_stays(scene: Scene) {
    let now = Ambient::system().now();
    let expiring = |after: u64| Revocation {
        expires_at: now.plus(Duration::from_secs(after)),
        ..order().of(Revoked::Token(Ambient::system().new_id()))
    };
    for revocation in [expiring(10), expiring(60), expiring(20)] {
        scene.store.revoke(&[revocation], &[]).await.unwrap();
    }
    scene
        .store
        .prune(now.plus(Duration::from_secs(30)))
        .await
        .unwrap();
    let (left, mark) = scene.store.read_since(FeedMark::default()).await.unwrap();
    assert!(
        left.iter()
            .any(|one| one.expires_at == now.plus(Duration::from_mins(1)))
    );
    // What comes after a forgetting is still news.
    scene
        .store
        .prune(now.plus(Duration::from_hours(1)))
        .await
        .unwrap();
    let news = expiring(90);
    scene
        .store
        .revoke(std::slice::from_ref(&news), &[])
        .await
        .unwrap();
    assert!(scene.store.read_since(mark).await.unwrap().0.contains(&news));
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Scene`] and a guard that keeps it alive.
#[macro_export]
macro_rules! revocation_system_store_contract {
    ($fresh:expr) => {
        $crate::revocation_system_store_contract!(@tests $fresh,
            what_was_revoked_is_read_whole, a_read_goes_on_where_the_last_one_ended,
            a_token_is_revoked_by_each_of_its_marks, raising_an_epoch_ends_what_was_before_it,
            an_unknown_subject_or_tenant_has_no_epoch, each_of_many_at_once_raises_the_epoch,
            a_compromised_key_ends_the_sessions_it_signed_last, the_end_of_a_family_revokes_its_session,
            what_has_not_expired_stays);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let (scene, _guard) = $fresh.await;
            $crate::contract::revocation_system_store::$clause(scene).await;
        }
    )*};
}
