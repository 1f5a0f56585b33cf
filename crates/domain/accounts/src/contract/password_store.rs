//! The MUST clauses of [`PasswordStore`](crate::PasswordStore).
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use chancery_access::TenantRole;
use chancery_ambient::Ambient;
use chancery_ids::UserId;
use futures::future::join_all;

use super::{
    harness::hash,
    people_store::{Scene, link, order},
};
use crate::{LinkKind, PasswordChange, PasswordSet, ProvedBy, ResetOrder, Standing};

impl Scene {
    async fn set(&self, user: UserId, by: ProvedBy, salt: &str) -> PasswordSet {
        let change = PasswordChange {
            user,
            by,
            new: hash(salt),
            keep: 3,
            order: order(),
            events: Vec::new(),
        };
        self.passwords.set_password(&change).await.unwrap()
    }
}

/// Another password is set by who knows the one before or opened a link, once; what was before is remembered and every token ends.
pub async fn a_password_is_set_once_for_each_proof(scene: Scene) {
    let user = scene.join("ada@example.org", TenantRole::Member).await;
    let link = scene.add(LinkKind::PasswordReset(user), "ada@example.org").await;
    let spare = scene.add(LinkKind::PasswordReset(user), "ada@example.org").await;
    assert_eq!(
        scene.set(user, ProvedBy::Password(hash("wrong")), "a").await,
        PasswordSet::NotProved
    );
    assert_eq!(scene.epoch(user).await, 0);
    assert_eq!(
        scene.set(user, ProvedBy::Link(link.id), "a").await,
        PasswordSet::Set
    );
    for useless in [link.id, spare.id] {
        assert_eq!(
            scene.set(user, ProvedBy::Link(useless), "b").await,
            PasswordSet::NotProved
        );
    }
    assert!(scene.is_revoked(user, 0).await && !scene.is_revoked(user, 1).await);
    assert_eq!(
        scene.set(user, ProvedBy::Password(hash("a")), "b").await,
        PasswordSet::Set
    );
    assert_eq!(
        scene.set(user, ProvedBy::Password(hash("b")), "c").await,
        PasswordSet::Set
    );
    let last = scene.passwords.last_passwords(user, 5).await.unwrap();
    assert_eq!(last, [hash("c"), hash("b"), hash("a")], "three are kept");
    assert_eq!(
        scene.passwords.last_passwords(user, 1).await.unwrap(),
        [hash("c")]
    );
    let nobody = Ambient::system().new_id();
    assert_eq!(scene.passwords.last_passwords(nobody, 5).await.unwrap(), []);
}

/// Of many at once one has the link.
pub async fn of_many_with_one_link_one_sets_the_password(scene: Scene) {
    let link = scene
        .add(LinkKind::PasswordReset(scene.owner), "first@example.org")
        .await;
    let tries = (0..16).map(|number| {
        let (scene, salt) = (scene.clone(), format!("try-{number}"));
        async move { scene.set(scene.owner, ProvedBy::Link(link.id), &salt).await }
    });
    let set = join_all(tries).await;
    assert_eq!(set.iter().filter(|one| **one == PasswordSet::Set).count(), 1);
    assert_eq!(scene.epoch(scene.owner).await, 1);
}

/// A link proves the address it was mailed to, once.
pub async fn an_address_is_proved_once_by_its_own_link(scene: Scene) {
    let link = scene
        .add(LinkKind::EmailVerification(scene.owner), "another@example.org")
        .await;
    let now = Ambient::system().now();
    assert!(scene.passwords.verify_email(link.id, now, &[]).await.unwrap());
    assert!(!scene.passwords.verify_email(link.id, now, &[]).await.unwrap());
    let unknown = Ambient::system().new_id();
    assert!(!scene.passwords.verify_email(unknown, now, &[]).await.unwrap());
}

/// A member's link and the end of their sessions are one change, which finds both people as they were.
pub async fn a_reset_ends_the_members_sessions_if_both_stand_as_found(scene: Scene) {
    let user = scene.join("ada@example.org", TenantRole::Member).await;
    let reset = async |of: TenantRole, by: TenantRole| {
        let reset = ResetOrder {
            tenant: scene.tenant,
            of: Standing { user, role: of },
            by: Standing {
                user: scene.owner,
                role: by,
            },
            link: link(LinkKind::PasswordReset(user), "ada@example.org"),
            most: 1,
            order: order(),
            events: Vec::new(),
        };
        let ordered = scene.passwords.order_reset(&reset).await.unwrap();
        (
            ordered,
            scene.links.find_link(reset.link.id).await.unwrap().is_some(),
        )
    };
    assert_eq!(reset(TenantRole::Viewer, TenantRole::Owner).await, (false, false));
    assert_eq!(reset(TenantRole::Member, TenantRole::Admin).await, (false, false));
    assert_eq!(reset(TenantRole::Member, TenantRole::Owner).await, (true, true));
    // One link is enough; the sessions end all the same.
    assert_eq!(reset(TenantRole::Member, TenantRole::Owner).await, (true, false));
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Scene`] and a guard that keeps it alive.
#[macro_export]
macro_rules! password_store_contract {
    ($fresh:expr) => {
        $crate::password_store_contract!(@tests $fresh,
            a_password_is_set_once_for_each_proof, of_many_with_one_link_one_sets_the_password,
            an_address_is_proved_once_by_its_own_link,
            a_reset_ends_the_members_sessions_if_both_stand_as_found);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let (scene, _guard) = $fresh.await;
            $crate::contract::password_store::$clause(scene).await;
        }
    )*};
}
