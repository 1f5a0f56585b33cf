//! Runs, messages and events in memory. It keeps to every clause of the contract, counts commits, checks what only the
//! engine can break, and fails on request.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_conversations::{Conversation, Message, MessageStatus, Role};
use chancery_events::Event;
use chancery_ids::{ConversationId, RunId, TenantId, UserId};

use crate::{
    Approval, Begun, Finish, Flush, Flushed, NewRun, Pause, Run, RunEvent, RunStatus, RunStore, TurnClaim,
};

#[derive(Default)]
pub(crate) struct Storage {
    state: Mutex<State>,
    /// Writes so far.
    pub(crate) commits: AtomicUsize,
    /// So many flushes and finishes to come fail.
    pub(crate) failures: AtomicU32,
    /// Whether they fail after they were done, as a lost answer does.
    pub(crate) fail_late: AtomicBool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) threads: Vec<(Conversation, Vec<Message>)>,
    pub(super) runs: Vec<(Run, Vec<RunEvent>)>,
    /// With the owner and, while it is pending, the checkpoint.
    pub(super) approvals: Vec<(UserId, Approval, Option<String>)>,
    pub(super) events: Vec<Event>,
    /// With the run's tenant, the run and when it began.
    pub(super) claims: Vec<(TenantId, TurnClaim, RunId, Timestamp)>,
}

impl Storage {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run as it is stored.
    pub(crate) fn run(&self, run: RunId) -> Run {
        self.state()
            .runs
            .iter()
            .find(|(stored, _)| stored.id == run)
            .unwrap()
            .0
            .clone()
    }

    /// The run's whole log.
    pub(crate) fn log(&self, run: RunId) -> Vec<RunEvent> {
        self.state()
            .runs
            .iter()
            .find(|(stored, _)| stored.id == run)
            .unwrap()
            .1
            .clone()
    }

    /// Every message, by conversation and position.
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.state()
            .threads
            .iter()
            .flat_map(|(_, messages)| messages.clone())
            .collect()
    }

    /// What was announced.
    pub(crate) fn announced(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    /// Forgets the run's log, as retention does.
    pub(crate) fn forget_log(&self, run: RunId) {
        let mut state = self.state();
        let (stored, log) = state
            .runs
            .iter_mut()
            .find(|(stored, _)| stored.id == run)
            .unwrap();
        stored.log_forgotten = true;
        log.clear();
    }

    /// Raises the epoch, as another replica that takes the run over does.
    pub(crate) fn steal(&self, run: RunId) {
        let mut state = self.state();
        state
            .runs
            .iter_mut()
            .find(|(stored, _)| stored.id == run)
            .unwrap()
            .0
            .epoch += 1;
    }

    fn fails(&self, late: bool) -> Result<(), Fault> {
        if self.fail_late.load(Ordering::SeqCst) != late {
            return Ok(());
        }
        let take = |left: u32| left.checked_sub(1);
        match self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
        {
            Ok(_) if late => Err(Fault::timed_out("on purpose")),
            Ok(_) => Err(Fault::unavailable("on purpose")),
            Err(_) => Ok(()),
        }
    }
}

fn add(log: &mut Vec<RunEvent>, events: &[RunEvent]) {
    for event in events {
        let last = log.last().map_or(0, |last| last.id);
        if event.id > last {
            assert!(
                !log.last().is_some_and(|last| last.what.is_terminal()),
                "an event after the end"
            );
            log.push(event.clone());
        }
    }
}

impl State {
    fn thread_of(&mut self, run: &NewRun) -> usize {
        let is_it = |(thread, _): &(Conversation, Vec<Message>)| {
            (thread.tenant, thread.owner, &thread.key) == (run.tenant, run.owner, &run.conversation_key)
        };
        if let Some(place) = self.threads.iter().position(is_it) {
            return place;
        }
        let thread = Conversation {
            id: run.new_conversation,
            key: run.conversation_key.clone(),
            tenant: run.tenant,
            owner: run.owner,
            display_name: None,
            agent_entrypoint: run.entry_agent.clone(),
            active_agent: run.entry_agent.clone(),
            message_count: 0,
            last_message_preview: String::new(),
            created_at: run.at,
            updated_at: run.at,
        };
        self.threads.push((thread, Vec::new()));
        self.threads.len() - 1
    }

    fn live(&mut self, tenant: TenantId, run: RunId, epoch: u64) -> Option<&mut (Run, Vec<RunEvent>)> {
        self.runs.iter_mut().find(|(stored, _)| {
            (stored.tenant, stored.id, stored.epoch) == (tenant, run, epoch)
                && stored.status == RunStatus::Running
        })
    }
}

