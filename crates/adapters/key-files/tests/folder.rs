//! Modes, crashes and crowds.
#![expect(clippy::unwrap_used, reason = "a test stops where its ground is gone")]

use std::{
    error::Error,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::Arc,
};

use chancery_ambient::{Fault, Timestamp, TokioTasks, run_on};
use chancery_auth_keys::{KeySet, KeySetName, KeyStore, Saved};
use chancery_jose::SigningKey;
use chancery_key_files::KeyFiles;
use futures::future::join_all;
use proptest::prelude::*;
use tempfile::TempDir;

fn set() -> KeySet {
    let key = |seed: u8| SigningKey::generate_ed25519(&[seed; 32]).unwrap();
    KeySet::first(KeySetName::Api, key(1), key(2), Timestamp::EPOCH).unwrap()
}

/// A folder with a set in it.
async fn stored() -> (TempDir, KeyFiles) {
    let folder = tempfile::tempdir().unwrap();
    let store = KeyFiles::new(folder.path().to_owned());
    assert_eq!(store.save(0, &set()).await.unwrap(), Saved::Stored);
    (folder, store)
}

async fn version(store: &KeyFiles) -> u64 {
    store.load(KeySetName::Api).await.unwrap().unwrap().version()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn cause(fault: &Fault) -> String {
    fault.source().unwrap().to_string()
}

#[tokio::test]
async fn nobody_else_can_read_what_is_written() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("var").join("keys");
    let store = KeyFiles::new(folder.clone());
    store.save(0, &set()).await.unwrap();
    assert_eq!(mode(&folder), 0o700);
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["api.json", "api.lock"]);
    for name in names {
        assert_eq!(mode(&folder.join(name)), 0o600);
    }
}

#[tokio::test]
async fn a_file_that_others_can_read_is_refused_with_the_remedy() {
    for others in [0o640, 0o604, 0o660, 0o610] {
        let (folder, store) = stored().await;
        let file = folder.path().join("api.json");
        set_mode(&file, others);
        let fault = store.load(KeySetName::Api).await.unwrap_err();
        assert!(
            cause(&fault).contains(&format!("chmod 600 {}", file.display())),
            "{others:o}"
        );
        assert!(
            store
                .save(1, &set().served(Timestamp::EPOCH).unwrap())
                .await
                .is_err()
        );
        set_mode(&file, 0o600);
        assert_eq!(version(&store).await, 1);
    }
}

#[tokio::test]
async fn a_folder_that_others_can_write_to_is_refused_with_the_remedy() {
    let (folder, store) = stored().await;
    set_mode(folder.path(), 0o770);
    let fault = store.load(KeySetName::Api).await.unwrap_err();
    assert!(cause(&fault).contains("chmod 700"));
    // Mounted secrets often stand in folders that everybody may look into.
    set_mode(folder.path(), 0o755);
    assert_eq!(version(&store).await, 1);
}

#[tokio::test]
async fn what_a_killed_writer_left_is_neither_read_nor_in_the_way() {
    let whole = {
        let (folder, _) = stored().await;
        fs::read(folder.path().join("api.json")).unwrap()
    };
    // Killed after making the file, in mid-write, and before the rename; or somebody made it.
    for left in [&b""[..], &whole[..whole.len() / 2], &whole, b"garbage"] {
        let (folder, store) = stored().await;
        let beside = folder.path().join("api.json.new");
        fs::write(&beside, left).unwrap();
        assert_eq!(version(&store).await, 1);
        let next = set().served(Timestamp::EPOCH).unwrap();
        assert_eq!(store.save(1, &next).await.unwrap(), Saved::Stored);
        assert_eq!(version(&store).await, 2);
        assert!(!beside.exists());
        assert_eq!(mode(&folder.path().join("api.json")), 0o600);
    }
}

#[tokio::test]
async fn a_link_left_in_the_new_files_place_is_not_written_through() {
    let (folder, store) = stored().await;
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "theirs").unwrap();
    symlink(&elsewhere, folder.path().join("api.json.new")).unwrap();
    let next = set().served(Timestamp::EPOCH).unwrap();
    assert_eq!(store.save(1, &next).await.unwrap(), Saved::Stored);
    assert_eq!(fs::read(&elsewhere).unwrap(), b"theirs");
}

/// Every store opens the lock for itself, as a process does: the system tells them apart by that alone.
#[tokio::test(flavor = "multi_thread")]
async fn of_32_writers_with_locks_of_their_own_one_wins_each_round() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = TokioTasks::current();
    let mut set = set();
    for expected in 0..8 {
        let next = set.clone();
        let answers = join_all((0..32).map(|_| {
            let (store, next) = (KeyFiles::new(folder.path().to_owned()), next.clone());
            run_on(&*tasks, async move { store.save(expected, &next).await.unwrap() })
        }))
        .await;
        let winners = answers
            .iter()
            .filter(|answer| *answer.as_ref().unwrap() == Saved::Stored);
        assert_eq!(winners.count(), 1);
        let spare = set.staged().unwrap().kid().to_string();
        let fresh = SigningKey::generate_ed25519(&[100 + u8::try_from(expected).unwrap(); 32]).unwrap();
        set = set.compromise(&spare, fresh, Timestamp::EPOCH).unwrap();
    }
}

#[tokio::test]
async fn damage_is_never_taken_for_absence() {
    let (folder, store) = stored().await;
    let file = folder.path().join("api.json");
    let whole = fs::read_to_string(&file).unwrap();
    for damaged in [
        "",
        "{}",
        "null",
        "{\"schema_version\":1}",
        &whole[..whole.len() - 3],
        &whole.replace("active", "next"),
    ] {
        fs::write(&file, damaged).unwrap();
        let fault = store.load(KeySetName::Api).await.unwrap_err();
        assert!(matches!(fault, Fault::Corrupt(_)), "{damaged}");
        assert!(cause(&fault).contains("api.json"));
        assert!(store.save(0, &set()).await.is_err(), "damage is not written over");
    }
}

#[tokio::test]
async fn a_folder_in_the_files_place_is_no_set() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("api.json")).unwrap();
    let store = Arc::new(KeyFiles::new(folder.path().to_owned()));
    assert!(store.load(KeySetName::Api).await.is_err());
    assert!(store.save(0, &set()).await.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_in_the_file_are_taken_for_a_set_or_for_none(bytes: Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("api.json");
        fs::write(&file, &bytes).unwrap();
        set_mode(&file, 0o600);
        let loaded = runtime.block_on(KeyFiles::new(folder.path().to_owned()).load(KeySetName::Api));
        prop_assert!(matches!(loaded, Err(Fault::Corrupt(_))));
    }
}
