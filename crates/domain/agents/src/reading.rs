//! Reading runs: from any event on, live or from the log, for the owner alone.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use chancery_access::{Principal, Scope};
use chancery_ambient::Fault;
use chancery_ids::{ConversationId, ConversationKey, RunId, TenantId};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::{Followed, ReadRefused, Run, RunEvent, RunService};

/// A run's events, in order, each once.
pub type RunEvents = BoxStream<'static, Result<RunEvent, ReadRefused>>;

/// Events of a conversation's runs, one run after another.
pub type ConversationEvents = BoxStream<'static, Result<(Arc<Run>, RunEvent), ReadRefused>>;

/// Events read from the log at once.
const PIECE: u16 = 500;

/// How often the log of a run that works elsewhere is looked at.
const POLL: Duration = Duration::from_secs(1);

impl RunService {
    /// The owner's run and its events above `after`, to the terminal one; `None` when there is no such run.
    #[tracing::instrument(name = "agents.follow", skip_all, fields(tenant = %caller.tenant, %run))]
    pub async fn follow(
        &self,
        caller: &Principal,
        run: RunId,
        after: u64,
    ) -> Result<Option<(Run, RunEvents)>, ReadRefused> {
        caller.require(Scope::CONVERSATIONS_READ)?;
        let owner = caller.require_person()?;
        let Some(found) = self.parts.runs.find(caller.tenant, owner, run).await? else {
            return Ok(None);
        };
        let events = self.events(caller.tenant, run, after).await;
        Ok(Some((found, events)))
    }

    /// The events of a conversation's runs from `after` on (its run, and the event in it); ends after a terminal event when no
    /// further run has begun. `None` when the caller has no such conversation.
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
            reader.current = Some((Arc::new(known), self.events(caller.tenant, run, event).await));
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

    /// The fan-out is joined before the log is read, so nothing falls between the two; what is in both is given once.
    async fn events(&self, tenant: TenantId, run: RunId, after: u64) -> RunEvents {
        let following = self.parts.fan_out.follow(tenant, run).await;
        let (kept, live) = following.map_or((Vec::new(), None), |following| {
            (following.kept, Some(following.live))
        });
        let reader = RunReader {
            service: self.clone(),
            tenant,
            run,
            last: after,
            queue: VecDeque::new(),
            source: Source::CatchingUp { kept, live },
            ended: false,
        };
        let events = stream::unfold(Some(reader), |reader| async move {
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

struct RunReader {
    service: RunService,
    tenant: TenantId,
    run: RunId,
    last: u64,
    queue: VecDeque<RunEvent>,
    source: Source,
    ended: bool,
}

enum Source {
    /// From the log, until it has no more.
    CatchingUp {
        kept: Vec<RunEvent>,
        live: Option<BoxStream<'static, Followed>>,
    },
    /// From the fan-out.
    Live(BoxStream<'static, Followed>),
    /// From the log again and again: the run works elsewhere.
    Polling,
}

impl RunReader {
    async fn next(&mut self) -> Result<Option<RunEvent>, ReadRefused> {
        loop {
            while let Some(event) = self.queue.pop_front() {
                if event.id > self.last {
                    self.last = event.id;
                    self.ended = event.what.is_terminal();
                    return Ok(Some(event));
                }
            }
            if self.ended {
                return Ok(None);
            }
            self.refill().await?;
        }
    }

    async fn refill(&mut self) -> Result<(), ReadRefused> {
        match &mut self.source {
            Source::CatchingUp { kept, live } => {
                let piece = read(&self.service, self.tenant, self.run, self.last).await?;
                if piece.is_empty() {
                    self.queue.extend(std::mem::take(kept));
                    self.source = live.take().map_or(Source::Polling, Source::Live);
                    // Somebody resumed behind the end of a run that is over: there is nothing more.
                    self.ended = self.queue.is_empty()
                        && is_over(&self.service, self.tenant, self.run, self.last).await?;
                } else {
                    self.queue.extend(piece);
                }
            }
            Source::Live(live) => match live.next().await {
                Some(Followed::Event(event)) => self.queue.push_back(event),
                Some(Followed::CutOff) => return Err(ReadRefused::CutOff),
                // Closed: what is left is in the log.
                None => self.source = Source::Polling,
            },
            Source::Polling => {
                let piece = read(&self.service, self.tenant, self.run, self.last).await?;
                if piece.is_empty() {
                    self.ended = is_over(&self.service, self.tenant, self.run, self.last).await?;
                    if !self.ended {
                        self.service.parts.ambient.sleep(POLL).await;
                    }
                }
                self.queue.extend(piece);
            }
        }
        Ok(())
    }
}

/// Whether the event that was read last is a terminal one. A free function: a reader cannot be shared over an await.
async fn is_over(service: &RunService, tenant: TenantId, run: RunId, last: u64) -> Result<bool, Fault> {
    if last == 0 {
        return Ok(false);
    }
    let read_last = read(service, tenant, run, last - 1).await?;
    Ok(read_last.first().is_some_and(|event| event.what.is_terminal()))
}

async fn read(
    service: &RunService,
    tenant: TenantId,
    run: RunId,
    after: u64,
) -> Result<Vec<RunEvent>, Fault> {
    service.parts.runs.read_log(tenant, run, after, PIECE).await
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
            if let Some((run, events)) = &mut self.current
                && let Some(event) = events.next().await
            {
                return Ok(Some((run.clone(), event?)));
            }
            let store = &self.service.parts.runs;
            let next = store
                .list_of_conversation(self.tenant, self.conversation, self.last, 1)
                .await?;
            let Some(run) = next.into_iter().next() else {
                return Ok(None);
            };
            self.last = Some(run.id);
            let events = self.service.events(self.tenant, run.id, 0).await;
            self.current = Some((Arc::new(run), events));
        }
    }
}
