//! Everything that a person has said, at once: to take it along, or to have it forgotten.

use std::{collections::VecDeque, sync::Arc};

use chancery_access::Principal;
use chancery_ambient::Fault;
use chancery_ids::{ConversationId, ConversationKey, Limit, TenantId, UserId};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::{
    Conversation, ConversationService, ConversationStore, ConversationsError, DeleteRefused, Message,
    MessagePlace, Order,
    service::{deleter, reader},
};

/// Conversations that are looked up at once.
const PIECE: u16 = 100;

/// A part of an export. The messages of a conversation follow it, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub enum Exported {
    /// A conversation begins.
    Conversation(Conversation),
    /// A message of the conversation of this key.
    Message(ConversationKey, Message),
}

/// What erasing has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Conversations that are gone.
    pub deleted: u64,
    /// Conversations that were left because a run of theirs is going on.
    pub live: u64,
    /// There may be more than one call erases: call again.
    pub more: bool,
}

impl Erased {
    /// The most conversations that one call deletes.
    pub const AT_ONCE: u64 = 500;
}

impl ConversationService {
    /// Every conversation of the caller's with every message, read piece by piece as the stream is. What is said meanwhile may be
    /// in it or not.
    pub fn export(
        &self,
        caller: &Principal,
    ) -> Result<BoxStream<'static, Result<Exported, Fault>>, ConversationsError> {
        let export = Export {
            store: self.store.clone(),
            tenant: caller.tenant,
            owner: reader(caller)?,
            after: None,
            all_listed: false,
            waiting: VecDeque::new(),
            open: None,
            messages: VecDeque::new(),
        };
        let parts = stream::try_unfold(export, async |mut export: Export| {
            Ok(export.next().await?.map(|part| (part, export)))
        });
        Ok(parts.boxed())
    }

    /// Deletes the caller's conversations for good, up to [`Erased::AT_ONCE`], each with what hangs on it.
    #[tracing::instrument(name = "conversations.erase", skip_all, fields(tenant = %caller.tenant))]
    pub async fn erase(&self, caller: &Principal) -> Result<Erased, ConversationsError> {
        let owner = deleter(caller)?;
        let (mut erased, mut last) = (Erased::default(), None);
        loop {
            let piece = self
                .store
                .list_by_key(caller.tenant, owner, last.as_ref(), PIECE)
                .await?;
            for conversation in &piece {
                if erased.deleted == Erased::AT_ONCE {
                    erased.more = true;
                    return Ok(erased);
                }
                match self.remove(caller, owner, conversation).await {
                    Ok(gone) => erased.deleted += u64::from(gone),
                    Err(DeleteRefused::RunIsLive) => erased.live += 1,
                    Err(refused) => return Err(refused.into()),
                }
            }
            if piece.len() < usize::from(PIECE) {
                return Ok(erased);
            }
            last = piece.into_iter().next_back().map(|conversation| conversation.key);
        }
    }
}

struct Export {
    store: Arc<dyn ConversationStore>,
    tenant: TenantId,
    owner: UserId,
    /// The last conversation that was listed.
    after: Option<ConversationKey>,
    all_listed: bool,
    waiting: VecDeque<Conversation>,
    /// The conversation whose messages are read, and after which.
    open: Option<(ConversationId, ConversationKey, Option<MessagePlace>)>,
    messages: VecDeque<(ConversationKey, Message)>,
}

impl Export {
    async fn next(&mut self) -> Result<Option<Exported>, Fault> {
        loop {
            if let Some((key, message)) = self.messages.pop_front() {
                return Ok(Some(Exported::Message(key, message)));
            }
            if let Some((id, key, after)) = self.open.take() {
                let page = self
                    .store
                    .list_messages(self.tenant, id, Order::Asc, after, Limit::LARGEST)
                    .await?;
                if let Some(last) = page.items.last().filter(|_| page.next.is_some()) {
                    let position = last.position;
                    self.open = Some((id, key.clone(), Some(MessagePlace { position })));
                }
                let items = page.items.into_iter();
                self.messages.extend(items.map(|message| (key.clone(), message)));
                continue;
            }
            if let Some(conversation) = self.waiting.pop_front() {
                self.open = Some((conversation.id, conversation.key.clone(), None));
                return Ok(Some(Exported::Conversation(conversation)));
            }
            if self.all_listed {
                return Ok(None);
            }
            let piece = self
                .store
                .list_by_key(self.tenant, self.owner, self.after.as_ref(), PIECE)
                .await?;
            self.all_listed = piece.len() < usize::from(PIECE);
            self.after = piece.last().map(|conversation| conversation.key.clone());
            self.waiting = piece.into();
        }
    }
}