fn say(thread: &mut (Conversation, Vec<Message>), message: Message) {
    thread.0.message_count += 1;
    thread.0.updated_at = message.created_at;
    thread.0.last_message_preview = Conversation::preview_of(&message.content);
    thread.1.push(message);
}

#[async_trait]
impl RunStore for Storage {
    async fn begin(&self, run: &NewRun) -> Result<Begun, Fault> {
        let mut state = self.state();
        if let Some((stored, _)) = state.runs.iter().find(|(stored, _)| stored.id == run.id) {
            let conversation = stored.conversation;
            let (_, messages) = state
                .threads
                .iter()
                .find(|(thread, _)| thread.id == conversation)
                .unwrap();
            let position = messages
                .iter()
                .find(|message| message.id == run.user_message)
                .unwrap()
                .position;
            return Ok(Begun::Started {
                conversation,
                position,
            });
        }
        if let Some(answer) = state.answer_to_claim(run) {
            return Ok(answer);
        }
        let is_own = |stored: &Run| {
            (stored.tenant, stored.owner, &stored.conversation_key)
                == (run.tenant, run.owner, &run.conversation_key)
        };
        if let Some((busy, _)) = state
            .runs
            .iter()
            .find(|(stored, _)| is_own(stored) && stored.status.is_live())
        {
            return Ok(Begun::Busy(Box::new(busy.clone())));
        }
        let place = state.thread_of(run);
        let thread = &mut state.threads[place];
        let (conversation, position) = (thread.0.id, thread.0.message_count);
        say(
            thread,
            Message {
                id: run.user_message,
                position,
                role: Role::User,
                content: run.text.clone(),
                agent: None,
                run: run.id,
                status: MessageStatus::Pending,
                created_at: run.at,
            },
        );
        let stored = Run {
            id: run.id,
            tenant: run.tenant,
            owner: run.owner,
            conversation,
            conversation_key: run.conversation_key.clone(),
            entry_agent: run.entry_agent.clone(),
            active_agent: run.entry_agent.clone(),
            status: RunStatus::Running,
            approval: None,
            epoch: 1,
            lease_until: run.lease_until,
            ids_until: run.ids_until,
            cancel_requested: false,
            used: Vec::new(),
            log_forgotten: false,
            started_at: run.at,
            ended_at: None,
        };
        state.runs.push((stored, run.events.clone()));
        let claim = run.claim.clone();
        state
            .claims
            .extend(claim.map(|claim| (run.tenant, claim, run.id, run.at)));
        self.commits.fetch_add(1, Ordering::SeqCst);
        Ok(Begun::Started {
            conversation,
            position,
        })
    }

    async fn flush(&self, tenant: TenantId, run: RunId, epoch: u64, flush: &Flush) -> Result<Flushed, Fault> {
        self.fails(false)?;
        let mut state = self.state();
        let Some((stored, log)) = state.live(tenant, run, epoch) else {
            return Ok(Flushed::Lost);
        };
        assert!(flush.ids_until >= stored.ids_until, "a reservation shrank");
        add(log, &flush.events);
        stored.ids_until = flush.ids_until;
        stored.active_agent.clone_from(&flush.active_agent);
        stored.lease_until = flush.lease_until;
        if let Some(used) = &flush.used {
            stored.used.clone_from(used);
        }
        let cancel_requested = stored.cancel_requested;
        drop(state);
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.fails(true)?;
        Ok(Flushed::Kept { cancel_requested })
    }

    async fn finish(
        &self,
        tenant: TenantId,
        run: RunId,
        epoch: u64,
        finish: &Finish,
        events: &[Event],
    ) -> Result<bool, Fault> {
        self.fails(false)?;
        let mut state = self.state();
        let Some((stored, log)) = state.live(tenant, run, epoch) else {
            return Ok(false);
        };
        add(log, &finish.events);
        stored.status = finish.status;
        stored.active_agent.clone_from(&finish.active_agent);
        stored.ended_at = Some(finish.at);
        stored.used.clear();
        let conversation = stored.conversation;
        let status = match finish.status {
            RunStatus::Completed => MessageStatus::Completed,
            RunStatus::Running | RunStatus::AwaitingApproval | RunStatus::Failed | RunStatus::Cancelled => {
                MessageStatus::Incomplete
            }
        };
        let thread = state
            .threads
            .iter_mut()
            .find(|(thread, _)| thread.id == conversation)
            .unwrap();
        thread.0.active_agent.clone_from(&finish.active_agent);
        thread
            .1
            .iter_mut()
            .filter(|message| message.run == run)
            .for_each(|message| message.status = status);
        if let Some(answer) = &finish.answer {
            let position = thread.0.message_count;
            say(
                thread,
                Message {
                    id: answer.id,
                    position,
                    role: Role::Assistant,
                    content: answer.text.clone(),
                    agent: Some(finish.active_agent.clone()),
                    run,
                    status,
                    created_at: finish.at,
                },
            );
        }
        state.events.extend_from_slice(events);
        drop(state);
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.fails(true)?;
        Ok(true)
    }

