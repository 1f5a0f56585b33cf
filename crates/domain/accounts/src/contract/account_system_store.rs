//! The MUST clauses of [`AccountSystemStore`](crate::AccountSystemStore).
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use chancery_access::TenantRole;
use chancery_ambient::Ambient;
use chancery_events::{Event, EventKind};
use futures::future::join_all;

use super::{
    Harness,
    harness::{announcement, owner},
};
use crate::{EmailAddress, Login, Membership, TenantState, UserState};

/// The owner is found with what login needs: hash, states, membership; the address counts as verified.
pub async fn the_first_owner_is_found_ready_to_log_in(harness: &Harness) {
    let owner = harness.with_owner("ada@example.org").await;
    let found = harness.system.find_login(&owner.email).await.unwrap();
    let membership = Membership {
        tenant: owner.tenant,
        role: TenantRole::Owner,
        tenant_state: TenantState::Active,
    };
    let expected = Login {
        user: owner.user,
        password: Some(owner.password),
        state: UserState::Active,
        email_verified: true,
        memberships: vec![membership],
    };
    assert_eq!(found, Some(expected));
}

/// Letter case does not tell addresses apart, neither the stored one's nor the asked one's.
pub async fn an_address_is_found_whatever_its_letter_case(harness: &Harness) {
    let owner = harness.with_owner("Ada@Example.ORG").await;
    for text in ["ada@example.org", "ADA@EXAMPLE.ORG", "Ada@Example.ORG"] {
        let asked = EmailAddress::parse(text).unwrap();
        let found = harness.system.find_login(&asked).await.unwrap();
        assert_eq!(found.map(|login| login.user), Some(owner.user), "{text}");
    }
}

/// An address that nobody has is absent, however near it is to one that somebody has.
pub async fn an_unknown_address_is_absent(harness: &Harness) {
    harness.with_owner("ada_b@example.org").await;
    for text in [
        "ada@example.org",
        "ada%@example.org",
        "adaxb@example.org",
        "a@b",
        "';--@example.org",
    ] {
        let asked = EmailAddress::parse(text).unwrap();
        assert_eq!(harness.system.find_login(&asked).await.unwrap(), None, "{text}");
    }
}

/// The first owner is there exactly from the moment of creation.
pub async fn the_first_owner_is_there_once_created(harness: &Harness) {
    assert!(!harness.system.has_first_owner().await.unwrap());
    harness.with_owner("ada@example.org").await;
    assert!(harness.system.has_first_owner().await.unwrap());
}

/// The events are stored with the change.
pub async fn creating_the_first_owner_stores_its_events(harness: &Harness) {
    let owner = owner("ada@example.org");
    let events = announcement(&owner);
    assert!(harness.system.create_first_owner(&owner, &events).await.unwrap());
    assert_eq!(harness.events().await, events);
}

/// A second owner is refused, and neither the person nor an event is left behind.
pub async fn a_second_first_owner_leaves_nothing_behind(harness: &Harness) {
    let first = harness.with_owner("ada@example.org").await;
    let second = owner("eve@example.org");
    let events = announcement(&second);
    assert!(!harness.system.create_first_owner(&second, &events).await.unwrap());
    assert_eq!(harness.system.find_login(&second.email).await.unwrap(), None);
    assert_eq!(
        harness
            .members
            .find_member(second.tenant, second.user)
            .await
            .unwrap(),
        None
    );
    assert!(harness.events().await.is_empty());
    assert!(
        harness
            .members
            .find_member(first.tenant, first.user)
            .await
            .unwrap()
            .is_some()
    );
}

/// The same owner again, as after an answer that was lost, makes nothing new and is told `false`.
pub async fn creating_the_same_owner_again_changes_nothing(harness: &Harness) {
    let owner = owner("ada@example.org");
    let events = announcement(&owner);
    assert!(harness.system.create_first_owner(&owner, &events).await.unwrap());
    assert!(!harness.system.create_first_owner(&owner, &events).await.unwrap());
    let found = harness.system.find_login(&owner.email).await.unwrap().unwrap();
    assert_eq!(found.memberships.len(), 1);
    assert_eq!(harness.events().await, events);
}

/// Of 32 callers at once one wins, and only what it made is there.
pub async fn of_many_first_owners_at_once_one_wins(harness: &Harness) {
    let owners: Vec<_> = (0..32)
        .map(|n| owner(&format!("owner-{n}@example.org")))
        .collect();
    let answers = join_all(owners.iter().map(async |owner| {
        let events = announcement(owner);
        harness.system.create_first_owner(owner, &events).await.unwrap()
    }))
    .await;
    assert_eq!(answers.iter().filter(|won| **won).count(), 1);
    for (owner, won) in owners.iter().zip(answers) {
        let found = harness.system.find_login(&owner.email).await.unwrap();
        assert_eq!(found.is_some(), won, "{}", owner.email);
    }
    let winners: Vec<_> = harness.events().await.iter().map(|event| event.tenant).collect();
    assert_eq!(winners.len(), 2);
    assert!(winners.iter().all(|tenant| Some(tenant) == winners.first()));
}

/// A visit is stored for a tenant that is there, and for no other.
pub async fn a_visit_is_stored_for_a_tenant_that_is_there(harness: &Harness) {
    let owner = harness.with_owner("ada@example.org").await;
    let ambient = Ambient::system();
    let visit = |tenant| Event::new(&ambient, tenant, EventKind::TenantAccessOverride, "a visit");
    let nowhere = visit(ambient.new_id());
    assert!(
        !harness
            .system
            .record_visit(nowhere.tenant, &nowhere)
            .await
            .unwrap()
    );
    let here = visit(owner.tenant);
    assert!(harness.system.record_visit(here.tenant, &here).await.unwrap());
    assert_eq!(harness.events().await, [here]);
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a
/// [`Harness`](crate::contract::Harness) over an implementation with nothing in it.
#[macro_export]
macro_rules! account_system_store_contract {
    ($fresh:expr) => {
        $crate::account_system_store_contract!(@tests $fresh,
            the_first_owner_is_found_ready_to_log_in, an_address_is_found_whatever_its_letter_case,
            an_unknown_address_is_absent, the_first_owner_is_there_once_created,
            creating_the_first_owner_stores_its_events, a_second_first_owner_leaves_nothing_behind,
            creating_the_same_owner_again_changes_nothing, of_many_first_owners_at_once_one_wins,
            a_visit_is_stored_for_a_tenant_that_is_there);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let harness = $fresh.await;
            $crate::contract::account_system_store::$clause(&harness).await;
        }
    )*};
}
