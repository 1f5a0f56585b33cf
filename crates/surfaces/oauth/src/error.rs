//! Error answers as OAuth clients read them (RFC 6749 section 5.2), and what each refusal becomes.

use std::{borrow::Cow, collections::BTreeMap, fmt, time::Duration};

use actix_web::{
    HttpResponse, ResponseError,
    error::JsonPayloadError,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use chancery_access::Denied;
use chancery_accounts::{ProfileRefused, RefreshRefused};
use chancery_ambient::{Fault, cause_of};
use chancery_registry::{AppsRefused, ClientRefused, GrantRefused};
use chancery_tokens::{ExchangeRefused, HolderRefused, TokenRefused};
use serde::Serialize;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder},
};

/// A refused request.
#[derive(Debug)]
pub(crate) struct OAuthError {
    status: StatusCode,
    error: &'static str,
    description: Cow<'static, str>,
    retry_after: Option<Duration>,
}

/// The body of every error of `/oauth` (RFC 6749 section 5.2).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// The code.
    error: &'static str,
    /// For people.
    error_description: String,
}

/// Of every route that asks who is calling and looks something up, for the API's description.
pub(crate) struct ForBearers;

impl IntoResponses for ForBearers {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = BTreeMap::new();
        for (status, description) in [
            (403, "The caller may not"),
            (500, "Something went wrong on our side"),
            (503, "Unavailable at the moment; see Retry-After"),
            (504, "No answer in time; see Retry-After"),
        ] {
            let body = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name("ErrorBody")))
                .build();
            let response = ResponseBuilder::new()
                .description(description)
                .content("application/json", body)
                .build();
            responses.insert(status.to_string(), response.into());
        }
        let refused = ResponseBuilder::new().description("There is no access token, or it is not valid");
        responses.insert("401".to_owned(), refused.build().into());
        responses
    }
}

const RETRY_SOON: Duration = Duration::from_secs(2);

impl OAuthError {
    fn new(status: StatusCode, error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            error,
            description: description.into(),
            retry_after: None,
        }
    }

    fn bad(error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, description)
    }

    /// The request is missing something, or says it twice.
    pub(crate) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::bad("invalid_request", description)
    }

    /// A body that is too large, too slow or of another kind.
    pub(crate) fn unreadable(status: StatusCode, description: &'static str) -> Self {
        Self::new(status, "invalid_request", description)
    }

    /// Nobody proved to be a client.
    pub(crate) fn invalid_client(description: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", description)
    }

    /// There is no such grant here.
    pub(crate) fn unsupported_grant_type() -> Self {
        Self::bad("unsupported_grant_type", "This grant type is not supported.")
    }

    /// A scope that cannot be read.
    pub(crate) fn invalid_scope() -> Self {
        Self::bad("invalid_scope", "The scope is not one that can be granted.")
    }

    /// What a client says of itself does not hold (RFC 7591 section 3.2.2).
    pub(crate) fn invalid_client_metadata(description: impl Into<Cow<'static, str>>) -> Self {
        Self::bad("invalid_client_metadata", description)
    }

    fn unavailable(status: StatusCode) -> Self {
        Self {
            retry_after: Some(RETRY_SOON),
            ..Self::new(status, "temporarily_unavailable", "Unavailable at the moment.")
        }
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.description)
    }
}

impl ResponseError for OAuthError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::PRAGMA, "no-cache"));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"chancery\", charset=\"UTF-8\"");
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some(wait) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, wait.as_secs().max(1)));
        }
        response.json(ErrorBody {
            error: self.error,
            error_description: self.description.to_string(),
        })
    }
}

impl From<Fault> for OAuthError {
    fn from(fault: Fault) -> Self {
        let source = cause_of(&fault);
        match fault {
            Fault::Unavailable(_) => {
                tracing::warn!(source, "{fault}");
                Self::unavailable(StatusCode::SERVICE_UNAVAILABLE)
            }
            Fault::TimedOut(_) => {
                tracing::warn!(source, "{fault}");
                Self::unavailable(StatusCode::GATEWAY_TIMEOUT)
            }
            Fault::Corrupt(_) => {
                tracing::error!(source, "{fault}");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self::new(status, "server_error", "Something went wrong on our side.")
            }
        }
    }
}

