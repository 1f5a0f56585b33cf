//! One document for the keys of both sets.

use std::sync::Arc;

use arc_swap::ArcSwap;
use chancery_ambient::Fault;

use crate::{JwksDocument, KeyService};

/// What an issuer publishes: the keys of every set, in one document that is made anew when a set has changed. A verifier tells
/// the sets apart by the type of their keys.
pub struct PublishedKeys {
    api: Arc<KeyService>,
    trust: Arc<KeyService>,
    latest: ArcSwap<Joined>,
}

struct Joined {
    api: Arc<JwksDocument>,
    trust: Arc<JwksDocument>,
    document: Arc<JwksDocument>,
}

impl PublishedKeys {
    /// The keys of both services.
    pub fn new(api: Arc<KeyService>, trust: Arc<KeyService>) -> Result<Self, Fault> {
        let latest = Joined::new(api.jwks(), trust.jwks())?;
        Ok(Self {
            api,
            trust,
            latest: ArcSwap::from_pointee(latest),
        })
    }

    /// The document that verifiers read.
    pub fn jwks(&self) -> Result<Arc<JwksDocument>, Fault> {
        let (api, trust) = (self.api.jwks(), self.trust.jwks());
        let latest = self.latest.load();
        if Arc::ptr_eq(&latest.api, &api) && Arc::ptr_eq(&latest.trust, &trust) {
            return Ok(latest.document.clone());
        }
        let joined = Joined::new(api, trust)?;
        let document = joined.document.clone();
        self.latest.store(Arc::new(joined));
        Ok(document)
    }
}

impl Joined {
    fn new(api: Arc<JwksDocument>, trust: Arc<JwksDocument>) -> Result<Self, Fault> {
        let document = Arc::new(api.joined(&trust)?);
        Ok(Self { api, trust, document })
    }
}
