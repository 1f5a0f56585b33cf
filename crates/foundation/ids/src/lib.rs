#![doc = include_str!("../README.md")]

mod app_id;
mod conversation_key;
mod cursor;
mod kinds;
mod page;
mod typed_id;

pub use app_id::{AppId, AppIdError};
pub use conversation_key::{ConversationKey, ConversationKeyError};
pub use cursor::{Cursor, CursorError};
pub use kinds::{
    ApprovalId, ApprovalKind, ConversationId, ConversationKind, EventId, EventKind, MessageId, MessageKind,
    ReplicaId, ReplicaKind, RevocationId, RevocationKind, RunId, RunKind, SessionId, SessionKind, TenantId,
    TenantKind, TokenId, TokenKind, UserId, UserKind,
};
pub use page::{Limit, Page};
pub use typed_id::{IdError, Kind, TypedId};
