use std::time::Duration;

use chancery_ambient::Timestamp;
use chancery_jose::{KeyId, SigningKey};
use chancery_token_verify::KeySetName;
use proptest::prelude::*;

use super::{AdoptedKey, KeyLives, KeySet};
use crate::{Key, KeyChangeRefused, KeyState, StoredSetError};

const LIVES: KeyLives = KeyLives {
    jwks_max_age: Duration::from_mins(5),
    longest_life: Duration::from_mins(15),
    rotation_overlap: Duration::from_hours(24 * 365),
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + seconds).unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::generate_ed25519(&[seed; 32]).unwrap()
}

fn first() -> KeySet {
    KeySet::first(KeySetName::Api, key(1), key(2), at(0)).unwrap()
}

fn served() -> KeySet {
    first().served(at(0)).unwrap()
}

fn state_of(set: &KeySet, seed: u8) -> KeyState {
    find(set, seed).state()
}

fn find(set: &KeySet, seed: u8) -> &Key {
    let kid = key(seed).kid().clone();
    set.keys().iter().find(|key| *key.kid() == kid).unwrap()
}

#[test]
fn the_first_set_signs_at_once_and_has_a_spare() {
    let set = first();
    assert_eq!(
        (state_of(&set, 1), state_of(&set, 2)),
        (KeyState::Active, KeyState::Staged)
    );
    assert_eq!((set.version(), set.published().count()), (1, 2));
}

#[test]
fn a_spare_waits_for_twice_the_age_of_a_document_after_it_was_served() {
    let unserved = first();
    let refused = unserved.promote(key(3), &LIVES, at(10_000)).unwrap_err();
    assert!(matches!(refused, KeyChangeRefused::NotServedYet));

    let set = unserved.served(at(100)).unwrap();
    let refused = set.promote(key(3), &LIVES, at(699)).unwrap_err();
    assert!(matches!(refused, KeyChangeRefused::TooEarly { ready_at } if ready_at == at(700)));
    assert!(set.promote(key(3), &LIVES, at(700)).is_ok());
}

#[test]
fn a_promotion_stages_the_next_spare_and_erases_the_old_private_half() {
    let set = served().promote(key(3), &LIVES, at(600)).unwrap();
    assert_eq!(state_of(&set, 1), KeyState::Retiring);
    assert!(!find(&set, 1).is_private());
    assert_eq!(state_of(&set, 2), KeyState::Active);
    assert_eq!(state_of(&set, 3), KeyState::Staged);
    assert_eq!(set.published().count(), 3);
    // The longest life, one refresh of the document, a minute for clocks.
    assert_eq!(find(&set, 1).retires_at(), Some(at(600 + 900 + 300 + 60)));
}

#[test]
fn a_retiring_key_is_retired_when_nothing_it_signed_can_be_shown() {
    let set = served().promote(key(3), &LIVES, at(600)).unwrap();
    assert!(set.retire_expired(at(1859)).is_none());
    let set = set.retire_expired(at(1860)).unwrap();
    assert_eq!(state_of(&set, 1), KeyState::Retired);
    assert_eq!(set.published().count(), 2);
    assert!(set.retire_expired(at(1860)).is_none());
}

#[test]
fn a_compromised_active_key_gives_way_to_the_spare_without_any_wait() {
    let set = first().compromise(key(1).kid().as_str(), key(3), at(1)).unwrap();
    assert_eq!(state_of(&set, 1), KeyState::Compromised);
    assert!(!find(&set, 1).is_private());
    assert_eq!(set.active().unwrap().kid(), key(2).kid());
    assert_eq!(set.staged().unwrap().kid(), key(3).kid());
    assert_eq!(set.published().count(), 2);
}

#[test]
fn a_compromised_spare_is_replaced_and_the_active_key_goes_on() {
    let set = first().compromise(key(2).kid().as_str(), key(3), at(1)).unwrap();
    assert_eq!(set.active().unwrap().kid(), key(1).kid());
    assert_eq!(set.staged().unwrap().kid(), key(3).kid());
}

#[test]
fn a_key_that_has_stopped_signing_can_be_compromised_too() {
    let set = served().promote(key(3), &LIVES, at(600)).unwrap();
    let set = set.compromise(key(1).kid().as_str(), key(4), at(601)).unwrap();
    assert_eq!(state_of(&set, 1), KeyState::Compromised);
    // There was a spare, so no other was needed.
    assert_eq!(set.staged().unwrap().kid(), key(3).kid());
    assert!(matches!(
        set.compromise("nobody", key(4), at(601)),
        Err(KeyChangeRefused::Unknown(_))
    ));
}

