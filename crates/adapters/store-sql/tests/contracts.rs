//! What the domain crates ask of their stores, on both engines.

use std::sync::Arc;

use chancery_access::Subject;
use chancery_accounts::{
    AccountSystemStore, EmailAddress, FirstOwner, PasswordHash,
    contract::{Harness, people_store, service_token_store},
};
use chancery_ambient::{Ambient, SystemEntropy};
use chancery_auth_keys::{KeySet, KeySetName, KeyStore, Saved};
use chancery_ids::TenantId;
use chancery_jose::SigningKey;
use chancery_registry::contract::app_store;
use chancery_sealing::SealingKeys;
use chancery_store_sql::{
    Database, SqlAccounts, SqlApps, SqlKeySets, SqlLinks, SqlOutbox, SqlPasswords, SqlPeople,
    SqlRefreshFamilies, SqlRevocations, SqlServiceTokens,
};
use chancery_tokens::{
    RefreshFamilySystemStore,
    contract::{revocation_system_store::Scene, session_store},
};

use crate::support::Fresh;

/// Every contract, run on databases that `$fresh` makes.
macro_rules! contracts {
    ($engine:ident, $fresh:ident) => {
        mod $engine {
            mod outbox {
                use crate::support::$fresh;
                use chancery_store_sql::SqlOutbox;

                chancery_events::outbox_store_contract!(async {
                    SqlOutbox::new($fresh().await.until_the_test_ends())
                });
            }

            mod leases {
                use crate::support::$fresh;
                use chancery_store_sql::SqlLeases;

                chancery_guards::leases_contract!(async {
                    SqlLeases::new($fresh().await.until_the_test_ends())
                });
            }

            mod audit {
                use crate::support::$fresh;
                use chancery_store_sql::SqlAudit;

                chancery_audit::audit_store_contract!(async {
                    SqlAudit::new($fresh().await.until_the_test_ends())
                });
            }

            mod account_system {
                use crate::{contracts::accounts, support::$fresh};

                chancery_accounts::account_system_store_contract!(async {
                    accounts($fresh().await.until_the_test_ends())
                });
            }

            mod members {
                use crate::{contracts::accounts, support::$fresh};

                chancery_accounts::member_store_contract!(async {
                    accounts($fresh().await.until_the_test_ends())
                });
            }

            mod refresh_families {
                use crate::{contracts::families, support::$fresh};

                chancery_tokens::refresh_family_system_store_contract!(async { families($fresh().await) });
            }

            mod own_sessions {
                use crate::{contracts::own_sessions, support::$fresh};

                chancery_tokens::session_store_contract!(async { own_sessions($fresh().await) });
            }

            mod revocations {
                use crate::{contracts::revocations, support::$fresh};

                chancery_tokens::revocation_system_store_contract!(async {
                    revocations($fresh().await).await
                });
            }

            mod service_tokens {
                use crate::{contracts::service_tokens, support::$fresh};

                chancery_accounts::service_token_store_contract!(async {
                    service_tokens($fresh().await).await
                });
            }

            mod people {
                use crate::{contracts::people, support::$fresh};

                chancery_accounts::people_store_contract!(async { people($fresh().await).await });
            }

            mod passwords {
                use crate::{contracts::people, support::$fresh};

                chancery_accounts::password_store_contract!(async { people($fresh().await).await });
            }

            mod links {
                use crate::{contracts::people, support::$fresh};

                chancery_accounts::link_system_store_contract!(async { people($fresh().await).await });
            }

            mod apps {
                use crate::{contracts::apps, support::$fresh};

                chancery_registry::app_store_contract!(async { apps($fresh().await).await });
            }

            mod key_sets {
                use std::sync::Arc;

                use crate::{
                    contracts::{FIRST_KEY, key_sets},
                    support::$fresh,
                };

                chancery_auth_keys::key_store_contract!(async {
                    Arc::new(key_sets($fresh().await.until_the_test_ends(), &[FIRST_KEY]))
                });

                #[tokio::test(flavor = "multi_thread")]
                async fn a_rewrapped_set_opens_with_the_new_key_alone() {
                    crate::contracts::a_rewrapped_set_opens_with_the_new_key_alone($fresh().await).await;
                }
            }

            mod key_replicas {
                use std::sync::Arc;

                use chancery_store_sql::SqlKeyReplicas;

                use crate::support::$fresh;

                chancery_auth_keys::key_replicas_contract!(async {
                    Arc::new(SqlKeyReplicas::new($fresh().await.until_the_test_ends()))
                });
            }

            mod key_witness {
                use std::sync::Arc;

                use chancery_store_sql::SqlKeyWitness;

                use crate::support::$fresh;

                chancery_auth_keys::key_set_witness_contract!(async {
                    Arc::new(SqlKeyWitness::new($fresh().await.until_the_test_ends()))
                });
            }

            mod sessions {
                use crate::{contracts::families, support::$fresh};

                chancery_tokens::sessions_contract!(async { families($fresh().await) });
            }
        }
    };
}

