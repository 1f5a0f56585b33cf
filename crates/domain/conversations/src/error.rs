//! Why a request about conversations was refused.

use chancery_access::Denied;
use chancery_ambient::Fault;
use chancery_ids::CursorError;

use crate::{DeleteRefused, QueryError, TitleError};

/// Why nothing was read, named or deleted. A conversation that is absent, or somebody else's, is not an error.
#[derive(Debug, thiserror::Error)]
pub enum ConversationsError {
    /// The caller may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The cursor is not one that this list gave out.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The text cannot be searched for.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The text is no title.
    #[error(transparent)]
    Title(#[from] TitleError),
    /// The message is an agent's: it goes with the message that it answers.
    #[error("only a message of the person can be deleted")]
    NotThePersons,
    /// A run of the conversation is live: cancel it before deleting.
    #[error("a run of this conversation is live")]
    RunIsLive,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<DeleteRefused> for ConversationsError {
    fn from(refused: DeleteRefused) -> Self {
        match refused {
            DeleteRefused::NotThePersons => Self::NotThePersons,
            DeleteRefused::RunIsLive => Self::RunIsLive,
            DeleteRefused::Fault(fault) => Self::Fault(fault),
        }
    }
}
