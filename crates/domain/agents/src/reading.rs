//! Reading runs: from any event on, live or from the log, for the owner alone.

use std::sync::Arc;

use chancery_access::{Principal, Scope};
use chancery_ids::{ConversationId, ConversationKey, RunId, TenantId};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::{ReadRefused, Run, RunEvent, RunService, reader::RunReader};

/// A run's events, in order, each once.
pub type RunEvents = BoxStream<'static, Result<RunEvent, ReadRefused>>;

/// Events of a conversation's runs, one run after another.
pub type ConversationEvents = BoxStream<'static, Result<(Arc<Run>, RunEvent), ReadRefused>>;

impl RunService {
    /// The owner's run and its events above `after`, to the terminal one; `None` when there is no such run. One whose log is kept
    /// no more is refused.
    #[tracing::instrument(name = "agents.follow", skip_all, fields(tenant = %caller.tenant, %run))]
    pub async fn follow(
        &self,
        caller: &Principal,
        run: RunId,
        after: u64,
    ) -> Result<Option<(Arc<Run>, RunEvents)>, ReadRefused> {
        caller.require(Scope::CONVERSATIONS_READ)?;
        let owner = caller.require_person()?;
        let Some(found) = self.parts.runs.find(caller.tenant, owner, run).await? else {
            return Ok(None);
        };
        if found.log_forgotten {
            return Err(ReadRefused::Forgotten);
        }
        let found = Arc::new(found);
        let events = self.events(found.clone(), after);
        Ok(Some((found, events)))
    }

    /// The events of a conversation's runs from `after` on (its run, and the event in it); ends after a terminal event when no
    /// further run has begun. Runs whose log is kept no more are passed over. `None` when the caller has no such conversation.
    #[tracing::instrument(name = "agents.follow_conversation", skip_all, fields(tenant = %caller.tenant))]
    pub async fn follow_conversation(
        &self,
        caller: &Principal,
        key: &ConversationKey,
        after: Option<(RunId, u64)>,
    ) -> Result<Option<ConversationEvents>, ReadRefused> {
        caller.require(Scope::CONVERSATIONS_READ)?;
        let owner = caller.require_person()?;
        let Some(found) = self.parts.threads.find(caller.tenant, owner, key).await? else {
            return Ok(None);
        };
        let mut reader = ConversationReader {
            service: self.clone(),
            tenant: caller.tenant,
            conversation: found.id,
            last: None,
            current: None,
        };
        if let Some((run, event)) = after {
            // A run of another conversation, or of somebody else, is no place in this one.
            let known = self.parts.runs.find(caller.tenant, owner, run).await?;
            let Some(known) = known.filter(|known| known.conversation == found.id) else {
                return Ok(None);
            };
            reader.last = Some(run);
            let known = Arc::new(known);
            reader.current = Some((known.clone(), self.events(known, event)));
        }
        let events = stream::unfold(Some(reader), |reader| async move {
            let mut reader = reader?;
            match reader.next().await {
                Ok(Some(event)) => Some((Ok(event), Some(reader))),
                Ok(None) => None,
                Err(refused) => Some((Err(refused), None)),
            }
        });
        Ok(Some(events.boxed()))
    }

    /// Polled by whoever reads; nothing is asked before.
    pub(crate) fn events(&self, run: Arc<Run>, after: u64) -> RunEvents {
        let reader = Some(RunReader::new(self.parts.clone(), run, after));
        let events = stream::unfold(reader, |reader| async move {
            let mut reader = reader?;
            match reader.next().await {
                Ok(Some(event)) => Some((Ok(event), Some(reader))),
                Ok(None) => None,
                Err(refused) => Some((Err(refused), None)),
            }
        });
        events.boxed()
    }
}

struct ConversationReader {
    service: RunService,
    tenant: TenantId,
    conversation: ConversationId,
    last: Option<RunId>,
    current: Option<(Arc<Run>, RunEvents)>,
}

impl ConversationReader {
    async fn next(&mut self) -> Result<Option<(Arc<Run>, RunEvent)>, ReadRefused> {
        loop {
            if let Some((run, events)) = &mut self.current {
                if let Some(event) = events.next().await {
                    return Ok(Some((run.clone(), event?)));
                }
                // A stream that has ended must not be asked again.
                self.current = None;
            }
            let store = &self.service.parts.runs;
            let next = store
                .list_of_conversation(self.tenant, self.conversation, self.last, 1)
                .await?;
            let Some(run) = next.into_iter().next() else {
                return Ok(None);
            };
            self.last = Some(run.id);
            if run.log_forgotten {
                continue;
            }
            let run = Arc::new(run);
            self.current = Some((run.clone(), self.service.events(run, 0)));
        }
    }
}