contracts!(sqlite, fresh_sqlite);
contracts!(postgres, fresh_postgres);

fn accounts(database: Database) -> Harness {
    let people = Arc::new(SqlAccounts::new(database.clone()));
    Harness {
        system: people.clone(),
        members: people,
        outbox: Arc::new(SqlOutbox::new(database)),
    }
}

fn families(fresh: Fresh) -> (Arc<dyn RefreshFamilySystemStore>, TenantId, Fresh) {
    let families = Arc::new(SqlRefreshFamilies::new(fresh.database()));
    (families, Ambient::system().new_id(), fresh)
}

fn own_sessions(fresh: Fresh) -> (session_store::Scene, Fresh) {
    let families = Arc::new(SqlRefreshFamilies::new(fresh.database()));
    let scene = session_store::Scene {
        store: families.clone(),
        families,
    };
    (scene, fresh)
}

async fn service_tokens(fresh: Fresh) -> (service_token_store::Scene, Fresh) {
    let (scene, fresh) = revocations(fresh).await;
    let scene = service_token_store::Scene {
        store: Arc::new(SqlServiceTokens::new(fresh.database())),
        families: scene.families,
        revocations: scene.store,
        tenant: scene.tenant,
    };
    (scene, fresh)
}

async fn people(fresh: Fresh) -> (people_store::Scene, Fresh) {
    let (scene, fresh) = revocations(fresh).await;
    let scene = people_store::Scene {
        people: Arc::new(SqlPeople::new(fresh.database())),
        passwords: Arc::new(SqlPasswords::new(fresh.database())),
        links: Arc::new(SqlLinks::new(fresh.database())),
        members: Arc::new(SqlAccounts::new(fresh.database())),
        revocations: scene.store,
        tenant: scene.tenant,
        owner: scene.person.person().unwrap(),
    };
    (scene, fresh)
}

async fn apps(fresh: Fresh) -> (app_store::Scene, Fresh) {
    let (scene, fresh) = revocations(fresh).await;
    let apps = Arc::new(SqlApps::new(fresh.database()));
    let scene = app_store::Scene {
        apps: apps.clone(),
        system: apps,
        revocations: scene.store,
        tenant: scene.tenant,
    };
    (scene, fresh)
}

async fn revocations(fresh: Fresh) -> (Scene, Fresh) {
    let ambient = Ambient::system();
    let owner = FirstOwner {
        tenant: ambient.new_id(),
        tenant_slug: "first".to_owned(),
        tenant_name: "The first".to_owned(),
        user: ambient.new_id(),
        email: EmailAddress::parse("owner@example.org").unwrap(),
        password: PasswordHash::from_stored("not a hash".to_owned()),
        at: ambient.now(),
    };
    let accounts = SqlAccounts::new(fresh.database());
    assert!(accounts.create_first_owner(&owner, &[]).await.unwrap());
    let scene = Scene {
        store: Arc::new(SqlRevocations::new(fresh.database())),
        families: Arc::new(SqlRefreshFamilies::new(fresh.database())),
        person: Subject::Person(owner.user),
        tenant: owner.tenant,
    };
    (scene, fresh)
}

const FIRST_KEY: &str = "first:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECOND_KEY: &str = "second:HxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRo=";

fn key_sets(database: Database, keys: &[&str]) -> SqlKeySets {
    let keys = SealingKeys::parse(&keys.join(",").into()).unwrap();
    SqlKeySets::new(database, Arc::new(keys), Arc::new(SystemEntropy))
}

async fn a_rewrapped_set_opens_with_the_new_key_alone(fresh: Fresh) {
    let ambient = Ambient::system();
    let key = || SigningKey::generate_ed25519(&ambient.random()).unwrap();
    let set = KeySet::first(KeySetName::Api, key(), key(), ambient.now()).unwrap();
    let stored = key_sets(fresh.database(), &[FIRST_KEY]).save(0, &set).await;
    assert_eq!(stored.unwrap(), Saved::Stored);

    let new_alone = key_sets(fresh.database(), &[SECOND_KEY]);
    assert!(new_alone.load(KeySetName::Api).await.is_err());
    let both = key_sets(fresh.database(), &[SECOND_KEY, FIRST_KEY]);
    assert_eq!(both.rewrap().await.unwrap(), [KeySetName::Api]);
    assert_eq!(both.rewrap().await.unwrap(), []);
    let found = new_alone.load(KeySetName::Api).await.unwrap().unwrap();
    assert_eq!(found.testimony(), set.testimony());
}
