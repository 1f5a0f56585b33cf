//! The MUST clauses of [`RefreshFamilySystemStore`]. Stores are given with a tenant that exists.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_access::Subject;
use chancery_ambient::{Ambient, Timestamp};
use chancery_events::{Event, EventKind};
use chancery_ids::TenantId;

use crate::{
    Binding, EndReason, Family, RefreshFamilySystemStore, Revocation, RevocationOrder, Revoked, Rotation,
    SealedToken, Seen, TokenMac,
};

type Store = Arc<dyn RefreshFamilySystemStore>;

pub(super) fn family(tenant: TenantId) -> Family {
    let ambient = Ambient::system();
    let now = ambient.now();
    Family {
        sid: ambient.new_id(),
        tenant,
        subject: Subject::Person(ambient.new_id()),
        client_id: "password".to_owned(),
        scopes: "conversations:read tools:read".parse().unwrap(),
        binding: Binding::Device([7; 32]),
        generation: 1,
        current: mac(1),
        previous: None,
        sealed: SealedToken(vec![1, 2, 3]),
        signing_kid: "kid-1".to_owned(),
        created_at: now,
        rotated_at: now,
        expires_at: now.plus(Duration::from_hours(1)),
        ends_at: now.plus(Duration::from_hours(2)),
        seen: Seen::new(Some([203, 0, 113, 7].into()), Some("curl/8")),
        ended: None,
    }
}

fn mac(n: u8) -> TokenMac {
    TokenMac {
        pepper_id: "1".to_owned(),
        mac: [n; 32],
    }
}

fn rotation(from: u8, to: u8, at: Timestamp) -> Rotation {
    Rotation {
        replaces: mac(from),
        current: mac(to),
        sealed: SealedToken(vec![to]),
        signing_kid: format!("kid-{to}"),
        at,
        expires_at: at.plus(Duration::from_hours(1)),
        seen: None,
    }
}

fn end_of(family: &Family, at: Timestamp) -> Revocation {
    Revocation {
        at,
        ..RevocationOrder::new(&Ambient::system()).of(Revoked::Session(family.sid))
    }
}

fn event(tenant: TenantId) -> Event {
    Event::new(&Ambient::system(), tenant, EventKind::SessionEnded, "a session")
}

/// What was begun is found, whole; an unknown session is absent.
pub async fn a_family_is_found_as_it_was_begun(store: Store, tenant: TenantId) {
    let family = family(tenant);
    assert_eq!(store.find(family.sid).await.unwrap(), None);
    store.begin(&family, &[event(tenant)]).await.unwrap();
    assert_eq!(store.find(family.sid).await.unwrap(), Some(family));
}

/// A retry after a timeout changes nothing, even after a rotation.
pub async fn beginning_again_changes_nothing(store: Store, tenant: TenantId) {
    let family = family(tenant);
    store.begin(&family, &[]).await.unwrap();
    assert!(
        store
            .rotate(family.sid, &rotation(1, 2, family.created_at))
            .await
            .unwrap()
    );
    store.begin(&family, &[]).await.unwrap();
    assert_eq!(store.find(family.sid).await.unwrap().unwrap().current, mac(2));
}

/// A rotation moves the current token to the previous place and counts.
pub async fn a_rotation_keeps_the_token_it_replaced(store: Store, tenant: TenantId) {
    let family = family(tenant);
    store.begin(&family, &[]).await.unwrap();
    let at = family.created_at.plus(Duration::from_secs(5));
    assert!(store.rotate(family.sid, &rotation(1, 2, at)).await.unwrap());
    let rotated = store.find(family.sid).await.unwrap().unwrap();
    let expected = Family {
        generation: 2,
        current: mac(2),
        previous: Some(mac(1)),
        sealed: SealedToken(vec![2]),
        signing_kid: "kid-2".to_owned(),
        rotated_at: at,
        expires_at: at.plus(Duration::from_hours(1)),
        ..family
    };
    assert_eq!(rotated, expected);
    let seen = Seen::new(Some([198, 51, 100, 9].into()), None);
    let rotation = Rotation {
        seen: Some(seen.clone()),
        ..rotation(2, 3, at)
    };
    assert!(store.rotate(expected.sid, &rotation).await.unwrap());
    assert_eq!(store.find(expected.sid).await.unwrap().unwrap().seen, seen);
}

/// A rotation from a token that is not current does nothing.
pub async fn a_replaced_token_rotates_nothing(store: Store, tenant: TenantId) {
    let family = family(tenant);
    store.begin(&family, &[]).await.unwrap();
    assert!(
        store
            .rotate(family.sid, &rotation(1, 2, family.created_at))
            .await
            .unwrap()
    );
    assert!(
        !store
            .rotate(family.sid, &rotation(1, 3, family.created_at))
            .await
            .unwrap()
    );
    assert_eq!(store.find(family.sid).await.unwrap().unwrap().current, mac(2));
}

