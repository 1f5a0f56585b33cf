//! Conversations as clients read them.

use chancery_ambient::Timestamp;
use chancery_conversations::{Conversation, Message, SearchHit, Thread};
use chancery_ids::Page;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{body::Checked, problem::Violations};

/// A conversation in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConversationItem {
    /// Its name, chosen by the client or drawn by the server.
    conversation_id: String,
    /// Its title, once there is one.
    display_name: Option<String>,
    /// The agent that the first turn was addressed to.
    agent_entrypoint: String,
    /// The agent that answered last.
    active_agent: String,
    /// Not kept.
    topic_hint: Option<String>,
    /// Always `active`.
    status: &'static str,
    message_count: u64,
    /// The first 120 characters of the last message.
    last_message_preview: String,
    /// The same, under the name that clients of the first version read.
    last_message: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Conversation> for ConversationItem {
    fn from(conversation: Conversation) -> Self {
        Self {
            conversation_id: conversation.key.to_string(),
            display_name: conversation.display_name,
            agent_entrypoint: conversation.agent_entrypoint,
            active_agent: conversation.active_agent,
            topic_hint: None,
            status: "active",
            message_count: conversation.message_count,
            last_message: conversation.last_message_preview.clone(),
            last_message_preview: conversation.last_message_preview,
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
        }
    }
}

/// A title for a conversation.
#[derive(Deserialize, ToSchema)]
pub(super) struct TitleBody {
    /// 1 to 128 characters on one line.
    #[schema(min_length = 1, max_length = 128)]
    display_name: String,
}

impl Checked for TitleBody {
    type Valid = String;

    fn check(self) -> Result<String, Violations> {
        Ok(self.display_name)
    }
}

/// A page of conversations.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConversationList {
    items: Vec<ConversationItem>,
    /// The cursor of the next page; null on the last.
    next_cursor: Option<String>,
}

impl From<Page<Conversation>> for ConversationList {
    fn from(page: Page<Conversation>) -> Self {
        Self {
            next_cursor: page.next.map(|cursor| cursor.as_str().to_owned()),
            items: page.items.into_iter().map(Into::into).collect(),
        }
    }
}

/// A conversation that a search found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundItem {
    #[serde(flatten)]
    conversation: ConversationItem,
    /// The beginning of its best message.
    preview: String,
    /// How well it fits; comparable within one answer alone.
    score: f64,
}

/// A page of what a search found, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundList {
    items: Vec<FoundItem>,
    /// The cursor of the next page; null on the last.
    next_cursor: Option<String>,
}

impl From<Page<SearchHit>> for FoundList {
    fn from(page: Page<SearchHit>) -> Self {
        let found = |hit: SearchHit| FoundItem {
            conversation: hit.conversation.into(),
            preview: hit.preview,
            score: hit.rank,
        };
        Self {
            next_cursor: page.next.map(|cursor| cursor.as_str().to_owned()),
            items: page.items.into_iter().map(found).collect(),
        }
    }
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageItem {
    message_id: String,
    /// Its place in the conversation, from 0.
    position: u64,
    /// `user` or `assistant`.
    role: &'static str,
    content: String,
    /// The agent that speaks, when one does.
    agent: Option<String>,
    /// The run that wrote it.
    run_id: String,
    /// `pending`, `completed` or `incomplete`: whether its turn came to its end.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

impl From<Message> for MessageItem {
    fn from(message: Message) -> Self {
        Self {
            message_id: message.id.to_string(),
            position: message.position,
            role: message.role.as_str(),
            content: message.content,
            agent: message.agent,
            run_id: message.run.to_string(),
            status: message.status.as_str(),
            timestamp: message.created_at,
        }
    }
}

/// A page of messages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageList {
    items: Vec<MessageItem>,
    /// The cursor of the next page; null on the last.
    next_cursor: Option<String>,
}

impl From<Page<Message>> for MessageList {
    fn from(page: Page<Message>) -> Self {
        Self {
            next_cursor: page.next.map(|cursor| cursor.as_str().to_owned()),
            items: page.items.into_iter().map(Into::into).collect(),
        }
    }
}

/// A conversation with its last messages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConversationHistory {
    conversation_id: String,
    display_name: Option<String>,
    agent_entrypoint: String,
    active_agent: String,
    topic_hint: Option<String>,
    status: &'static str,
    message_count: u64,
    /// The last 100, oldest first.
    messages: Vec<MessageItem>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// For `GET …/messages?direction=desc`: where the messages before these begin; null when these are all.
    next_cursor: Option<String>,
    /// Not kept.
    #[schema(value_type = Option<Object>)]
    agent_context: (),
}

impl From<Thread> for ConversationHistory {
    fn from(thread: Thread) -> Self {
        let item = ConversationItem::from(thread.conversation);
        Self {
            conversation_id: item.conversation_id,
            display_name: item.display_name,
            agent_entrypoint: item.agent_entrypoint,
            active_agent: item.active_agent,
            topic_hint: item.topic_hint,
            status: item.status,
            message_count: item.message_count,
            messages: thread.messages.into_iter().map(Into::into).collect(),
            created_at: item.created_at,
            updated_at: item.updated_at,
            next_cursor: thread.earlier.map(|cursor| cursor.as_str().to_owned()),
            agent_context: (),
        }
    }
}
