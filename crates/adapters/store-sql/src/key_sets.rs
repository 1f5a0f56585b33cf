//! Signing keys that replicas share, sealed, and the witness of their versions.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_ambient::{Entropy, Fault};
use chancery_auth_keys::{KeySet, KeySetName, KeySetWitness, KeyStore, Saved, Testimony};
use chancery_sealing::{OpenError, SealingKeys};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use secrecy::ExposeSecret;

use crate::{
    Database, codec,
    database::{read, transaction, write_one},
    schema::keys::{key_set_witnesses, key_sets},
};

/// [`KeyStore`] on either engine. Each set is sealed whole, for its name and version: a row that was moved, edited or rolled
/// back by its content alone does not open.
pub struct SqlKeySets {
    database: Database,
    keys: Arc<SealingKeys>,
    entropy: Arc<dyn Entropy>,
}

impl SqlKeySets {
    /// The sets in `database`, sealed by the first of `keys`. Nonces are drawn from `entropy`.
    #[must_use]
    pub const fn new(database: Database, keys: Arc<SealingKeys>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            database,
            keys,
            entropy,
        }
    }

    /// Seals every set anew with the first key, so that the others can be dropped. Gives the names of those that had been
    /// sealed with another one.
    #[tracing::instrument(name = "store_sql.rewrap_keys", skip_all)]
    pub async fn rewrap(&self) -> Result<Vec<KeySetName>, Fault> {
        let mut rewrapped = Vec::new();
        for name in KeySetName::ALL {
            let Some((version, sealed)) = self.row(name).await? else {
                continue;
            };
            if SealingKeys::sealed_with(&sealed) == Some(self.keys.current()) {
                continue;
            }
            let set = self.open(name, version, &sealed)?;
            let again = self.seal(&set)?;
            let unchanged = key_sets::table
                .find(name.as_str())
                .filter(key_sets::version.eq(version))
                .filter(key_sets::sealed.eq(sealed));
            let update = diesel::update(unchanged).set(key_sets::sealed.eq(again));
            if write_one!(self.database, |conn| update.execute(conn).await)? == 0 {
                return Err(Fault::unavailable(format!(
                    "the {name} key set was changed at the same time; try again"
                )));
            }
            rewrapped.push(name);
        }
        Ok(rewrapped)
    }

    async fn row(&self, name: KeySetName) -> Result<Option<(i64, Vec<u8>)>, Fault> {
        read!(self.database, |conn| key_sets::table
            .find(name.as_str())
            .select((key_sets::version, key_sets::sealed))
            .first(conn)
            .await
            .optional())
    }

    fn seal(&self, set: &KeySet) -> Result<Vec<u8>, Fault> {
        let mut nonce = [0; 12];
        self.entropy.fill(&mut nonce);
        let text = set.to_stored();
        let place = place(set.name(), set.version());
        self.keys
            .seal(text.expose_secret().as_bytes(), &place, nonce)
            .map_err(Fault::corrupt)
    }

    fn open(&self, name: KeySetName, version: i64, sealed: &[u8]) -> Result<KeySet, Fault> {
        let version = codec::count(version)?;
        let opened = self
            .keys
            .open(sealed, &place(name, version))
            .map_err(|error| explained(name, &error))?;
        let text = str::from_utf8(opened.expose_secret()).map_err(Fault::corrupt)?;
        let set = KeySet::from_stored(name, text).map_err(Fault::corrupt)?;
        if set.version() == version {
            Ok(set)
        } else {
            Err(Fault::corrupt(format!(
                "the row of the {name} key set has version {version}, its content {}",
                set.version()
            )))
        }
    }
}

#[async_trait]
impl KeyStore for SqlKeySets {
    #[tracing::instrument(name = "store_sql.load_keys", skip_all, fields(set = %name))]
    async fn load(&self, name: KeySetName) -> Result<Option<KeySet>, Fault> {
        let row = self.row(name).await?;
        row.map(|(version, sealed)| self.open(name, version, &sealed))
            .transpose()
    }

