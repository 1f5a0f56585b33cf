//! What titles that no person gave ask of storage.

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_ids::{ConversationId, TenantId};

use crate::Title;

/// Names conversations that nobody has named.
#[async_trait]
pub trait TitleStore: Send + Sync {
    /// Gives the conversation a title where it has none; `false` when it has one by now, or is gone.
    ///
    /// MUST be one conditional statement: a name that a person gives meanwhile stays, and of several titles at once exactly one is
    /// stored. MUST leave `updated_at` as it is.
    async fn entitle(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        title: &Title,
    ) -> Result<bool, Fault>;
}