/// Of 64 rotations of one token at once exactly one happens.
pub async fn of_many_rotations_at_once_exactly_one_happens(store: Store, tenant: TenantId) {
    let family = family(tenant);
    store.begin(&family, &[]).await.unwrap();
    let tries = (0..64).map(|n| {
        let (store, sid, rotation) = (store.clone(), family.sid, rotation(1, n + 2, family.created_at));
        async move { store.rotate(sid, &rotation).await.unwrap() }
    });
    let won = futures::future::join_all(tries)
        .await
        .into_iter()
        .filter(|won| *won)
        .count();
    let after = store.find(family.sid).await.unwrap().unwrap();
    assert_eq!((won, after.generation, after.previous), (1, 2, Some(mac(1))));
}

/// An ended family stays as it ended: no rotation, no other reason.
pub async fn an_ended_family_keeps_its_first_end_and_rotates_no_more(store: Store, tenant: TenantId) {
    let family = family(tenant);
    store.begin(&family, &[]).await.unwrap();
    let at = family.created_at.plus(Duration::from_secs(1));
    assert!(
        store
            .end(
                family.sid,
                EndReason::Logout,
                &end_of(&family, at),
                &[event(tenant)]
            )
            .await
            .unwrap()
    );
    let later = at.plus(Duration::from_secs(9));
    assert!(
        !store
            .end(
                family.sid,
                EndReason::Reuse,
                &end_of(&family, later),
                &[event(tenant)]
            )
            .await
            .unwrap()
    );
    assert!(!store.rotate(family.sid, &rotation(1, 2, later)).await.unwrap());
    let ended = store.find(family.sid).await.unwrap().unwrap();
    assert_eq!(
        (ended.ended, ended.generation),
        (Some((at, EndReason::Logout)), 1)
    );
}

/// A device is known to whom it logged in, as long as the row stands, and to nobody else.
pub async fn a_device_is_known_to_who_logged_in_with_it(store: Store, tenant: TenantId) {
    let (mine, other) = (family(tenant), family(tenant));
    store.begin(&mine, &[]).await.unwrap();
    assert!(store.has_device(&mine.subject, &[7; 32]).await.unwrap());
    assert!(!store.has_device(&mine.subject, &[8; 32]).await.unwrap());
    assert!(!store.has_device(&other.subject, &[7; 32]).await.unwrap());
    let end = end_of(&mine, mine.created_at);
    assert!(store.end(mine.sid, EndReason::Logout, &end, &[]).await.unwrap());
    assert!(store.has_device(&mine.subject, &[7; 32]).await.unwrap());
}

/// Ending what is not there ends nothing.
pub async fn an_unknown_family_has_no_end(store: Store, tenant: TenantId) {
    let unknown = family(tenant);
    let ended = store
        .end(
            unknown.sid,
            EndReason::Logout,
            &end_of(&unknown, unknown.created_at),
            &[event(tenant)],
        )
        .await;
    assert!(!ended.unwrap());
}

/// Families that were ended or have come to their end before then are forgotten, in batches; others stay as they are.
pub async fn families_that_are_long_over_are_forgotten_and_no_others(store: Store, tenant: TenantId) {
    let begun = || family(tenant);
    let [ended, ended_later, out_of_time, live] = [begun(), begun(), begun(), begun()];
    let now = live.created_at;
    let old = Family {
        ends_at: now.minus(Duration::from_hours(1)),
        ..out_of_time
    };
    for family in [&ended, &ended_later, &old, &live] {
        store.begin(family, &[]).await.unwrap();
    }
    for (family, at) in [(&ended, now.minus(Duration::from_mins(9))), (&ended_later, now)] {
        let end = end_of(family, at);
        assert!(store.end(family.sid, EndReason::Logout, &end, &[]).await.unwrap());
    }
    assert_eq!(store.count_over(now).await.unwrap(), 2);
    for expected in [1, 1, 0] {
        assert_eq!(store.forget_over(now, 1).await.unwrap(), expected);
    }
    assert_eq!(store.count_over(now).await.unwrap(), 0);
    for (family, stays) in [
        (&ended, false),
        (&old, false),
        (&ended_later, true),
        (&live, true),
    ] {
        assert_eq!(store.find(family.sid).await.unwrap().is_some(), stays);
    }
    // A token of one that is forgotten rotates nothing and ends nothing.
    assert!(!store.rotate(ended.sid, &rotation(1, 2, now)).await.unwrap());
    let end = end_of(&ended, now);
    assert!(
        !store
            .end(ended.sid, EndReason::Reuse, &end, &[event(tenant)])
            .await
            .unwrap()
    );
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a store as `Arc<dyn …>`, the id of a tenant
/// that exists in it, and a guard that keeps both alive.
#[macro_export]
macro_rules! refresh_family_system_store_contract {
    ($fresh:expr) => {
        $crate::refresh_family_system_store_contract!(@tests $fresh,
            a_family_is_found_as_it_was_begun, beginning_again_changes_nothing, a_rotation_keeps_the_token_it_replaced,
            a_replaced_token_rotates_nothing, of_many_rotations_at_once_exactly_one_happens,
            an_ended_family_keeps_its_first_end_and_rotates_no_more, a_device_is_known_to_who_logged_in_with_it,
            an_unknown_family_has_no_end, families_that_are_long_over_are_forgotten_and_no_others);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let (store, tenant, _guard) = $fresh.await;
            $crate::contract::refresh_family_system_store::$clause(store, tenant).await;
        }
    )*};
}
