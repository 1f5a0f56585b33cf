//! What each kind of event holds beside the envelope.

use chancery_agents::{
    Action, ErrorSource, FinalStatus, Item, ItemPlace, ItemStatus, ItemType, LifecycleStatus, ToolCallStatus,
    Tripped, Usage, What,
};
use chancery_ids::ApprovalId;
use serde::Serialize;
use serde_json::Value;

use super::sanitise::{self, Notice};

/// The one type of tool that hosted agents call so far.
const FUNCTION: &str = "function";

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Members<'e> {
    Lifecycle {
        status: LifecycleStatus,
        reason: Option<&'e str>,
    },
    AgentUpdated {
        from_agent: &'e str,
        to_agent: &'e str,
        handoff_index: u32,
    },
    Item {
        #[serde(flatten)]
        place: &'e ItemPlace,
        item_type: ItemType,
        role: Option<&'static str>,
        status: ItemStatus,
    },
    Delta {
        #[serde(flatten)]
        place: &'e ItemPlace,
        content_index: u32,
        delta: &'e str,
    },
    Refusal {
        #[serde(flatten)]
        place: &'e ItemPlace,
        refusal_text: &'e str,
    },
    ToolArguments {
        #[serde(flatten)]
        place: &'e ItemPlace,
        tool_call_id: &'e str,
        tool_type: &'static str,
        tool_name: &'e str,
        arguments_text: String,
        arguments_json: Option<Value>,
    },
    ToolStatus {
        #[serde(flatten)]
        place: &'e ItemPlace,
        tool: ToolState<'e>,
    },
    ToolOutput {
        #[serde(flatten)]
        place: &'e ItemPlace,
        tool_call_id: &'e str,
        tool_type: &'static str,
        output: String,
    },
    Approval {
        #[serde(flatten)]
        place: &'e ItemPlace,
        tool_call_id: &'e str,
        tool_name: &'e str,
        server_label: (),
        approval_request_id: ApprovalId,
        approved: Option<bool>,
        reason: Option<&'e str>,
    },
    Error {
        error: ErrorMembers<'e>,
    },
    Final {
        r#final: FinalMembers<'e>,
    },
}

#[derive(Serialize)]
pub(super) struct ToolState<'e> {
    tool_type: &'static str,
    tool_call_id: &'e str,
    status: ToolCallStatus,
    name: &'e str,
    /// Arguments and output have events of their own.
    arguments_text: (),
    arguments_json: (),
    output: (),
}

#[derive(Serialize)]
pub(super) struct ErrorMembers<'e> {
    code: &'e str,
    message: &'e str,
    source: ErrorSource,
    is_retryable: bool,
}

#[derive(Serialize)]
pub(super) struct FinalMembers<'e> {
    status: FinalStatus,
    response_text: &'e str,
    structured_output: (),
    reasoning_summary_text: (),
    refusal_text: Option<&'e str>,
    attachments: [(); 0],
    usage: UsageMembers,
}

/// What a run used, as clients read it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct UsageMembers {
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    cached_input_tokens: u64,
    reasoning_output_tokens: u64,
    requests: u64,
}

impl From<Usage> for UsageMembers {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
            cached_input_tokens: usage.cached_input_tokens,
            reasoning_output_tokens: usage.reasoning_output_tokens,
            requests: usage.requests,
        }
    }
}

