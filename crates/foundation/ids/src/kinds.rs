//! Every id kind that more than one crate speaks of, on one screen.

use uuid::Uuid;

use crate::{Kind, TypedId};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $id:ident, $prefix:literal, $noun:literal;)*) => {$(
        #[doc = concat!("Marks ids of a ", $noun, ".")]
        pub enum $kind {}
        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
            const NOUN: &'static str = $noun;
        }
        $(#[$doc])*
        pub type $id = TypedId<$kind>;
    )*};
}

kinds! {
    /// A tenant: bare UUID.
    TenantKind, TenantId, "", "tenant";
    /// A person: bare UUID; `sub` in tokens is `user:<uuid>`.
    UserKind, UserId, "", "user";
    /// A login session, which is also a refresh family (`sid`): bare UUID.
    SessionKind, SessionId, "", "session";
    /// One token (`jti`, RFC 7519 section 4.1.7): bare UUID.
    TokenKind, TokenId, "", "token";
    /// One entry of the set of revocations: bare UUID, inside the server alone.
    RevocationKind, RevocationId, "", "revocation";
    /// A conversation's row. The wire speaks of it by its `ConversationKey`.
    ConversationKind, ConversationId, "conv_", "conversation";
    /// One message of a conversation.
    MessageKind, MessageId, "msg_", "message";
    /// One run of a hosted agent.
    RunKind, RunId, "run_", "run";
    /// One call of a tool that a person is asked about.
    ApprovalKind, ApprovalId, "appr_", "approval";
    /// One process over a shared database: bare UUID, inside the servers alone.
    ReplicaKind, ReplicaId, "", "replica";
    /// One announced event of the outbox.
    EventKind, EventId, "evt_", "event";
}

impl TenantId {
    /// The tenant of what belongs to none: global service accounts, and what operators do for the whole server. No row has
    /// this id, so whoever acts for it finds nothing of any tenant. On the wire it is absent.
    pub const PLATFORM: Self = Self::from_uuid(Uuid::nil());

    /// The tenant, unless it is [`Self::PLATFORM`].
    #[must_use]
    pub fn named(self) -> Option<Self> {
        (self != Self::PLATFORM).then_some(self)
    }
}
