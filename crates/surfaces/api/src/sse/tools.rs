//! What the events of a tool's call hold beside the envelope.

use chancery_agents::{ItemPlace, ToolCallStatus};
use chancery_ids::ApprovalId;
use chancery_tools::ToolKind;
use serde::Serialize;
use serde_json::Value;

use super::sanitise::{self, Notice};

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ToolMembers<'e> {
    Arguments {
        #[serde(flatten)]
        place: &'e ItemPlace,
        tool_call_id: &'e str,
        tool_type: &'static str,
        tool_name: &'e str,
        arguments_text: String,
        arguments_json: Option<Value>,
    },
    Status {
        #[serde(flatten)]
        place: &'e ItemPlace,
        tool: ToolState<'e>,
    },
    Output {
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
        server_label: Option<&'e str>,
        approval_request_id: ApprovalId,
        approved: Option<bool>,
        reason: Option<&'e str>,
    },
}

#[derive(Serialize)]
pub(super) struct ToolState<'e> {
    tool_type: &'static str,
    tool_call_id: &'e str,
    status: ToolCallStatus,
    #[serde(flatten)]
    of_kind: ToolOfKind<'e>,
}

/// What each type of tool is told by. Arguments and output have events of their own.
#[derive(Serialize)]
#[serde(untagged)]
enum ToolOfKind<'e> {
    Function {
        name: &'e str,
        arguments_text: (),
        arguments_json: (),
        output: (),
    },
    Mcp {
        server_label: &'e str,
        tool_name: &'e str,
        arguments_text: (),
        arguments_json: (),
        output: (),
    },
    Agent {
        name: &'e str,
        agent: &'e str,
    },
}

impl<'e> ToolMembers<'e> {
    pub(super) fn arguments(
        place: &'e ItemPlace,
        tool_call_id: &'e str,
        tool_name: &'e str,
        tool: &ToolKind,
        written: &str,
        notices: &mut Vec<Notice>,
    ) -> Self {
        let (arguments_text, arguments_json) = sanitise::arguments(written, notices);
        Self::Arguments {
            place,
            tool_call_id,
            tool_type: type_of(tool),
            tool_name,
            arguments_text,
            arguments_json,
        }
    }

    pub(super) fn status(
        place: &'e ItemPlace,
        tool_call_id: &'e str,
        name: &'e str,
        tool: &'e ToolKind,
        status: ToolCallStatus,
    ) -> Self {
        let of_kind = match tool {
            ToolKind::Function => ToolOfKind::Function {
                name,
                arguments_text: (),
                arguments_json: (),
                output: (),
            },
            ToolKind::Mcp { server_label } => ToolOfKind::Mcp {
                server_label,
                tool_name: name,
                arguments_text: (),
                arguments_json: (),
                output: (),
            },
            ToolKind::Agent { agent } => ToolOfKind::Agent { name, agent },
        };
        let tool = ToolState {
            tool_type: type_of(tool),
            tool_call_id,
            status,
            of_kind,
        };
        Self::Status { place, tool }
    }

    pub(super) fn output(
        place: &'e ItemPlace,
        tool_call_id: &'e str,
        tool: &ToolKind,
        output: &str,
        notices: &mut Vec<Notice>,
    ) -> Self {
        Self::Output {
            place,
            tool_call_id,
            tool_type: type_of(tool),
            output: sanitise::output(output, notices),
        }
    }

    pub(super) fn approval(
        place: &'e ItemPlace,
        tool_call_id: &'e str,
        tool_name: &'e str,
        tool: &'e ToolKind,
        (approval, approved, reason): (ApprovalId, Option<bool>, Option<&'e str>),
    ) -> Self {
        Self::Approval {
            place,
            tool_call_id,
            tool_name,
            server_label: match tool {
                ToolKind::Mcp { server_label } => Some(server_label),
                ToolKind::Function | ToolKind::Agent { .. } => None,
            },
            approval_request_id: approval,
            approved,
            reason,
        }
    }
}

const fn type_of(tool: &ToolKind) -> &'static str {
    match tool {
        ToolKind::Function => "function",
        ToolKind::Mcp { .. } => "mcp",
        ToolKind::Agent { .. } => "agent",
    }
}
