//! An announced change.

use std::{fmt, str::FromStr};

use chancery_ambient::{Ambient, Timestamp};
use chancery_ids::{EventId, TenantId};
use serde_json::{Map, Value};

/// A change that has been made, announced to whoever follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Consumers are idempotent by it.
    pub id: EventId,
    /// Whose change it is.
    pub tenant: TenantId,
    /// What happened.
    pub kind: EventKind,
    /// What it happened to, by id.
    pub subject: String,
    /// When.
    pub at: Timestamp,
    /// Ids and small facts; no secrets, no content.
    pub payload: Map<String, Value>,
}

impl Event {
    /// An event of this moment with an empty payload.
    #[must_use]
    pub fn new(ambient: &Ambient, tenant: TenantId, kind: EventKind, subject: impl Into<String>) -> Self {
        Self {
            id: ambient.new_id(),
            tenant,
            kind,
            subject: subject.into(),
            at: ambient.now(),
            payload: Map::new(),
        }
    }

    /// The same event with one more fact in its payload.
    #[must_use]
    pub fn with(mut self, name: &str, fact: impl Into<Value>) -> Self {
        self.payload.insert(name.to_owned(), fact.into());
        self
    }
}

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What can happen. The names are stable: they are stored and sent.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind { $($(#[$doc])* $kind,)* }

        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The stable name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

event_kinds! {
    /// A tenant came to be.
    TenantCreated = "tenant.created",
    /// A person came to be.
    UserCreated = "user.created",
    /// Somebody logged in.
    SessionStarted = "auth.session_started",
    /// Somebody logged out.
    SessionEnded = "auth.session_ended",
    /// A refresh token was used again after its successor: the family was ended.
    RefreshReused = "auth.refresh_reused",
    /// A stored refresh token does not match its check value: nothing was issued.
    RefreshCorrupt = "auth.refresh_corrupt",
    /// Tokens were revoked: one, a session's, a subject's, a tenant's or a key's.
    TokensRevoked = "auth.tokens_revoked",
    /// A service account got a long-lived token.
    ServiceTokenIssued = "auth.service_token_issued",
    /// Somebody wants another password, and is mailed a link.
    PasswordResetAsked = "auth.password_reset_asked",
    /// A password was changed; every session of the person ended.
    PasswordChanged = "auth.password_changed",
    /// An address was proved.
    EmailVerified = "auth.email_verified",
    /// An operator closed a person's account.
    UserDisabled = "user.disabled",
    /// An operator opened it again.
    UserEnabled = "user.enabled",
    /// An operator changed the keys that tokens are signed with.
    SigningKeysChanged = "platform.signing_keys_changed",
    /// Somebody was made an operator of the platform.
    OperatorMade = "platform.operator_made",
    /// Somebody is an operator no more.
    OperatorUnmade = "platform.operator_unmade",
    /// An operator of the platform is about to read in the tenant.
    TenantAccessOverride = "tenant.access.override",
    /// An operator stopped a tenant.
    TenantSuspended = "tenant.suspended",
    /// An operator let it go on.
    TenantReactivated = "tenant.reactivated",
    /// Somebody was invited into the tenant.
    MemberInvited = "tenant.member_invited",
    /// An invitation was taken back.
    InvitationWithdrawn = "tenant.invitation_withdrawn",
    /// Somebody accepted an invitation.
    MemberJoined = "tenant.member_joined",
    /// A member has another role.
    MemberRoleChanged = "tenant.member_role_changed",
    /// A member was removed.
    MemberRemoved = "tenant.member_removed",
    /// An app was registered.
    AppRegistered = "app.registered",
    /// An app got another secret, or other keys.
    AppCredentialsChanged = "app.credentials_changed",
    /// An app was removed.
    AppRemoved = "app.removed",
    /// A conversation was deleted with its messages.
    ConversationDeleted = "conversation.deleted",
    /// The messages of a conversation were deleted from one on.
    ConversationTruncated = "conversation.truncated",
    /// A run ended with an answer.
    RunCompleted = "run.completed",
    /// A run ended without one.
    RunFailed = "run.failed",
    /// A run was stopped by its owner.
    RunCancelled = "run.cancelled",
    /// A model was asked what the conversation of an answered run is called.
    TitleAsked = "run.title_asked",
    /// A run waits until a person has agreed to a call of a tool.
    RunPaused = "run.awaiting_approval",
    /// A person allowed a call of a tool, or refused it.
    ApprovalSettled = "run.approval_settled",
    /// A hosted agent asked for a tool it may not use.
    ToolRefused = "tool.refused",
    /// A guardrail of a hosted agent blocked or redacted something.
    GuardrailTripped = "run.guardrail_tripped",
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No event kind has this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEventKind(pub String);

impl fmt::Display for UnknownEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no event kind is called {}", self.0)
    }
}

impl std::error::Error for UnknownEventKind {}

impl FromStr for EventKind {
    type Err = UnknownEventKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| UnknownEventKind(name.to_owned()))
    }
}