    #[tracing::instrument(name = "store_sql.save_keys", skip_all, fields(set = %set.name(), version = set.version()))]
    async fn save(&self, expected: u64, set: &KeySet) -> Result<Saved, Fault> {
        let name = set.name().as_str();
        let version = codec::big_int(set.version())?;
        let sealed = self.seal(set)?;
        let stored = if expected == 0 {
            let first = diesel::insert_into(key_sets::table)
                .values((
                    key_sets::name.eq(name),
                    key_sets::version.eq(version),
                    key_sets::sealed.eq(sealed),
                ))
                .on_conflict_do_nothing();
            write_one!(self.database, |conn| first.execute(conn).await)?
        } else {
            let unchanged = key_sets::table
                .find(name)
                .filter(key_sets::version.eq(codec::big_int(expected)?));
            let next =
                diesel::update(unchanged).set((key_sets::version.eq(version), key_sets::sealed.eq(sealed)));
            write_one!(self.database, |conn| next.execute(conn).await)?
        };
        Ok(if stored == 1 {
            Saved::Stored
        } else {
            Saved::Conflict
        })
    }
}

/// Where a set is sealed for.
fn place(name: KeySetName, version: u64) -> Vec<u8> {
    format!("chancery key set {name} version {version}").into_bytes()
}

/// A sealed set that does not open, with what an operator can do.
fn explained(name: KeySetName, error: &OpenError) -> Fault {
    let remedy = match error {
        OpenError::Form => "it was written by another version of this program",
        OpenError::KeyMissing(_) => "add that key to AUTH_KEY_ENCRYPTION_KEYS",
        OpenError::OtherKey(_) => "correct that key in AUTH_KEY_ENCRYPTION_KEYS",
        OpenError::Damaged => "restore the row",
    };
    Fault::corrupt(format!("the {name} key set: {error}; {remedy}"))
}

/// [`KeySetWitness`] on either engine.
pub struct SqlKeyWitness(Database);

impl SqlKeyWitness {
    /// The witness in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl KeySetWitness for SqlKeyWitness {
    #[tracing::instrument(name = "store_sql.witness_keys", skip_all, fields(%set))]
    async fn witness(&self, set: KeySetName, own: &Testimony) -> Result<Testimony, Fault> {
        let (name, version) = (set.as_str(), codec::big_int(own.version)?);
        let digest = own.digest.to_vec();
        // Read first: once a set is known, which is nearly always, nothing is written.
        let known = self.newest(name).await?;
        if known.as_ref().is_none_or(|(known, _)| *known < version) {
            transaction!(self.0, |conn| {
                diesel::insert_into(key_set_witnesses::table)
                    .values((
                        key_set_witnesses::name.eq(name),
                        key_set_witnesses::version.eq(version),
                        key_set_witnesses::digest.eq(&digest),
                    ))
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?;
                let older = key_set_witnesses::table
                    .find(name)
                    .filter(key_set_witnesses::version.lt(version));
                diesel::update(older)
                    .set((
                        key_set_witnesses::version.eq(version),
                        key_set_witnesses::digest.eq(&digest),
                    ))
                    .execute(conn)
                    .await?;
                Ok(())
            })?;
        }
        let newest = self.newest(name).await?;
        let (version, digest) = newest.ok_or_else(|| Fault::corrupt("the witness of a key set is gone"))?;
        Ok(Testimony {
            version: codec::count(version)?,
            digest: codec::fixed("key_set_witnesses.digest", &digest)?,
        })
    }
}

impl SqlKeyWitness {
    /// Remembers `own` whatever was remembered before: for an operator who has lost the newest version.
    pub async fn accept(&self, set: KeySetName, own: &Testimony) -> Result<(), Fault> {
        let name = set.as_str();
        write_one!(self.0, |conn| diesel::delete(key_set_witnesses::table.find(name))
            .execute(conn)
            .await)?;
        self.witness(set, own).await.map(drop)
    }

    async fn newest(&self, name: &str) -> Result<Option<(i64, Vec<u8>)>, Fault> {
        read!(self.0, |conn| key_set_witnesses::table
            .find(name)
            .select((key_set_witnesses::version, key_set_witnesses::digest))
            .first(conn)
            .await
            .optional())
    }
}
