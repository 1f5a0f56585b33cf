//! Turns as clients send them, and answers as they read them.

use chancery_agents::{LARGEST_MESSAGE, Outcome, StartChat};
use chancery_ids::{ConversationKey, ConversationKeyError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    body::Checked,
    problem::{Violation, Violations},
    sse::UsageMembers,
};

/// A turn. What published clients send besides (`context`, `attachments`, `run_options`, `memory_strategy` and the like) is
/// accepted and ignored.
#[derive(Deserialize, ToSchema)]
pub(super) struct ChatBody {
    /// 1 byte to 32 KiB.
    #[schema(min_length = 1, max_length = 32768)]
    message: String,
    /// Any text of up to 255 bytes without control characters; a new conversation when absent.
    #[schema(max_length = 255)]
    conversation_id: Option<String>,
    /// `triage` when absent or unknown.
    agent_type: Option<String>,
}

impl Checked for ChatBody {
    type Valid = StartChat;

    fn check(self) -> Result<StartChat, Violations> {
        let mut violations = Violations::default();
        if self.message.is_empty() {
            let msg = "String should have at least 1 character";
            let violation = Violation::new("body", "string_too_short", msg).at("message");
            violations.add(violation.ctx(json!({"min_length": 1})));
        } else if self.message.len() > LARGEST_MESSAGE {
            let msg = format!("String should have at most {LARGEST_MESSAGE} bytes");
            let violation = Violation::new("body", "string_too_long", msg).at("message");
            violations.add(violation.ctx(json!({"max_length": LARGEST_MESSAGE})));
        }
        // Clients of the first version send an empty text for a new conversation.
        let named = self
            .conversation_id
            .filter(|name| !name.is_empty())
            .map(ConversationKey::parse);
        if let Some(Err(error)) = &named {
            violations.add(bad_key(*error));
        }
        violations.or(StartChat {
            conversation_key: named.and_then(Result::ok),
            text: self.message,
            agent: self.agent_type,
        })
    }
}

fn bad_key(error: ConversationKeyError) -> Violation {
    let violation = match error {
        ConversationKeyError::TooLong => {
            let most = ConversationKey::MAX_BYTES;
            Violation::new(
                "body",
                "string_too_long",
                format!("String should have at most {most} bytes"),
            )
            .ctx(json!({"max_length": most}))
        }
        ConversationKeyError::Empty | ConversationKeyError::ControlCharacter => {
            Violation::new("body", "value_error", format!("Value error, {error}"))
        }
    };
    violation.at("conversation_id")
}

/// An answer.
#[derive(Serialize, ToSchema)]
pub(super) struct ChatAnswer {
    conversation_id: String,
    /// Always null.
    message: Option<String>,
    /// What the agent said.
    response: String,
    /// The agent that said it.
    agent_used: String,
    handoff_occurred: bool,
    /// Always empty.
    #[schema(value_type = Vec<Object>)]
    attachments: [(); 0],
    #[schema(value_type = Option<Object>)]
    structured_output: (),
    #[schema(value_type = Option<Object>)]
    output_schema: (),
    metadata: ChatMetadata,
}

/// How an answer came about.
#[derive(Serialize, ToSchema)]
pub(super) struct ChatMetadata {
    pub(super) model_used: Option<String>,
    /// What the agent may call.
    pub(super) tools_available: Vec<String>,
    pub(super) run_id: String,
    pub(super) usage: UsageMembers,
}

impl ChatAnswer {
    /// The answer of a run that completed.
    pub(super) fn new(conversation: &ConversationKey, outcome: Outcome, metadata: ChatMetadata) -> Self {
        let refusal = outcome.refusal.unwrap_or_default();
        Self {
            conversation_id: conversation.to_string(),
            message: None,
            response: if outcome.text.is_empty() {
                refusal
            } else {
                outcome.text
            },
            agent_used: outcome.agent,
            handoff_occurred: outcome.handoff_occurred,
            attachments: [],
            structured_output: (),
            output_schema: (),
            metadata,
        }
    }
}

/// A run that was asked to stop.
#[derive(Serialize, ToSchema)]
pub(super) struct CancelAnswer {
    pub(super) run_id: String,
    /// `running` until it has stopped; any other status is its last.
    pub(super) status: &'static str,
}
