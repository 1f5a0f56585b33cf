//! The extractor.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderMap},
    web::Data,
};
use chancery_access::Principal;
use futures::{
    FutureExt,
    future::{BoxFuture, Either},
};

use crate::{BearerRefused, Cause, Verdict, VerifyBearer};

/// The caller of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer(Arc<Principal>);

impl Bearer {
    /// Who is calling.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.0
    }

    /// Who is calling, to keep.
    #[must_use]
    pub fn into_principal(self) -> Arc<Principal> {
        self.0
    }
}

/// How a service finds out who is calling. Lives in its app data.
#[derive(Clone)]
pub struct BearerAuth {
    verifier: Arc<dyn VerifyBearer>,
    realm: &'static str,
}

impl BearerAuth {
    /// Authentication by `verifier`. Challenges name `realm`, which must hold neither quotes nor backslashes.
    #[must_use]
    pub fn new(verifier: Arc<dyn VerifyBearer>, realm: &'static str) -> Self {
        Self { verifier, realm }
    }

    /// Who sent these headers. The future borrows nothing, and is ready at once unless the verifier has to ask.
    pub fn authenticate(&self, headers: &HeaderMap) -> Authenticating {
        let realm = self.realm;
        let refused = move |cause| BearerRefused { cause, realm };
        match self.verdict(headers) {
            Ok(Verdict::Known(principal)) => Either::Left(ready(Ok(Bearer(principal)))),
            Ok(Verdict::Asking(answer)) => {
                let answered = answer.map(move |known| known.map(Bearer).map_err(|why| refused(why.into())));
                Either::Right(answered.boxed())
            }
            Err(cause) => Either::Left(ready(Err(refused(cause)))),
        }
    }

    fn verdict(&self, headers: &HeaderMap) -> Result<Verdict, Cause> {
        let mut credentials = headers.get_all(header::AUTHORIZATION);
        let Some(only) = credentials.next() else {
            return Err(Cause::Missing);
        };
        if credentials.next().is_some() {
            return Err(Cause::Several);
        }
        // Faster than a look at each character, of which a token has a thousand; what is no token is refused all the same.
        let text = str::from_utf8(only.as_bytes()).map_err(|_| Cause::WrongScheme)?;
        let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
        if !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(Cause::WrongScheme);
        }
        Ok(self.verifier.verify(token.trim_start_matches(' '))?)
    }
}

/// Ready at once, or waiting for a verifier that asks.
pub type Authenticating =
    Either<Ready<Result<Bearer, BearerRefused>>, BoxFuture<'static, Result<Bearer, BearerRefused>>>;

