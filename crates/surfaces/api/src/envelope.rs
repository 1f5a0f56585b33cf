//! The envelope of the few answers that have one.

use serde::Serialize;
use utoipa::ToSchema;

/// A success, as the first version wrapped some of its answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SuccessResponse<T> {
    /// Always true.
    success: bool,
    /// For people.
    message: &'static str,
    data: T,
}

impl<T> SuccessResponse<T> {
    /// `data`, wrapped.
    pub(crate) const fn new(message: &'static str, data: T) -> Self {
        Self {
            success: true,
            message,
            data,
        }
    }
}
