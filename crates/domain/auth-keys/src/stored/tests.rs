use std::time::Duration;

use chancery_ambient::Timestamp;
use chancery_jose::SigningKey;
use chancery_token_verify::KeySetName;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use crate::{Key, KeyLives, KeySet, KeyState, StoredSetError};

const FIXTURE: &str = include_str!("../../fixtures/key-set-1.json");

/// The set in the fixture: each state of a key occurs.
fn set() -> KeySet {
    let key = |seed| SigningKey::generate_ed25519(&[seed; 32]).unwrap();
    let at = |seconds: i64| Timestamp::from_unix_seconds(1_800_000_000 + seconds).unwrap();
    let lives = KeyLives {
        jwks_max_age: Duration::from_mins(5),
        longest_life: Duration::from_mins(15),
        rotation_overlap: Duration::from_hours(24 * 365),
    };
    let set = KeySet::first(KeySetName::Api, key(1), key(2), at(0)).unwrap();
    let set = set.served(at(1)).unwrap();
    let set = set.promote(key(3), &lives, at(1000)).unwrap();
    let set = set.retire_expired(at(9000)).unwrap();
    let set = set.served(at(9001)).unwrap();
    let set = set.compromise(key(2).kid().as_str(), key(4), at(9002)).unwrap();
    let set = set.served(at(9003)).unwrap();
    set.promote(key(5), &lives, at(10_000)).unwrap()
}

fn read(text: &str) -> Result<KeySet, StoredSetError> {
    KeySet::from_stored(KeySetName::Api, text)
}

#[test]
fn the_stored_form_is_the_pinned_one() {
    assert_eq!(set().to_stored().expose_secret(), FIXTURE.trim_end());
}

#[test]
fn the_pinned_form_is_read_back_whole() {
    let read = read(FIXTURE).unwrap();
    assert_eq!(read.to_stored().expose_secret(), FIXTURE.trim_end());
    let states: Vec<KeyState> = read.keys().iter().map(Key::state).collect();
    assert_eq!(
        states,
        [
            KeyState::Retired,
            KeyState::Compromised,
            KeyState::Retiring,
            KeyState::Active,
            KeyState::Staged
        ]
    );
}

#[test]
fn only_keys_that_may_sign_have_a_private_half_in_storage() {
    let text = set().to_stored();
    assert_eq!(text.expose_secret().matches("private_key").count(), 2);
}

#[test]
fn damage_is_named() {
    let damaged = |from: &str, to: &str| {
        assert!(FIXTURE.contains(from), "{from}");
        read(&FIXTURE.replacen(from, to, 1)).unwrap_err()
    };
    assert_eq!(
        damaged("\"schema_version\": 1", "\"schema_version\": 2"),
        StoredSetError::SchemaVersion(2)
    );
    assert_eq!(
        damaged("\"api\"", "\"trust\""),
        StoredSetError::OtherSet("trust".into())
    );
    assert_eq!(
        damaged("\"version\": 8", "\"version\": 0"),
        StoredSetError::NoVersion
    );
    assert_eq!(damaged("\"active\"", "\"staged\""), StoredSetError::ActiveKeys(0));
    assert_eq!(
        damaged("\"retiring\"", "\"active\""),
        StoredSetError::ActiveKeys(2)
    );
    assert_eq!(
        damaged("\"retiring\"", "\"staged\""),
        StoredSetError::StagedKeys(2)
    );
    for (from, to) in [
        ("\"staged\"", "\"retired\""), // a private half that should be gone
        ("\"private_key\": \"MC4", "\"private_key\": \"MC5"),
        ("\"kid\": \"", "\"kid\": \"x"),
    ] {
        assert!(
            matches!(damaged(from, to), StoredSetError::BadKey { .. }),
            "{from}"
        );
    }
    for (from, to) in [
        ("\"keys\"", "\"other\""),
        ("\"changed_at\"", "\"added\": 1, \"changed_at\""),
        ("{", ""),
    ] {
        assert!(
            matches!(damaged(from, to), StoredSetError::Malformed { .. }),
            "{from}"
        );
    }
}

#[test]
fn swapped_private_halves_are_found() {
    let set = set();
    let text = set.to_stored();
    let halves: Vec<&str> = text
        .expose_secret()
        .split("\"private_key\": \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let swapped = text
        .expose_secret()
        .replace(halves[0], "-")
        .replace(halves[1], halves[0]);
    let swapped = swapped.replace("\"-\"", &format!("\"{}\"", halves[1]));
    assert!(matches!(read(&swapped), Err(StoredSetError::BadKey { .. })));
}

#[test]
fn no_message_repeats_a_private_half() {
    let text = set().to_stored();
    let half = text.expose_secret().split("\"private_key\": \"").nth(1).unwrap();
    let half = half.split('"').next().unwrap();
    let misplaced = FIXTURE.replacen("\"active\"", &format!("\"{half}\""), 1);
    let error = read(&misplaced).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(half));
    assert!(!format!("{:?}", set()).contains(half));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn a_cut_text_is_never_read(at in any::<prop::sample::Index>()) {
        let text = FIXTURE.trim_end();
        prop_assert!(read(&text[..at.index(text.len())]).is_err());
    }
}
