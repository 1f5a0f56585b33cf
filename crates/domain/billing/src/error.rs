//! Why usage was not shown.

use chancery_access::Denied;
use chancery_ambient::Fault;
use chancery_ids::CursorError;

/// Why usage was not shown.
#[derive(Debug, thiserror::Error)]
pub enum UsageRefused {
    /// The caller may not see it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The cursor is not one that this list gave out.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}
