//! Names that clients give to turns, as rows.

use chancery_agents::{Begun, NewRun, TurnClaim};
use chancery_ambient::Timestamp;
use chancery_ids::{RunId, TenantId};
use diesel::prelude::*;

use crate::{codec::Stored, schema::agents::idempotency_keys};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys, treat_none_as_default_value = false)]
pub(super) struct ClaimRow {
    tenant_id: Stored<TenantId>,
    principal: String,
    route: String,
    key: String,
    request_digest: Vec<u8>,
    result_id: Stored<RunId>,
    created_at: Stored<Timestamp>,
}

impl ClaimRow {
    pub(super) fn new(run: &NewRun, claim: &TurnClaim) -> Self {
        Self {
            tenant_id: Stored(run.tenant),
            principal: claim.principal.clone(),
            route: claim.route.to_owned(),
            key: claim.key.as_str().to_owned(),
            request_digest: claim.request_digest.to_vec(),
            result_id: Stored(run.id),
            created_at: Stored(run.at),
        }
    }

    /// The row that has this one's name.
    #[diesel::dsl::auto_type(no_type_alias)]
    pub(super) fn same_name(&self) -> _ {
        let tenant: Stored<TenantId> = self.tenant_id;
        let principal: &str = self.principal.as_str();
        let route: &str = self.route.as_str();
        let key: &str = self.key.as_str();
        idempotency_keys::table.find((tenant, principal, route, key))
    }

    /// What a turn of the same name gets; `None` when it is the very command that wrote this.
    pub(super) fn answer_to(&self, other: &Self) -> Option<Begun> {
        if self.request_digest != other.request_digest {
            Some(Begun::KeyReused)
        } else if self.result_id.0 != other.result_id.0 {
            Some(Begun::Repeated(self.result_id.0))
        } else {
            None
        }
    }
}
