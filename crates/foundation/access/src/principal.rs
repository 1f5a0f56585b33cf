//! The caller of a service method.

use chancery_ids::{SessionId, TenantId, TokenId, UserId};

use crate::{Scope, Scopes, Subject, TenantRole};

/// Who is calling, for which tenant, with what authority. Built from a verified token; never from a header or a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant acted for. Every look-up is made inside it.
    pub tenant: TenantId,
    /// The caller.
    pub subject: Subject,
    /// The role, when the caller is a person.
    pub role: Option<TenantRole>,
    /// What the token allows.
    pub scopes: Scopes,
    /// The login session the token belongs to.
    pub session: Option<SessionId>,
    /// The token itself, for the record.
    pub token: TokenId,
    /// Who acts for the subject, the one that is calling first (RFC 8693 section 4.1); empty when the subject itself calls.
    pub actors: Vec<Subject>,
    /// How strongly the caller proved itself.
    pub proof: Proof,
}

/// How strongly a caller proved itself, weakest first. A route names the least it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// Nothing was shown.
    None,
    /// A puzzle was solved or paid for.
    Challenge,
    /// A registered agent's key signed.
    AgentKey,
    /// A secret, an assertion signed by the client's key, or a person's login.
    Full,
}

impl Principal {
    /// Refuses a caller without `scope`.
    pub fn require(&self, scope: Scope) -> Result<(), Denied> {
        if self.scopes.allows(scope.clone()) {
            Ok(())
        } else {
            Err(Denied::Scope(scope))
        }
    }

    /// Refuses a caller that acts for somebody else: what is asked for is the subject's own to do.
    pub fn require_own(&self) -> Result<(), Denied> {
        if self.actors.is_empty() {
            Ok(())
        } else {
            Err(Denied::Delegated)
        }
    }

    /// The person behind the call; service accounts and other machines are refused.
    pub fn require_person(&self) -> Result<UserId, Denied> {
        self.subject.person().ok_or(Denied::NotAPerson)
    }
}

/// The caller is known but may not do this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The token lacks this scope.
    #[error("the token lacks the scope {0}")]
    Scope(Scope),
    /// Nobody may do this for somebody else.
    #[error("this cannot be done on behalf of somebody else")]
    Delegated,
    /// Only people may do this.
    #[error("only a person may do this")]
    NotAPerson,
}
