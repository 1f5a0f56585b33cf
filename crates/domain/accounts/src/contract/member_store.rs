//! The MUST clauses of [`MemberStore`](crate::MemberStore).
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use chancery_access::TenantRole;
use chancery_ambient::Ambient;
use futures::future::join_all;

use super::{Harness, harness::hash};
use crate::{EmailAddress, FirstOwner, Member, PasswordHash, TenantState, UserState};

/// A member is found as they stand, the address as it was written.
pub async fn a_member_is_found_as_they_stand(harness: &Harness) {
    let owner = harness.with_owner("Ada@example.org").await;
    let found = harness
        .members
        .find_member(owner.tenant, owner.user)
        .await
        .unwrap()
        .unwrap();
    let expected = Member {
        user: owner.user,
        tenant: owner.tenant,
        email: EmailAddress::parse("Ada@example.org").unwrap(),
        email_verified: true,
        role: TenantRole::Owner,
        state: UserState::Active,
        tenant_state: TenantState::Active,
        ..found
    };
    assert_eq!(found, expected);
}

/// A person is absent from every tenant but their own, and an unknown person from all.
pub async fn a_person_of_another_tenant_is_absent(harness: &Harness) {
    let owner = harness.with_owner("ada@example.org").await;
    let ambient = Ambient::system();
    let elsewhere = harness
        .members
        .find_member(ambient.new_id(), owner.user)
        .await
        .unwrap();
    assert_eq!(elsewhere, None);
    let nobody = harness
        .members
        .find_member(owner.tenant, ambient.new_id())
        .await
        .unwrap();
    assert_eq!(nobody, None);
}

/// A hash is replaced while it is the one that was compared, and login sees the new one.
pub async fn a_hash_is_renewed_while_it_is_the_old_one(harness: &Harness) {
    let owner = harness.with_owner("ada@example.org").await;
    assert!(renew(harness, &owner, &owner.password, &hash("second")).await);
    assert_eq!(stored(harness, &owner).await, hash("second"));
}

/// A renewal never puts a hash in the place of one that came meanwhile, such as that of a changed password.
pub async fn a_hash_that_has_changed_is_left_alone(harness: &Harness) {
    let owner = harness.with_owner("ada@example.org").await;
    assert!(renew(harness, &owner, &owner.password, &hash("changed")).await);
    assert!(!renew(harness, &owner, &owner.password, &hash("late")).await);
    assert_eq!(stored(harness, &owner).await, hash("changed"));
}

/// Of many renewals at once one wins, and its hash is the one that is stored.
pub async fn of_many_renewals_at_once_one_wins(harness: &Harness) {
    let owner = harness.with_owner("ada@example.org").await;
    let hashes: Vec<_> = (0..16).map(|n| hash(&format!("renewal-{n}"))).collect();
    let answers = join_all(
        hashes
            .iter()
            .map(|new| renew(harness, &owner, &owner.password, new)),
    )
    .await;
    let mut winners = hashes.iter().zip(answers).filter(|(_, won)| *won);
    let (winner, _) = winners.next().unwrap();
    assert!(winners.next().is_none());
    assert_eq!(stored(harness, &owner).await, *winner);
}

/// A renewal changes what is stored of the password and nothing else: sessions live on.
pub async fn a_renewal_leaves_the_member_as_they_stand(harness: &Harness) {
    let owner = harness.with_owner("ada@example.org").await;
    let before = harness
        .members
        .find_member(owner.tenant, owner.user)
        .await
        .unwrap();
    assert!(renew(harness, &owner, &owner.password, &hash("second")).await);
    let after = harness
        .members
        .find_member(owner.tenant, owner.user)
        .await
        .unwrap();
    assert_eq!(before, after);
}

/// There is nothing to renew for nobody.
pub async fn renewing_for_nobody_changes_nothing(harness: &Harness) {
    let owner = harness.with_owner("ada@example.org").await;
    let nobody = FirstOwner {
        user: Ambient::system().new_id(),
        ..owner.clone()
    };
    assert!(!renew(harness, &nobody, &owner.password, &hash("second")).await);
    assert_eq!(stored(harness, &owner).await, owner.password);
}

async fn renew(harness: &Harness, owner: &FirstOwner, old: &PasswordHash, new: &PasswordHash) -> bool {
    let now = Ambient::system().now();
    harness
        .members
        .renew_password_hash(owner.user, old, new, now)
        .await
        .unwrap()
}

async fn stored(harness: &Harness, owner: &FirstOwner) -> PasswordHash {
    let login = harness.system.find_login(&owner.email).await.unwrap().unwrap();
    login.password.unwrap()
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a
/// [`Harness`](crate::contract::Harness) over an implementation with nothing in it.
#[macro_export]
macro_rules! member_store_contract {
    ($fresh:expr) => {
        $crate::member_store_contract!(@tests $fresh,
            a_member_is_found_as_they_stand, a_person_of_another_tenant_is_absent,
            a_hash_is_renewed_while_it_is_the_old_one, a_hash_that_has_changed_is_left_alone,
            of_many_renewals_at_once_one_wins, a_renewal_leaves_the_member_as_they_stand,
            renewing_for_nobody_changes_nothing);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let harness = $fresh.await;
            $crate::contract::member_store::$clause(&harness).await;
        }
    )*};
}
