//! A store in memory for this crate's tests. It keeps to every clause of the contract but those of ranking and stems.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chancery_ambient::{Ambient, Fault, Timestamp};
use chancery_events::{Event, OutboxStore};
use chancery_ids::{ConversationId, ConversationKey, Cursor, EventId, Limit, Page, TenantId, UserId};

use crate::{
    Conversation, ConversationStore, ConversationSystemStore, DeleteRefused, ListFilter, ListPlace, Message,
    MessagePlace, MessageStatus, Order, Role, SearchHit, SearchPlace, Title, TitleStore, Truncation,
    contract::{Harness, Seeding, Turn, conversation_system_store::Scene},
};

#[derive(Default)]
pub(crate) struct Twin(Mutex<State>);

#[derive(Default)]
struct State {
    threads: Vec<(Conversation, Vec<Message>)>,
    events: Vec<Event>,
}

/// A harness over a new twin.
pub(crate) fn harness() -> Harness {
    scene().harness
}

/// The same with the view of every tenant.
pub(crate) fn scene() -> Scene {
    let twin = Arc::new(Twin::default());
    Scene {
        old: twin.clone(),
        harness: Harness {
            conversations: twin.clone(),
            titles: twin.clone(),
            seeding: twin.clone(),
            outbox: twin,
        },
    }
}

/// Whether it did not change since `before`, and nothing of it is live.
fn is_old((thread, messages): &(Conversation, Vec<Message>), before: Timestamp) -> bool {
    let is_live = |message: &Message| message.status == MessageStatus::Pending;
    thread.updated_at < before && !messages.iter().any(is_live)
}

impl Twin {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own(&self, tenant: TenantId, owner: UserId, filter: &ListFilter) -> Vec<(Conversation, Vec<Message>)> {
        let mut own = self.state().threads.clone();
        own.retain(|(thread, _)| (thread.tenant, thread.owner) == (tenant, owner));
        own.retain(|(thread, _)| {
            filter
                .agent
                .as_ref()
                .is_none_or(|agent| *agent == thread.agent_entrypoint)
        });
        own
    }

    fn say(&self, turn: &Turn, role: Role, content: &str, status: MessageStatus) {
        let mut state = self.state();
        let it = (turn.tenant, turn.owner, &turn.key);
        if !state.threads.iter().any(|(thread, _)| is_it(thread, it)) {
            let new = Conversation {
                id: Ambient::system().new_id(),
                key: turn.key.clone(),
                tenant: turn.tenant,
                owner: turn.owner,
                display_name: None,
                agent_entrypoint: turn.agent.clone(),
                active_agent: turn.agent.clone(),
                message_count: 0,
                last_message_preview: String::new(),
                created_at: turn.at,
                updated_at: turn.at,
            };
            state.threads.push((new, Vec::new()));
        }
        let (thread, messages) = state
            .threads
            .iter_mut()
            .find(|(thread, _)| is_it(thread, it))
            .unwrap();
        let run = match messages.last() {
            Some(question) if role == Role::Assistant => question.run,
            _ => Ambient::system().new_id(),
        };
        messages.push(Message {
            id: Ambient::system().new_id(),
            position: thread.message_count,
            role,
            content: content.to_owned(),
            agent: (role == Role::Assistant).then(|| turn.agent.clone()),
            run,
            status,
            created_at: turn.at,
        });
        thread.message_count += 1;
        thread.last_message_preview = Conversation::preview_of(content);
        thread.updated_at = turn.at;
    }
}

#[async_trait]
impl Seeding for Twin {
    async fn add_turn(&self, turn: &Turn) {
        self.say(turn, Role::User, &turn.text, MessageStatus::Completed);
        self.say(turn, Role::Assistant, &turn.answer, MessageStatus::Completed);
    }

    async fn begin_turn(&self, turn: &Turn) {
        self.say(turn, Role::User, &turn.text, MessageStatus::Pending);
    }
}

#[async_trait]
impl ConversationStore for Twin {
    async fn find(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
    ) -> Result<Option<Conversation>, Fault> {
        let own = self.own(tenant, owner, &ListFilter::default());
        Ok(own
            .into_iter()
            .map(|(thread, _)| thread)
            .find(|thread| thread.key == *key))
    }

    async fn list(
        &self,
        tenant: TenantId,
        owner: UserId,
        filter: &ListFilter,
        after: Option<ListPlace>,
        limit: Limit,
    ) -> Result<Page<Conversation>, Fault> {
        let own = self.own(tenant, owner, filter);
        let mut rows: Vec<_> = own.into_iter().map(|(thread, _)| thread).collect();
        rows.sort_by_key(|thread| std::cmp::Reverse((thread.updated_at, thread.id)));
        rows.retain(|thread| after.is_none_or(|place| (thread.updated_at, thread.id) < (place.ts, place.id)));
        Ok(Page::cut(rows, limit, |last| {
            Cursor::of(&ListPlace {
                ts: last.updated_at,
                id: last.id,
            })
        }))
    }

