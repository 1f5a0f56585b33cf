//! `Idempotency-Key`: what a client calls its request, so that it may send it again.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::StatusCode};
use chancery_agents::IdempotencyKey;

use crate::problem::Failure;

const HEADER: &str = "idempotency-key";

/// The key that a request carries, if any.
pub(crate) struct SentKey(pub(crate) Option<IdempotencyKey>);

impl FromRequest for SentKey {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut sent = request.headers().get_all(HEADER);
        let key = match (sent.next(), sent.next()) {
            (None, _) => Ok(None),
            (Some(key), None) => IdempotencyKey::parse(key.as_bytes()).map(Some).map_err(|_| ()),
            (Some(_), Some(_)) => Err(()),
        };
        ready(key.map(Self).map_err(|()| {
            let most = IdempotencyKey::LONGEST;
            let message =
                format!("Idempotency-Key is sent once and has 1 to {most} visible ASCII characters.");
            Failure::new(StatusCode::BAD_REQUEST, message)
        }))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{FromRequest, dev::Payload, test::TestRequest};

    use super::SentKey;

    fn sent(keys: &[&str]) -> Result<Option<String>, ()> {
        let request = keys.iter().fold(TestRequest::post(), |request, key| {
            request.append_header(("Idempotency-Key", *key))
        });
        let read = SentKey::from_request(&request.to_http_request(), &mut Payload::None).into_inner();
        let key = read.map_err(|_| ())?.0;
        Ok(key.map(|key| key.as_str().to_owned()))
    }

    #[test]
    fn one_key_is_read_and_whatever_else_is_sent_is_refused() {
        assert_eq!(sent(&[]), Ok(None));
        assert_eq!(sent(&["abc"]), Ok(Some("abc".to_owned())));
        for wrong in [&[""][..], &["a b"], &["a", "a"]] {
            assert_eq!(sent(wrong), Err(()), "{wrong:?}");
        }
    }
}
