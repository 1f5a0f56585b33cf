//! Work that one replica does for all.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_ids::ReplicaId;

/// Lets one of several replicas do something. It saves work; what is done under a lease is safe to do twice.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes the lease `name` until `until`, or renews it. `false` while another replica has it.
    ///
    /// MUST let exactly one of several concurrent replicas have it. MUST let any take one that ended before `now`. MUST let
    /// its holder renew it at any time. MUST keep leases of other names apart.
    async fn hold(
        &self,
        name: &'static str,
        holder: ReplicaId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, Fault>;
}
