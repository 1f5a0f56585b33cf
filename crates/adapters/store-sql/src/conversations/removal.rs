//! Removing messages with what hangs on them: the runs that wrote them, their logs, their approvals and the words of the search.

use chancery_ids::{ConversationId, TenantId};
use diesel::{dsl::exists, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::search::SearchIndex;
use crate::{
    codec::Stored,
    fault::Undone,
    schema::{
        agents::{approvals, run_log, runs},
        conversations::messages,
    },
    sqlite::Sqlite,
};

/// What became of a conversation, or of a message and those after it.
pub(super) enum Removed {
    Done,
    Absent,
    NotThePersons,
    RunIsLive,
}

/// Inside a transaction that has written the conversation's row: whoever begins or ends a run of it waits for that row, so what is
/// seen of its runs holds until the transaction is done.
pub(super) trait Removal {
    /// Removes the messages from `position` on.
    async fn remove_messages(
        &mut self,
        tenant: TenantId,
        conversation: ConversationId,
        position: i64,
    ) -> Result<(), Undone<Removed>>;
}

/// One body for both connections.
macro_rules! removal {
    ($($connection:ty),*) => {$(
        impl Removal for $connection {
            async fn remove_messages(
                &mut self,
                tenant: TenantId,
                conversation: ConversationId,
                position: i64,
            ) -> Result<(), Undone<Removed>> {
                let their_runs = runs::table
                    .filter(runs::tenant_id.eq(Stored(tenant)))
                    .filter(runs::conversation_id.eq(Stored(conversation)));
                let live = diesel::select(exists(their_runs.filter(runs::ended_at.is_null())));
                if live.get_result(self).await? {
                    return Err(Undone::Answer(Removed::RunIsLive));
                }
                let their_runs = their_runs.filter(runs::user_position.ge(position));
                let their_log = run_log::table
                    .filter(run_log::tenant_id.eq(Stored(tenant)))
                    .filter(run_log::run_id.eq_any(their_runs.select(runs::id)));
                diesel::delete(their_log).execute(self).await?;
                let their_approvals = approvals::table
                    .filter(approvals::tenant_id.eq(Stored(tenant)))
                    .filter(approvals::run_id.eq_any(their_runs.select(runs::id)));
                diesel::delete(their_approvals).execute(self).await?;
                diesel::delete(their_runs).execute(self).await?;
                let them = messages::table
                    .filter(messages::tenant_id.eq(Stored(tenant)))
                    .filter(messages::conversation_id.eq(Stored(conversation)))
                    .filter(messages::position.ge(position));
                diesel::delete(them).execute(self).await?;
                self.remove_words(conversation, position).await?;
                Ok(())
            }
        }
    )*};
}

removal!(Sqlite, AsyncPgConnection);
