//! The contract of `KeyStore`, on files.

use std::sync::Arc;

use chancery_key_files::KeyFiles;

chancery_auth_keys::key_store_contract!(async {
    // Kept: the folder has to outlive the store, and the system sweeps it.
    Arc::new(KeyFiles::new(tempfile::tempdir().unwrap().keep().join("keys")))
});
