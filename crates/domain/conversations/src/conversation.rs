//! A thread and its messages.

use chancery_ambient::Timestamp;
use chancery_ids::{ConversationId, ConversationKey, MessageId, RunId, TenantId, UserId};
use serde::{Deserialize, Serialize};

/// A thread between a person and hosted agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The row. Never on the wire.
    pub id: ConversationId,
    /// The name on the wire, unique per (tenant, owner).
    pub key: ConversationKey,
    /// Whose tenant.
    pub tenant: TenantId,
    /// The person whose thread it is.
    pub owner: UserId,
    /// A title, once there is one.
    pub display_name: Option<String>,
    /// The agent that the first turn was addressed to.
    pub agent_entrypoint: String,
    /// The agent that answered last.
    pub active_agent: String,
    /// How many messages there are, which is also the position of the next.
    pub message_count: u64,
    /// The first [`Conversation::PREVIEW_CHARS`] characters of the last message.
    pub last_message_preview: String,
    /// When the first turn began.
    pub created_at: Timestamp,
    /// When the last message came.
    pub updated_at: Timestamp,
}

impl Conversation {
    /// How much of a message a list shows, in characters.
    pub const PREVIEW_CHARS: usize = 120;

    /// The beginning of `content`, as a list shows it.
    #[must_use]
    pub fn preview_of(content: &str) -> String {
        content.chars().take(Self::PREVIEW_CHARS).collect()
    }
}

/// One message. Positions count from 0 without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Its place in the conversation.
    pub position: u64,
    /// Who speaks.
    pub role: Role,
    /// The text, at most 32 KiB from a person.
    pub content: String,
    /// The agent that speaks, when one does.
    pub agent: Option<String>,
    /// The run that wrote it.
    pub run: RunId,
    /// Whether the turn it belongs to came to its end.
    pub status: MessageStatus,
    /// When.
    pub created_at: Timestamp,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// A hosted agent.
    Assistant,
}

impl Role {
    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// Whether a message's turn came to its end. Only answered turns are fed back to a model as context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageStatus {
    /// The turn is being answered.
    Pending,
    /// The turn was answered; this message is whole.
    Completed,
    /// The turn failed or was stopped; an answer holds what had arrived.
    Incomplete,
}

impl MessageStatus {
    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }
}
