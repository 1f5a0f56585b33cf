//! Key files of the Python service are taken over.
#![expect(clippy::unwrap_used, reason = "a test stops where its ground is gone")]

use std::{error::Error, fs, os::unix::fs::PermissionsExt};

use chancery_ambient::{Ambient, Fault, ManualClock, SystemEntropy, Timestamp};
use chancery_auth_keys::{KeyService, KeySet, KeySetName, KeyState, KeyStore};
use chancery_key_files::KeyFiles;
use proptest::prelude::*;
use tempfile::TempDir;

const SEED: &str = include_str!("../fixtures/source-seed.json");
const LATEST: &str = include_str!("../fixtures/source-latest.json");

fn folder_with(text: &str) -> (TempDir, KeyFiles) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api.json");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let store = KeyFiles::new(folder.path().to_owned());
    (folder, store)
}

async fn load(text: &str) -> Result<Option<KeySet>, Fault> {
    folder_with(text).1.load(KeySetName::Api).await
}

fn kids(set: &KeySet) -> Vec<(&str, KeyState)> {
    set.keys()
        .iter()
        .map(|key| (key.kid().as_str(), key.state()))
        .collect()
}

#[tokio::test]
async fn the_keys_of_the_first_form_keep_their_names_and_states() {
    let set = load(SEED).await.unwrap().unwrap();
    assert_eq!(
        kids(&set),
        [
            ("ed25519-3f9a1c0b7d2e", KeyState::Active),
            ("ed25519-0d1e2f3a4b5c", KeyState::Retired)
        ]
    );
    assert_eq!(set.version(), 1);
}

#[tokio::test]
async fn the_keys_of_the_later_form_keep_their_names_and_states() {
    let set = load(LATEST).await.unwrap().unwrap();
    assert_eq!(
        kids(&set),
        [
            ("ed25519-3f9a1c0b7d2e", KeyState::Active),
            ("ed25519-a7b8c9d0e1f2", KeyState::Staged)
        ]
    );
    // Written without an offset, and meant as UTC.
    let created_at = set.staged().unwrap().created_at();
    assert_eq!(created_at, "2025-11-07T12:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn a_service_goes_on_with_the_keys_it_finds_and_adds_a_spare() {
    let (folder, store) = folder_with(SEED);
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let ambient = Ambient {
        clock: std::sync::Arc::new(ManualClock::at(now)),
        entropy: std::sync::Arc::new(SystemEntropy),
    };
    let service = KeyService::open(
        std::sync::Arc::new(store),
        std::sync::Arc::new(chancery_auth_keys::contract::MemoryReplicas::default()),
        chancery_auth_keys::contract::usual_settings(KeySetName::Api),
        ambient,
    )
    .await
    .unwrap();
    let set = service.set();
    assert_eq!(set.active().unwrap().kid().as_str(), "ed25519-3f9a1c0b7d2e");
    assert!(set.staged().is_some());
    let written = fs::read_to_string(folder.path().join("api.json")).unwrap();
    assert!(
        written.contains("\"set\": \"api\""),
        "the file is in our form now"
    );
}

#[tokio::test]
async fn a_file_without_any_key_is_as_good_as_none() {
    for text in [
        r#"{"schema_version":1,"active":null,"next":null,"retired":[]}"#,
        r#"{"schema_version":1,"active":null,"next":null}"#,
    ] {
        assert!(load(text).await.unwrap().is_none(), "{text}");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_refused_by_name() {
    let other_half = LATEST.replace(
        "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC",
        "MC4CAQAwBQYDK2VwBCIEIAE4NCFIb52vI6GiO9HCaDYZjiWkiv7DRkzcXllu9KbE",
    );
    let no_half = r#"{"schema_version":1,"active":{"kid":"ed25519-3f9a1c0b7d2e","public_jwk":{"kty":"OKP","crv":"Ed25519",
        "x":"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE"},"created_at":"2025-11-06T12:00:00Z","private_key":null}}"#;
    let no_pem = SEED.replace("MC4CAQ", "MC4C-Q");
    for text in [other_half.as_str(), no_half, &no_pem] {
        let fault = load(text).await.unwrap_err();
        assert!(matches!(fault, Fault::Corrupt(_)));
        let message = fault.source().unwrap().to_string();
        assert!(message.contains("ed25519-3f9a1c0b7d2e"), "{message}");
        assert!(!message.contains("MC4C"), "{message}");
    }
    let nothing_signs = SEED.replace("\"active\": {", "\"next\": null, \"active\": null, \"was\": {");
    let nothing_signs = nothing_signs.replacen("\"next\": null,\n  \"retired\"", "\"retired\"", 1);
    let message = load(&nothing_signs)
        .await
        .unwrap_err()
        .source()
        .unwrap()
        .to_string();
    assert!(message.contains("none that signs"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_cut_file_is_damage(at in any::<prop::sample::Index>()) {
        let text = SEED.trim_end();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let loaded = runtime.block_on(load(&text[..at.index(text.len())]));
        prop_assert!(matches!(loaded, Err(Fault::Corrupt(_))));
    }
}
