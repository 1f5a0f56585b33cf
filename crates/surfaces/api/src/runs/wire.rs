//! Turns as clients send them, and answers as they read them.

use chancery_agents::{
    Approval, Decision, LARGEST_MESSAGE, MemoryStrategy, Outcome, RunStatus, StartChat, Tripped,
};
use chancery_ambient::Timestamp;
use chancery_ids::{ApprovalId, ConversationKey, ConversationKeyError, RunId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    body::Checked,
    problem::{Violation, Violations},
    sse::UsageMembers,
};

/// A turn. What published clients send besides (`context`, `attachments`, `run_options` and the like) is accepted and ignored.
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
    /// What of the conversation the agent is shown; as its file says when absent.
    memory_strategy: Option<MemoryBody>,
}

/// What of the conversation an agent is shown in one turn.
#[derive(Deserialize, ToSchema)]
struct MemoryBody {
    /// `none`: this turn stands for itself. `trim`: the latest messages, as many as the agent's file allows.
    mode: String,
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
        let memory = self
            .memory_strategy
            .as_ref()
            .and_then(|memory| MemoryStrategy::of(&memory.mode));
        if self.memory_strategy.is_some() && memory.is_none() {
            let modes = MemoryStrategy::ALL.map(MemoryStrategy::as_str).join(" or ");
            let violation = Violation::new("body", "enum", format!("Input should be {modes}"));
            violations.add(violation.at("memory_strategy").at("mode"));
        }
        violations.or(StartChat {
            conversation_key: named.and_then(Result::ok),
            text: self.message,
            agent: self.agent_type,
            memory,
            streamed: false,
            idempotency_key: None,
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
    /// The guardrails that found something, in order; empty for an ordinary turn.
    pub(super) guardrails: Vec<TrippedMembers>,
}

/// A guardrail that found something. What it found is told nowhere.
#[derive(Serialize, ToSchema)]
pub(super) struct TrippedMembers {
    /// `input`, `output`, `tool_input` or `tool_output`.
    stage: &'static str,
    /// As `GET /api/v1/guardrails` lists them.
    check: &'static str,
    /// `block` or `redact`.
    action: &'static str,
}

impl From<Tripped> for TrippedMembers {
    fn from(tripped: Tripped) -> Self {
        Self {
            stage: tripped.stage.as_str(),
            check: tripped.check.as_str(),
            action: tripped.action.as_str(),
        }
    }
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

/// A run that waits for a person.
#[derive(Serialize, ToSchema)]
pub(super) struct WaitingAnswer {
    conversation_id: String,
    run_id: String,
    /// Always `awaiting_approval`.
    #[schema(value_type = String)]
    status: RunStatus,
    approval_id: String,
}

impl WaitingAnswer {
    pub(super) fn new(run: RunId, conversation: &ConversationKey, approval: ApprovalId) -> Self {
        Self {
            conversation_id: conversation.to_string(),
            run_id: run.to_string(),
            status: RunStatus::AwaitingApproval,
            approval_id: approval.to_string(),
        }
    }
}

/// A call of a tool that a person is asked about.
#[derive(Serialize, ToSchema)]
pub(super) struct ApprovalItem {
    id: String,
    run_id: String,
    conversation_id: String,
    /// The agent that wants to call.
    agent: String,
    tool_name: String,
    tool_call_id: String,
    /// The arguments, as the model wrote them.
    arguments: String,
    /// `pending`, `approved`, `denied`, `expired`, or `withdrawn` with its run.
    status: &'static str,
    /// What was said to it.
    reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Until when it may be settled; then its run fails.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    settled_at: Option<Timestamp>,
}

impl From<Approval> for ApprovalItem {
    fn from(approval: Approval) -> Self {
        Self {
            id: approval.id.to_string(),
            run_id: approval.run.to_string(),
            conversation_id: approval.conversation_key.to_string(),
            agent: approval.agent,
            tool_name: approval.tool,
            tool_call_id: approval.call_id,
            arguments: approval.arguments,
            status: approval.state.as_str(),
            reason: approval.reason,
            created_at: approval.asked_at,
            expires_at: approval.expires_at,
            settled_at: approval.settled_at,
        }
    }
}

/// Approvals that are waited for.
#[derive(Serialize, ToSchema)]
pub(super) struct ApprovalList {
    pub(super) items: Vec<ApprovalItem>,
}

/// What a person says to an approval.
#[derive(Deserialize, ToSchema)]
pub(super) struct DecisionBody {
    /// Whether the call may be made.
    approved: bool,
    /// Why; the agent is told. Up to 1 KiB.
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

impl Checked for DecisionBody {
    type Valid = Decision;

    fn check(self) -> Result<Decision, Violations> {
        Ok(Decision {
            approved: self.approved,
            reason: self.reason.filter(|reason| !reason.is_empty()),
        })
    }
}

/// A run that was asked to stop.
#[derive(Serialize, ToSchema)]
pub(super) struct CancelAnswer {
    pub(super) run_id: String,
    /// `running` until it has stopped; any other status is its last.
    pub(super) status: &'static str,
}