    async fn list_by_key(
        &self,
        tenant: TenantId,
        owner: UserId,
        after: Option<&ConversationKey>,
        limit: u16,
    ) -> Result<Vec<Conversation>, Fault> {
        let own = self.own(tenant, owner, &ListFilter::default());
        let mut rows: Vec<_> = own.into_iter().map(|(thread, _)| thread).collect();
        rows.sort_by(|one, other| one.key.as_str().cmp(other.key.as_str()));
        rows.retain(|thread| after.is_none_or(|after| thread.key.as_str() > after.as_str()));
        rows.truncate(usize::from(limit));
        Ok(rows)
    }

    async fn list_messages(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        order: Order,
        after: Option<MessagePlace>,
        limit: Limit,
    ) -> Result<Page<Message>, Fault> {
        let mut rows: Vec<_> = self
            .state()
            .threads
            .iter()
            .filter(|(thread, _)| (thread.tenant, thread.id) == (tenant, conversation))
            .flat_map(|(_, messages)| messages.clone())
            .collect();
        match order {
            Order::Asc => rows.retain(|m| after.is_none_or(|place| m.position > place.position)),
            Order::Desc => {
                rows.reverse();
                rows.retain(|m| after.is_none_or(|place| m.position < place.position));
            }
        }
        let place = |last: &Message| MessagePlace {
            position: last.position,
        };
        Ok(Page::cut(rows, limit, |last| Cursor::of(&place(last))))
    }

    /// The rank is how often the words occur.
    async fn search(
        &self,
        tenant: TenantId,
        owner: UserId,
        query: &str,
        filter: &ListFilter,
        after: Option<SearchPlace>,
        limit: Limit,
    ) -> Result<Page<SearchHit>, Fault> {
        let wanted = words(query);
        let rank = |message: &Message| {
            let held = words(&message.content);
            let all = !wanted.is_empty() && wanted.iter().all(|word| held.contains(word));
            let count = held.iter().filter(|word| wanted.contains(word)).count();
            all.then(|| f64::from(u32::try_from(count).unwrap()))
        };
        let mut hits = Vec::new();
        for (conversation, messages) in self.own(tenant, owner, filter) {
            let ranked = messages
                .iter()
                .filter_map(|message| Some((rank(message)?, message)));
            if let Some((rank, best)) = ranked.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
                hits.push(SearchHit {
                    preview: Conversation::preview_of(&best.content),
                    conversation,
                    rank,
                });
            }
        }
        let place = |hit: &SearchHit| SearchPlace {
            rank: hit.rank,
            ts: hit.conversation.updated_at,
            id: hit.conversation.id,
        };
        let order = |one: SearchPlace, other: SearchPlace| {
            let tie = (other.ts, other.id).cmp(&(one.ts, one.id));
            other.rank.total_cmp(&one.rank).then(tie)
        };
        hits.sort_by(|one, other| order(place(one), place(other)));
        hits.retain(|hit| after.is_none_or(|after| order(place(hit), after).is_gt()));
        Ok(Page::cut(hits, limit, |last| Cursor::of(&place(last))))
    }

    async fn rename(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
        title: &Title,
    ) -> Result<Option<Conversation>, Fault> {
        let mut state = self.state();
        let mut threads = state.threads.iter_mut().map(|(thread, _)| thread);
        let found = threads.find(|thread| is_it(thread, (tenant, owner, key)));
        Ok(found.map(|thread| {
            thread.display_name = Some(title.as_str().to_owned());
            thread.clone()
        }))
    }

    async fn delete(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
        events: &[Event],
    ) -> Result<bool, DeleteRefused> {
        let mut state = self.state();
        let Some(place) = state.place(tenant, owner, key)? else {
            return Ok(false);
        };
        state.threads.remove(place);
        state.events.extend_from_slice(events);
        Ok(true)
    }

    async fn truncate(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
        truncation: &Truncation,
    ) -> Result<bool, DeleteRefused> {
        let mut state = self.state();
        let it = (tenant, owner, key);
        let threads = state.threads.iter().find(|(thread, _)| is_it(thread, it));
        let from = threads.and_then(|(_, messages)| messages.iter().find(|one| one.id == truncation.from));
        let Some((position, role)) = from.map(|from| (from.position, from.role)) else {
            return Ok(false);
        };
        if role != Role::User {
            return Err(DeleteRefused::NotThePersons);
        }
        let Some(place) = state.place(tenant, owner, key)? else {
            return Ok(false);
        };
        let (thread, messages) = &mut state.threads[place];
        messages.retain(|message| message.position < position);
        let event = if let Some(last) = messages.last() {
            thread.message_count = position;
            thread.last_message_preview = Conversation::preview_of(&last.content);
            thread.updated_at = last.created_at;
            let speaker = messages.iter().rev().find_map(|message| message.agent.clone());
            thread.active_agent = speaker.unwrap_or_else(|| thread.agent_entrypoint.clone());
            &truncation.shortened
        } else {
            state.threads.remove(place);
            &truncation.deleted
        };
        state.events.push(event.clone());
        Ok(true)
    }
}

