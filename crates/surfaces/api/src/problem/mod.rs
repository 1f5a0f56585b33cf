//! The one error body of this surface: RFC 9457 with the members that published clients read besides. Only rendering is
//! here; which refusal becomes which status stands beside the routes that refuse.

mod edge;
mod failure;
mod responses;
mod validation;

pub use edge::{RouteMethods, internal, invalid_host, not_found_or_method, not_ready};
pub use failure::{Failure, Problem};
pub(crate) use failure::{RETRY_SOON, name_instance, sentence, whole_seconds};
pub(crate) use responses::{Limited, Listed, Named, Private, WithBody};
pub use validation::Violation;
pub(crate) use validation::{Violations, scalar_input};

#[cfg(test)]
mod tests;