    async fn pause(
        &self,
        tenant: TenantId,
        run: RunId,
        epoch: u64,
        pause: &Pause,
        events: &[Event],
    ) -> Result<bool, Fault> {
        self.fails(false)?;
        let mut state = self.state();
        let again = |(_, stored, _): &(UserId, Approval, Option<String>)| stored.id == pause.approval.id;
        if state.approvals.iter().any(again) {
            return Ok(true);
        }
        let Some((stored, log)) = state.live(tenant, run, epoch) else {
            return Ok(false);
        };
        add(log, &pause.events);
        stored.status = RunStatus::AwaitingApproval;
        stored.approval = Some(pause.approval.id);
        stored.active_agent.clone_from(&pause.active_agent);
        stored.lease_until = pause.approval.expires_at;
        stored.used.clone_from(&pause.used);
        let (owner, checkpoint) = (stored.owner, Some(pause.checkpoint.clone()));
        state.approvals.push((owner, pause.approval.clone(), checkpoint));
        state.events.extend_from_slice(events);
        drop(state);
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.fails(true)?;
        Ok(true)
    }

    async fn take_over(
        &self,
        tenant: TenantId,
        run: RunId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Run>, Fault> {
        let mut state = self.state();
        let taken = state.runs.iter_mut().map(|(stored, _)| stored).find(|stored| {
            (stored.tenant, stored.id, stored.status) == (tenant, run, RunStatus::Running)
                && stored.lease_until < now
        });
        Ok(taken.map(|stored| {
            stored.epoch += 1;
            stored.lease_until = lease_until;
            stored.clone()
        }))
    }

    async fn find(&self, tenant: TenantId, owner: UserId, run: RunId) -> Result<Option<Run>, Fault> {
        let state = self.state();
        let mut runs = state.runs.iter().map(|(stored, _)| stored);
        Ok(runs
            .find(|stored| (stored.tenant, stored.owner, stored.id) == (tenant, owner, run))
            .cloned())
    }

    async fn read_log(
        &self,
        tenant: TenantId,
        run: RunId,
        after: u64,
        limit: u16,
    ) -> Result<Vec<RunEvent>, Fault> {
        let state = self.state();
        let found = state
            .runs
            .iter()
            .find(|(stored, _)| (stored.tenant, stored.id) == (tenant, run));
        let events = found
            .into_iter()
            .flat_map(|(_, log)| log)
            .filter(|event| event.id > after);
        Ok(events.take(usize::from(limit)).cloned().collect())
    }

    async fn list_of_conversation(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        after: Option<RunId>,
        limit: u16,
    ) -> Result<Vec<Run>, Fault> {
        let state = self.state();
        let runs = state.runs.iter().map(|(stored, _)| stored);
        let runs: Vec<_> = runs
            .filter(|run| (run.tenant, run.conversation) == (tenant, conversation))
            .cloned()
            .collect();
        let from = after.map_or(0, |after| {
            1 + runs.iter().position(|run| run.id == after).unwrap()
        });
        Ok(runs.into_iter().skip(from).take(usize::from(limit)).collect())
    }

    async fn request_cancel(
        &self,
        tenant: TenantId,
        owner: UserId,
        run: RunId,
    ) -> Result<Option<Run>, Fault> {
        let mut state = self.state();
        let mut runs = state.runs.iter_mut().map(|(stored, _)| stored);
        let found = runs.find(|stored| (stored.tenant, stored.owner, stored.id) == (tenant, owner, run));
        Ok(found.map(|stored| {
            stored.cancel_requested |= stored.status.is_live();
            stored.clone()
        }))
    }
}

mod tests {
    use std::sync::Arc;

    use super::Storage;
    use crate::contract::{approval_store, run_store, run_system_store};

    fn stores(storage: &Arc<Storage>) -> run_store::Harness {
        run_store::Harness {
            runs: storage.clone(),
            conversations: storage.clone(),
        }
    }

    fn system() -> run_system_store::Harness {
        let storage = Arc::<Storage>::default();
        run_system_store::Harness {
            stores: stores(&storage),
            system: storage,
        }
    }

    crate::run_store_contract!(async { stores(&Arc::default()) });
    crate::named_turns_contract!(async { stores(&Arc::default()) });
    fn approvals() -> approval_store::Harness {
        let storage = Arc::<Storage>::default();
        approval_store::Harness {
            stores: stores(&storage),
            approvals: storage.clone(),
            system: storage,
        }
    }

    crate::run_system_store_contract!(async { system() });
    crate::approval_store_contract!(async { approvals() });
}
