//! Where signing keys are kept.

use std::{sync::Arc, time::Duration};

use chancery_ambient::Ambient;
use chancery_auth_keys::{KeyService, KeySetName, KeySettings, KeyStore, WitnessedKeys};
use chancery_jose::Algorithm;
use chancery_key_files::KeyFiles;
use chancery_sealing::SealingKeys;
use chancery_store_sql::{Database, SqlKeyReplicas, SqlKeySets, SqlKeyWitness};
use chancery_vault::{KeyPath, VaultClient, VaultKeys, VaultSettings};
use secrecy::SecretString;

use super::{Failure, database, database_and_time, ready_database};
use crate::config::{self, Config, KeyStorage};

/// The key service over the stored `set`; makes the set when there is none.
pub(crate) async fn keys(
    config: &Config,
    set: KeySetName,
    database: &Database,
    ambient: &Ambient,
) -> Result<Arc<KeyService>, Failure> {
    let store = witnessed(database, key_store(config, database, ambient)?);
    let settings = key_settings(config, set);
    let keys = KeyService::open(store, replicas(database), settings, ambient.clone()).await?;
    Ok(Arc::new(keys))
}

/// The key service over the stored `set`; `None` when there is no set.
pub(crate) async fn existing_keys(
    config: &Config,
    set: KeySetName,
    ambient: &Ambient,
) -> Result<Option<KeyService>, Failure> {
    let (database, ambient) = database_and_time(config, ambient).await?;
    let store = witnessed(&database, key_store(config, &database, &ambient)?);
    Ok(KeyService::open_existing(store, replicas(&database), key_settings(config, set), ambient).await?)
}

/// Whether the stored sets can be read, whatever has been in use: for `doctor`, which may have no database to ask.
pub(crate) async fn read_keys(config: &Config, ambient: &Ambient) -> Result<(), Failure> {
    let store = key_store(config, &database(config)?, ambient)?;
    for set in KeySetName::ALL {
        store.load(set).await?;
    }
    Ok(())
}

/// Takes the stored sets as the newest, whatever has been in use. For after a loss.
pub(crate) async fn accept_keys(config: &Config, ambient: &Ambient) -> Result<Vec<KeySetName>, Failure> {
    let database = ready_database(config).await?;
    let store = key_store(config, &database, ambient)?;
    let witness = SqlKeyWitness::new(database);
    let mut accepted = Vec::new();
    for name in KeySetName::ALL {
        if let Some(set) = store.load(name).await? {
            witness.accept(name, &set.testimony()).await?;
            accepted.push(name);
        }
    }
    Ok(accepted)
}

/// Seals the stored sets anew with the first sealing key.
pub(crate) async fn rewrap_keys(config: &Config, ambient: &Ambient) -> Result<Vec<KeySetName>, Failure> {
    let KeyStorage::Sql(list) = &config.storage.keys else {
        return Err("only keys in the database are sealed (AUTH_KEY_STORAGE_BACKEND=sql)".into());
    };
    let database = ready_database(config).await?;
    Ok(sql_keys(list, &database, ambient)?.rewrap().await?)
}

fn replicas(database: &Database) -> Arc<SqlKeyReplicas> {
    Arc::new(SqlKeyReplicas::new(database.clone()))
}

/// Replicas notice when one of them is shown an old copy of the keys, or other keys.
fn witnessed(database: &Database, store: Arc<dyn KeyStore>) -> Arc<dyn KeyStore> {
    let witness = Arc::new(SqlKeyWitness::new(database.clone()));
    Arc::new(WitnessedKeys::new(store, witness))
}

fn key_store(config: &Config, database: &Database, ambient: &Ambient) -> Result<Arc<dyn KeyStore>, Failure> {
    Ok(match &config.storage.keys {
        KeyStorage::Files(folder) => Arc::new(KeyFiles::new(folder.clone())),
        KeyStorage::Sql(list) => Arc::new(sql_keys(list, database, ambient)?),
        KeyStorage::Vault(vault, secret_name) => {
            let client = vault_client(vault, ambient)?;
            Arc::new(VaultKeys::new(client, KeyPath::parse(secret_name)?))
        }
    })
}

pub(super) fn vault_client(vault: &config::Vault, ambient: &Ambient) -> Result<Arc<VaultClient>, Failure> {
    let settings = VaultSettings {
        address: vault.address.clone(),
        token: vault.token.clone(),
        namespace: vault.namespace.clone(),
    };
    Ok(Arc::new(VaultClient::new(settings, ambient.clock.clone())?))
}

fn sql_keys(list: &SecretString, database: &Database, ambient: &Ambient) -> Result<SqlKeySets, Failure> {
    let sealing = SealingKeys::parse(list).map_err(|error| format!("AUTH_KEY_ENCRYPTION_KEYS: {error}"))?;
    Ok(SqlKeySets::new(
        database.clone(),
        Arc::new(sealing),
        ambient.entropy.clone(),
    ))
}

/// For how long a stored attestation may be shown, the longest-lived of what the trust set signs.
const ATTESTATION_LIFE: Duration = Duration::from_hours(30 * 24);

fn key_settings(config: &Config, set: KeySetName) -> KeySettings {
    let auth = &config.auth;
    let (longest_life, algorithm, dual_signing) = match set {
        KeySetName::Api if auth.exact_algorithm_name => {
            (auth.access_life, Algorithm::Ed25519, auth.dual_signing)
        }
        KeySetName::Api => (auth.access_life, Algorithm::EdDsa, auth.dual_signing),
        KeySetName::Trust => (ATTESTATION_LIFE, Algorithm::Es256, None),
    };
    KeySettings {
        set,
        jwks_max_age: auth.jwks_max_age,
        longest_life,
        algorithm,
        rotation_overlap: auth.rotation_overlap,
        dual_signing,
    }
}
