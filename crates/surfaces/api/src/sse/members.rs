//! What each kind of event holds beside the envelope.

use chancery_agents::{
    Action, ErrorSource, FinalStatus, Item, ItemPlace, ItemStatus, ItemType, LifecycleStatus, Tripped, Usage,
    What,
};
use serde::Serialize;

use super::{sanitise::Notice, tools::ToolMembers};

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
    Tool(ToolMembers<'e>),
    Error {
        error: ErrorMembers<'e>,
    },
    Final {
        r#final: FinalMembers<'e>,
    },
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
                tool,
                arguments,
            } => {
                let members = ToolMembers::arguments(item, call_id, name, tool, arguments, notices);
                ("tool.arguments.done", Self::Tool(members))
            }
            What::ToolStatus {
                item,
                call_id,
                name,
                tool,
                status,
            } => {
                let members = ToolMembers::status(item, call_id, name, tool, *status);
                ("tool.status", Self::Tool(members))
            }
            What::ToolOutput {
                item,
                call_id,
                tool,
                output,
            } => {
                let members = ToolMembers::output(item, call_id, tool, output, notices);
                ("tool.output", Self::Tool(members))
            }
            What::ToolApproval {
                item,
                call_id,
                name,
                tool,
                approval,
                approved,
                reason,
            } => {
                let asked = (*approval, *approved, reason.as_deref());
                let members = ToolMembers::approval(item, call_id, name, tool, asked);
                ("tool.approval", Self::Tool(members))
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
}