impl<'e> Members<'e> {
    /// The `kind` and the members of an event; whatever was taken out of it is added to `notices`.
    pub(super) fn of(what: &'e What, notices: &mut Vec<Notice>) -> (&'static str, Self) {
        match what {
            What::Lifecycle { status, reason } => (
                "lifecycle",
                Self::Lifecycle {
                    status: *status,
                    reason: reason.as_deref(),
                },
            ),
            What::AgentUpdated { from, to, index } => (
                "agent.updated",
                Self::AgentUpdated {
                    from_agent: from,
                    to_agent: to,
                    handoff_index: *index,
                },
            ),
            What::ItemAdded(item) => ("output_item.added", Self::item(item)),
            What::ItemDone(item) => ("output_item.done", Self::item(item)),
            What::MessageDelta { item, delta } => ("message.delta", Self::delta(item, delta)),
            What::RefusalDelta { item, delta } => ("refusal.delta", Self::delta(item, delta)),
            What::RefusalDone { item, text } => (
                "refusal.done",
                Self::Refusal {
                    place: item,
                    refusal_text: text,
                },
            ),
            What::ToolArguments {
                item,
                call_id,
                name,
                arguments,
            } => (
                "tool.arguments.done",
                Self::arguments(item, call_id, name, arguments, notices),
            ),
            What::ToolStatus {
                item,
                call_id,
                name,
                status,
            } => ("tool.status", Self::status(item, call_id, name, *status)),
            What::ToolOutput {
                item,
                call_id,
                output,
            } => {
                let output = sanitise::output(output, notices);
                let members = Self::ToolOutput {
                    place: item,
                    tool_call_id: call_id,
                    tool_type: FUNCTION,
                    output,
                };
                ("tool.output", members)
            }
            What::ToolApproval {
                item,
                call_id,
                name,
                approval,
                approved,
                reason,
            } => {
                let members = Self::Approval {
                    place: item,
                    tool_call_id: call_id,
                    tool_name: name,
                    server_label: (),
                    approval_request_id: *approval,
                    approved: *approved,
                    reason: reason.as_deref(),
                };
                ("tool.approval", members)
            }
            What::Guardrail(tripped) => ("lifecycle", Self::guardrail(*tripped, notices)),
            What::Error {
                code,
                message,
                source,
                is_retryable,
            } => {
                let error = ErrorMembers {
                    code,
                    message,
                    source: *source,
                    is_retryable: *is_retryable,
                };
                ("error", Self::Error { error })
            }
            What::Final {
                status,
                response_text,
                refusal_text,
                usage,
            } => (
                "final",
                Self::ended(*status, response_text, refusal_text.as_deref(), *usage),
            ),
        }
    }

    fn ended(
        status: FinalStatus,
        response_text: &'e str,
        refusal_text: Option<&'e str>,
        usage: Usage,
    ) -> Self {
        let r#final = FinalMembers {
            status,
            response_text,
            structured_output: (),
            reasoning_summary_text: (),
            refusal_text,
            attachments: [],
            usage: usage.into(),
        };
        Self::Final { r#final }
    }

    /// The contract has no kind for it: the run goes on, for a reason, and a notice tells what was done to it.
    fn guardrail(tripped: Tripped, notices: &mut Vec<Notice>) -> Self {
        notices.push(Notice::of_guardrail(tripped));
        let reason = match tripped.action {
            Action::Block => "guardrail_blocked",
            Action::Redact => "guardrail_redacted",
        };
        Self::Lifecycle {
            status: LifecycleStatus::InProgress,
            reason: Some(reason),
        }
    }

    fn item(item: &'e Item) -> Self {
        Self::Item {
            place: &item.place,
            item_type: item.item_type,
            role: match item.item_type {
                ItemType::Message => Some("assistant"),
                ItemType::FunctionCall => None,
            },
            status: item.status,
        }
    }

    fn delta(place: &'e ItemPlace, delta: &'e str) -> Self {
        // Every message is one part.
        Self::Delta {
            place,
            content_index: 0,
            delta,
        }
    }

    fn arguments(
        place: &'e ItemPlace,
        tool_call_id: &'e str,
        tool_name: &'e str,
        written: &str,
        notices: &mut Vec<Notice>,
    ) -> Self {
        let (arguments_text, arguments_json) = sanitise::arguments(written, notices);
        Self::ToolArguments {
            place,
            tool_call_id,
            tool_type: FUNCTION,
            tool_name,
            arguments_text,
            arguments_json,
        }
    }

    fn status(place: &'e ItemPlace, tool_call_id: &'e str, name: &'e str, status: ToolCallStatus) -> Self {
        let tool = ToolState {
            tool_type: FUNCTION,
            tool_call_id,
            status,
            name,
            arguments_text: (),
            arguments_json: (),
            output: (),
        };
        Self::ToolStatus { place, tool }
    }
}
