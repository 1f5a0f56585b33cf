//! Error answers that many routes share, for the API's description.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses,
    openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder},
};

type Responses = BTreeMap<String, RefOr<Response>>;

/// Of every route that asks who is calling and looks something up. Named first: what a route says of the same status itself
/// replaces it.
pub(crate) struct Private;

impl IntoResponses for Private {
    fn responses() -> Responses {
        problems([
            (400, "The request contradicts itself."),
            (401, "There is no access token, or it is not valid."),
            (403, "The token lacks the scope, or the caller is no person."),
            (500, "Something went wrong on our side."),
            (503, "Unavailable at the moment; see Retry-After."),
            (504, "No answer in time; trying again is safe. See Retry-After."),
        ])
    }
}

/// Of every route that takes a JSON body.
pub(crate) struct WithBody;

impl IntoResponses for WithBody {
    fn responses() -> Responses {
        problems([
            (400, "The body broke off, or the request contradicts itself."),
            (408, "The body did not arrive in time."),
            (413, "The body is larger than 1 MiB."),
            (415, "The body is not application/json."),
            (422, "The body is invalid; details is a list of Violation."),
        ])
    }
}

/// Of every route that names one thing.
pub(crate) struct Named;

impl IntoResponses for Named {
    fn responses() -> Responses {
        problems([(
            404,
            "There is no such thing, or it is somebody else's: the two look alike.",
        )])
    }
}

/// Of every route that refuses whoever asks too often.
pub(crate) struct Limited;

impl IntoResponses for Limited {
    fn responses() -> Responses {
        problems([(429, "Too many requests; see Retry-After.")])
    }
}

/// Of every list with a query string.
pub(crate) struct Listed;

impl IntoResponses for Listed {
    fn responses() -> Responses {
        problems([
            (400, "The cursor is not one that this list gave out."),
            (422, "The query is invalid; details is a list of Violation."),
        ])
    }
}

fn problems<const N: usize>(described: [(u16, &str); N]) -> Responses {
    let response = |description: &str| {
        let problem = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", problem)
            .build()
    };
    described
        .map(|(status, description)| (status.to_string(), response(description).into()))
        .into()
}
