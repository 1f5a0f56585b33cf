//! The contracts over the twin in memory: quick, and proof that the twin is honest.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use chancery_ambient::Ambient;
use chancery_ids::TenantId;
use chancery_tokens::{RefreshFamilySystemStore, contract::MemoryFamilies};

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