impl State {
    /// Where a conversation is that may be deleted.
    fn place(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
    ) -> Result<Option<usize>, DeleteRefused> {
        let it = (tenant, owner, key);
        let place = self.threads.iter().position(|(thread, _)| is_it(thread, it));
        let live = |place: &usize| {
            let (_, messages) = &self.threads[*place];
            messages
                .iter()
                .any(|message| message.status == MessageStatus::Pending)
        };
        if place.as_ref().is_some_and(live) {
            return Err(DeleteRefused::RunIsLive);
        }
        Ok(place)
    }
}

fn is_it(thread: &Conversation, it: (TenantId, UserId, &ConversationKey)) -> bool {
    (thread.tenant, thread.owner, &thread.key) == it
}

#[async_trait]
impl ConversationSystemStore for Twin {
    async fn count_old(&self, before: Timestamp) -> Result<u64, Fault> {
        let state = self.state();
        let old = state.threads.iter().filter(|thread| is_old(thread, before));
        u64::try_from(old.count()).map_err(Fault::corrupt)
    }

    async fn list_old(
        &self,
        before: Timestamp,
        limit: u16,
    ) -> Result<Vec<(TenantId, ConversationId)>, Fault> {
        let state = self.state();
        let mut old: Vec<_> = state
            .threads
            .iter()
            .filter(|thread| is_old(thread, before))
            .map(|(thread, _)| thread)
            .collect();
        old.sort_by_key(|thread| thread.updated_at);
        let ids = old.into_iter().map(|thread| (thread.tenant, thread.id));
        Ok(ids.take(limit.into()).collect())
    }

    async fn delete_old(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        before: Timestamp,
        events: &[Event],
    ) -> Result<bool, Fault> {
        let mut state = self.state();
        let is_it = |thread: &(Conversation, Vec<Message>)| {
            (thread.0.tenant, thread.0.id) == (tenant, conversation) && is_old(thread, before)
        };
        let Some(place) = state.threads.iter().position(is_it) else {
            return Ok(false);
        };
        state.threads.remove(place);
        state.events.extend_from_slice(events);
        Ok(true)
    }
}

#[async_trait]
impl TitleStore for Twin {
    async fn entitle(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        title: &Title,
    ) -> Result<bool, Fault> {
        let mut state = self.state();
        let mut threads = state.threads.iter_mut().map(|(thread, _)| thread);
        let found = threads.find(|thread| (thread.tenant, thread.id) == (tenant, conversation));
        let nameless = found.filter(|thread| thread.display_name.is_none());
        Ok(nameless
            .map(|thread| thread.display_name = Some(title.as_str().to_owned()))
            .is_some())
    }
}

#[async_trait]
impl OutboxStore for Twin {
    async fn announce(&self, events: &[Event]) -> Result<(), Fault> {
        self.state().events.extend_from_slice(events);
        Ok(())
    }

    /// Without leases: a test settles what it claims.
    async fn claim(&self, _now: Timestamp, _lease: Duration, _limit: u16) -> Result<Vec<Event>, Fault> {
        Ok(self.state().events.clone())
    }

    async fn settle(&self, delivered: &[EventId]) -> Result<(), Fault> {
        self.state().events.retain(|event| !delivered.contains(&event.id));
        Ok(())
    }
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

mod tests {
    use super::{harness, scene};

    crate::conversation_system_store_contract!(async { scene() });
    crate::conversation_store_contract!(@tests async { harness() },
        a_conversation_shows_what_its_turns_left, a_conversation_is_its_owners_in_its_tenant_alone,
        a_person_of_two_tenants_has_two_sets_of_conversations, a_list_begins_with_the_newest_change,
        list_pages_hold_when_others_are_added, a_filter_keeps_one_entry_agent,
        messages_keep_what_was_said_and_by_whom, messages_are_paged_both_ways,
        message_pages_hold_when_a_turn_is_added, a_deleted_conversation_is_gone_everywhere,
        a_deleted_key_can_be_used_again, deleting_what_is_absent_or_anothers_does_nothing,
        a_conversation_with_a_live_run_is_not_deleted, a_message_goes_with_everything_after_it,
        with_its_first_message_a_conversation_goes, only_a_message_of_the_person_is_deleted,
        a_message_of_anothers_or_of_a_live_conversation_stays, the_whole_list_holds_when_conversations_change, a_title_is_given_by_the_owner_and_moves_nothing,
        a_search_finds_whatever_the_letter_case,
        a_search_reads_answers_too, a_search_wants_all_its_words, a_search_takes_operators_for_words,
        a_search_of_signs_alone_finds_nothing, a_search_gives_one_hit_a_conversation,
        search_pages_repeat_and_skip_nothing, search_pages_hold_when_everything_ranks_the_same);

    crate::title_store_contract!(async { harness() });
}