impl FromRequest for Bearer {
    type Error = BearerRefused;
    type Future = Authenticating;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        match request.app_data::<Data<BearerAuth>>() {
            Some(auth) => auth.authenticate(request.headers()),
            None => Either::Left(ready(Err(BearerRefused {
                cause: Cause::NotConfigured,
                realm: "",
            }))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::ready, sync::Arc};

    use actix_web::{
        App,
        http::{StatusCode, header},
        test::{TestRequest, call_service, init_service},
        web::{self, Data},
    };
    use chancery_access::{Principal, Proof, Scopes, Subject};
    use chancery_ambient::Ambient;
    use futures::FutureExt;

    use super::{Bearer, BearerAuth};
    use crate::{Unverified, Verdict, VerifyBearer};

    /// Knows one token, and is busy for another.
    struct OneToken;

    impl VerifyBearer for OneToken {
        fn verify(&self, token: &str) -> Result<Verdict, Unverified> {
            let ambient = Ambient::system();
            let slow = |answer| Ok(Verdict::Asking(ready(answer).boxed()));
            match token {
                "asked and gone" => slow(Err(Unverified::Unavailable)),
                "asked and revoked" => slow(Err(Unverified::Invalid { reason: "revoked" })),
                "good" => Ok(Verdict::Known(Arc::new(Principal {
                    tenant: ambient.new_id(),
                    subject: Subject::ServiceAccount("billing-worker".to_owned()),
                    role: None,
                    scopes: Scopes::default(),
                    session: None,
                    token: ambient.new_id(),
                    actors: Vec::new(),
                    proof: Proof::Full,
                }))),
                "busy" => Err(Unverified::Unavailable),
                _ => Err(Unverified::Invalid { reason: "malformed" }),
            }
        }
    }

    async fn answer(request: TestRequest) -> (StatusCode, Option<String>) {
        let auth = Data::new(BearerAuth::new(Arc::new(OneToken), "chancery"));
        let whoami = |caller: Bearer| async move { caller.into_principal().subject.to_string() };
        let service = init_service(App::new().app_data(auth).route("/", web::get().to(whoami))).await;
        let response = call_service(&service, request.to_request()).await;
        let challenge = response.headers().get(header::WWW_AUTHENTICATE);
        (
            response.status(),
            challenge.map(|value| value.to_str().unwrap().to_owned()),
        )
    }

    fn with(credentials: &str) -> TestRequest {
        TestRequest::get().insert_header((header::AUTHORIZATION, credentials))
    }

    #[actix_web::test]
    async fn a_good_token_names_its_caller_whatever_the_case_of_the_scheme() {
        assert_eq!(answer(with("Bearer good")).await, (StatusCode::OK, None));
        assert_eq!(answer(with("bEARER  good")).await, (StatusCode::OK, None));
    }

    #[actix_web::test]
    async fn without_a_token_the_challenge_names_no_error() {
        let challenge = Some("Bearer realm=\"chancery\"".to_owned());
        let unauthorized = (StatusCode::UNAUTHORIZED, challenge);
        assert_eq!(answer(TestRequest::get()).await, unauthorized);
        for credentials in ["Basic Z29vZDo=", "good", "Bearergood", ""] {
            assert_eq!(answer(with(credentials)).await, unauthorized, "{credentials}");
        }
    }

    #[actix_web::test]
    async fn a_token_that_proves_nothing_is_an_invalid_one() {
        let challenge = Some("Bearer realm=\"chancery\", error=\"invalid_token\"".to_owned());
        for credentials in ["Bearer bad", "Bearer", "Bearer ", "Bearer good good"] {
            assert_eq!(
                answer(with(credentials)).await,
                (StatusCode::UNAUTHORIZED, challenge.clone()),
                "{credentials}"
            );
        }
    }

    #[actix_web::test]
    async fn two_authorization_headers_are_refused_even_if_one_is_good() {
        let twice = with("Bearer good").append_header((header::AUTHORIZATION, "Bearer bad"));
        let (status, challenge) = answer(twice).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(challenge.unwrap().ends_with("error=\"invalid_request\""));
    }

    #[actix_web::test]
    async fn a_verifier_that_cannot_tell_is_no_verdict_about_the_token() {
        assert_eq!(
            answer(with("Bearer busy")).await,
            (StatusCode::SERVICE_UNAVAILABLE, None)
        );
    }

    #[actix_web::test]
    async fn a_verifier_that_has_to_ask_is_waited_for() {
        assert_eq!(
            answer(with("Bearer asked and gone")).await.0,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(
            answer(with("Bearer asked and revoked")).await.0,
            StatusCode::UNAUTHORIZED
        );
    }

    #[actix_web::test]
    async fn cookies_and_query_strings_are_not_looked_at() {
        let elsewhere = TestRequest::get()
            .uri("/?access_token=good")
            .insert_header((header::COOKIE, "access_token=good; Authorization=Bearer good"));
        assert_eq!(answer(elsewhere).await.0, StatusCode::UNAUTHORIZED);
    }

    #[actix_web::test]
    async fn a_service_that_was_not_told_how_to_verify_lets_nobody_in() {
        let whoami = |_: Bearer| async { "in" };
        let service = init_service(App::new().route("/", web::get().to(whoami))).await;
        let response = call_service(&service, with("Bearer good").to_request()).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
