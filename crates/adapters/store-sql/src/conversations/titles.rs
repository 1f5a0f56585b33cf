//! Titles that no person gave.

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_conversations::{Title, TitleStore};
use chancery_ids::{ConversationId, TenantId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::SqlConversations;
use crate::{codec::Stored, database::write_one, schema::conversations::conversations};

#[async_trait]
impl TitleStore for SqlConversations {
    #[tracing::instrument(name = "store_sql.entitle_conversation", skip_all, fields(%tenant))]
    async fn entitle(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        title: &Title,
    ) -> Result<bool, Fault> {
        let nameless = conversations::table
            .filter(conversations::tenant_id.eq(Stored(tenant)))
            .filter(conversations::id.eq(Stored(conversation)))
            .filter(conversations::display_name.is_null());
        let entitle = diesel::update(nameless).set(conversations::display_name.eq(title.as_str()));
        Ok(write_one!(self.0, |conn| entitle.execute(conn).await)? == 1)
    }
}
