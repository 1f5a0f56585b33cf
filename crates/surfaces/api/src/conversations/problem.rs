//! What the conversation service refuses, as statuses and codes.

use actix_web::http::StatusCode;
use chancery_conversations::{ConversationsError, QueryError, SearchQuery, Title, TitleError};
use serde_json::json;

use crate::problem::{Failure, Violation, Violations, sentence};

impl From<ConversationsError> for Failure {
    fn from(error: ConversationsError) -> Self {
        match error {
            ConversationsError::Denied(denied) => denied.into(),
            ConversationsError::Cursor(refused) => Self::coded(
                StatusCode::BAD_REQUEST,
                "invalid_cursor",
                sentence(&refused.to_string()),
            ),
            ConversationsError::Query(refused) => Violations::from(bad_query(refused)).into(),
            ConversationsError::Title(refused) => Violations::from(bad_title(refused)).into(),
            ConversationsError::NotThePersons => Self::coded(
                StatusCode::CONFLICT,
                "message_not_deletable",
                "Only a message of the person can be deleted. What answers it goes with it.",
            ),
            ConversationsError::RunIsLive => Self::coded(
                StatusCode::CONFLICT,
                "run_in_progress",
                "A run of this conversation is going on. Cancel it first.",
            ),
            ConversationsError::Fault(fault) => fault.into(),
        }
    }
}

fn bad_query(refused: QueryError) -> Violation {
    let msg = sentence(&refused.to_string());
    match refused {
        QueryError::Empty => Violation::new("query", "string_too_short", msg)
            .at("q")
            .ctx(json!({"min_length": 1})),
        QueryError::TooLong => Violation::new("query", "string_too_long", msg)
            .at("q")
            .ctx(json!({"max_length": SearchQuery::MAX_CHARS})),
    }
}

fn bad_title(refused: TitleError) -> Violation {
    let msg = sentence(&refused.to_string());
    let violation = match refused {
        TitleError::Empty => Violation::new("body", "string_too_short", msg).ctx(json!({"min_length": 1})),
        TitleError::TooLong => {
            Violation::new("body", "string_too_long", msg).ctx(json!({"max_length": Title::MAX_CHARS}))
        }
        TitleError::ControlCharacter => Violation::new("body", "value_error", msg),
    };
    violation.at("display_name")
}

/// No such conversation, or somebody else's: there is no telling which.
pub(crate) fn absent() -> Failure {
    Failure::not_found("Conversation not found.")
}