#[test]
fn a_key_that_was_in_the_set_never_comes_back_under_any_name() {
    let stolen = key(1).kid().clone();
    let set = served().compromise(stolen.as_str(), key(3), at(1)).unwrap();
    let renamed = key(1).with_kid(KeyId::parse("fresh").unwrap());
    let namesake = key(9).with_kid(stolen);
    // Out with the spare, so that staging is what is refused.
    let set = set.compromise(key(3).kid().as_str(), key(4), at(2)).unwrap();
    let mut without_spare = set.clone();
    without_spare.keys.retain(|key| key.state() != KeyState::Staged);
    for returned in [key(1), renamed, namesake] {
        assert!(matches!(
            without_spare.stage(returned, at(3)),
            Err(KeyChangeRefused::Known(_))
        ));
    }
    assert!(without_spare.stage(key(5), at(3)).is_ok());
    assert!(matches!(
        set.stage(key(5), at(3)),
        Err(KeyChangeRefused::SpareExists(_))
    ));
}

#[test]
fn a_key_of_the_other_type_is_refused() {
    let refused = KeySet::first(KeySetName::Trust, key(1), key(2), at(0)).unwrap_err();
    assert!(matches!(refused, KeyChangeRefused::WrongType(KeySetName::Trust)));
}

#[test]
fn keys_made_elsewhere_keep_their_names_and_their_age() {
    let named = |seed, name: &str| key(seed).with_kid(KeyId::parse(name).unwrap());
    let set = KeySet::adopt(
        KeySetName::Api,
        AdoptedKey {
            key: named(1, "ed25519-a"),
            created_at: at(0),
        },
        Some(AdoptedKey {
            key: named(2, "ed25519-b"),
            created_at: at(10),
        }),
        vec![AdoptedKey {
            key: named(3, "ed25519-c").public_jwk(),
            created_at: at(-10),
        }],
    )
    .unwrap();
    assert_eq!(set.active().unwrap().kid().as_str(), "ed25519-a");
    assert_eq!(set.published().count(), 2);
    assert!(
        set.served(at(20)).is_none(),
        "its keys were published where they came from"
    );
    assert!(set.promote(key(4), &LIVES, at(610)).is_ok());
    assert!(set.compromise("ed25519-c", key(4), at(20)).is_ok());

    let twice = KeySet::adopt(
        KeySetName::Api,
        AdoptedKey {
            key: named(1, "a"),
            created_at: at(0),
        },
        Some(AdoptedKey {
            key: named(1, "b"),
            created_at: at(0),
        }),
        Vec::new(),
    );
    assert!(matches!(twice, Err(StoredSetError::Duplicate(_))));
}

/// One step of an operator or of time.
#[derive(Debug, Clone)]
enum Step {
    Wait(u32),
    Served,
    Promote,
    Stage,
    Retire,
    Compromise(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u32..2000).prop_map(Step::Wait),
        Just(Step::Served),
        Just(Step::Promote),
        Just(Step::Stage),
        Just(Step::Retire),
        any::<prop::sample::Index>().prop_map(Step::Compromise),
    ]
}

proptest! {
    #[test]
    fn whatever_is_done_the_set_keeps_its_promises(steps in prop::collection::vec(step(), 0..40)) {
        let (mut set, mut now) = (first(), at(0));
        for (fresh, step) in (10_u8..).zip(steps) {
            let next = match step {
                Step::Wait(seconds) => {
                    now = now.plus(Duration::from_secs(seconds.into()));
                    continue;
                }
                Step::Served => set.served(now),
                Step::Promote => set.promote(key(fresh), &LIVES, now).ok(),
                Step::Stage => set.stage(key(fresh), now).ok(),
                Step::Retire => set.retire_expired(now),
                Step::Compromise(which) => {
                    let kid = which.get(set.keys()).kid().to_string();
                    set.compromise(&kid, key(fresh), now).ok()
                }
            };
            let Some(next) = next else { continue };
            prop_assert_eq!(next.version(), set.version() + 1);
            // One active key, at most one spare, private halves where they belong, no key twice.
            prop_assert!(crate::stored::checked(next.clone()).is_ok());
            for old in set.keys() {
                let new = next.keys().iter().find(|key| key.kid() == old.kid());
                let new = new.expect("no key is ever forgotten");
                prop_assert!(old.is_private() || !new.is_private(), "an erased half came back");
                prop_assert!(old.state() != KeyState::Compromised || new.state() == KeyState::Compromised);
                prop_assert!(old.state() != KeyState::Retired || !new.state().is_published());
            }
            set = next;
        }
    }
}
