//! The contracts over the twin in memory: quick, and proof that the twin is honest.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use chancery_access::Subject;
use chancery_ambient::Ambient;
use chancery_ids::TenantId;
use chancery_tokens::{
    RefreshFamilySystemStore, Whose,
    contract::{MemoryFamilies, revocation_system_store::Scene, session_store},
};

fn fresh() -> Ready<(Arc<dyn RefreshFamilySystemStore>, TenantId, ())> {
    ready((
        Arc::new(MemoryFamilies::default()),
        Ambient::system().new_id(),
        (),
    ))
}

mod store {
    chancery_tokens::refresh_family_system_store_contract!(super::fresh());
}

mod sessions {
    chancery_tokens::sessions_contract!(super::fresh());
}

mod revocations {
    chancery_tokens::revocation_system_store_contract!(super::scene());
}

fn scene() -> Ready<(Scene, ())> {
    let ambient = Ambient::system();
    let store = Arc::new(MemoryFamilies::default());
    let (person, tenant) = (Subject::Person(ambient.new_id()), ambient.new_id());
    store.know(Whose::Subject(person.clone()));
    store.know(Whose::Tenant(tenant));
    let scene = Scene {
        store: store.clone(),
        families: store,
        person,
        tenant,
    };
    ready((scene, ()))
}

mod own_sessions {
    chancery_tokens::session_store_contract!(super::own_sessions_scene());
}

fn own_sessions_scene() -> Ready<(session_store::Scene, ())> {
    let store = Arc::new(MemoryFamilies::default());
    let scene = session_store::Scene {
        store: store.clone(),
        families: store,
    };
    ready((scene, ()))
}