impl From<ClientRefused> for OAuthError {
    fn from(refused: ClientRefused) -> Self {
        match refused {
            ClientRefused::Invalid(reason) => {
                tracing::info!(reason, "a client was refused");
                Self::invalid_client("The client is not known, or did not prove itself.")
            }
            ClientRefused::TenantSuspended => Self::bad("unauthorized_client", "This tenant is suspended."),
            ClientRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<GrantRefused> for OAuthError {
    fn from(refused: GrantRefused) -> Self {
        match refused {
            GrantRefused::Client(refused) => refused.into(),
            GrantRefused::Scope(Some(scope)) => Self::bad(
                "invalid_scope",
                format!("This client may not have the scope {scope}."),
            ),
            GrantRefused::Scope(None) => Self::invalid_scope(),
            GrantRefused::UnknownAudience => {
                Self::bad("invalid_target", "Tokens are not issued for this audience.")
            }
            GrantRefused::Exchange(refused) => refused.into(),
            GrantRefused::Holder(refused) => refused.into(),
            GrantRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<ExchangeRefused> for OAuthError {
    /// RFC 8693 section 2.2.2: tokens that are not taken make the request invalid.
    fn from(refused: ExchangeRefused) -> Self {
        match refused {
            ExchangeRefused::Subject(TokenRefused::Fault(fault))
            | ExchangeRefused::Actor(TokenRefused::Fault(fault))
            | ExchangeRefused::Fault(fault) => fault.into(),
            ExchangeRefused::Subject(_) => Self::invalid_request("The subject token is not valid."),
            ExchangeRefused::Actor(_) => Self::invalid_request("The actor token is not valid."),
            ExchangeRefused::NotTheClient => {
                Self::invalid_request("The actor token must be the client's own access token.")
            }
            ExchangeRefused::OtherTenant | ExchangeRefused::NotAllowed => {
                Self::invalid_request("The subject token does not name this client in may_act.")
            }
            ExchangeRefused::TooDeep => Self::invalid_request("Too many act for one another already."),
            ExchangeRefused::NoScope => Self::invalid_scope(),
            ExchangeRefused::UnknownAudience => {
                Self::bad("invalid_target", "Tokens are not issued for this audience.")
            }
        }
    }
}

impl From<HolderRefused> for OAuthError {
    fn from(refused: HolderRefused) -> Self {
        match refused {
            HolderRefused::NotTheClients => {
                Self::bad("unauthorized_client", "The token was issued to another client.")
            }
            HolderRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<RefreshRefused> for OAuthError {
    /// Whoever presents a token that is not taken learns no more than that.
    fn from(refused: RefreshRefused) -> Self {
        use chancery_tokens::RefreshRefused as Token;
        match refused {
            RefreshRefused::Token(Token::Fault(fault)) | RefreshRefused::Fault(fault) => fault.into(),
            RefreshRefused::NoScope => Self::invalid_scope(),
            RefreshRefused::Token(
                Token::Invalid | Token::Expired | Token::Ended | Token::WrongDevice | Token::Reused,
            )
            | RefreshRefused::OtherClient
            | RefreshRefused::OwnerGone
            | RefreshRefused::TenantSuspended => Self::bad(
                "invalid_grant",
                "The refresh token is invalid, expired, revoked, or was issued to another client.",
            ),
        }
    }
}

impl From<ProfileRefused> for OAuthError {
    fn from(refused: ProfileRefused) -> Self {
        match refused {
            ProfileRefused::Denied(denied) => denied.into(),
            ProfileRefused::Gone => Self::new(
                StatusCode::FORBIDDEN,
                "insufficient_scope",
                "The person is no member of the tenant any more.",
            ),
            ProfileRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<AppsRefused> for OAuthError {
    fn from(refused: AppsRefused) -> Self {
        match refused {
            AppsRefused::Denied(denied) => denied.into(),
            AppsRefused::Name(error) => Self::invalid_client_metadata(format!("client_name: {error}")),
            AppsRefused::Keys(error) => Self::invalid_client_metadata(format!("jwks: {error}")),
            AppsRefused::Scope(scope) => {
                Self::invalid_client_metadata(format!("scope: {scope} is not yours to give"))
            }
            AppsRefused::NoScope => Self::invalid_client_metadata("scope: at least one is needed"),
            AppsRefused::Absent => Self::new(
                StatusCode::NOT_FOUND,
                "invalid_client_id",
                "There is no such client.",
            ),
            AppsRefused::TooMany { most } => Self::new(
                StatusCode::CONFLICT,
                "too_many_clients",
                format!("A tenant has at most {most} clients."),
            ),
            AppsRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<JsonPayloadError> for OAuthError {
    fn from(error: JsonPayloadError) -> Self {
        match error.status_code() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::unreadable(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 64 KiB.")
            }
            _ if matches!(error, JsonPayloadError::ContentType) => Self::unreadable(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be application/json.",
            ),
            _ => Self::invalid_client_metadata("The body is not JSON of the expected form."),
        }
    }
}

impl From<Denied> for OAuthError {
    /// RFC 6750 section 3.1.
    fn from(denied: Denied) -> Self {
        let description = match denied {
            Denied::Scope(scope) => format!("The token lacks the scope {scope}."),
            Denied::NotAPerson => "Only a person may do this.".to_owned(),
            Denied::Delegated => "This cannot be done on behalf of somebody else.".to_owned(),
        };
        Self::new(StatusCode::FORBIDDEN, "insufficient_scope", description)
    }
}
