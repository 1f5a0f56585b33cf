//! A service that takes our tokens: `cargo run --example notes -- <issuer> <port>`, then `GET /whoami` with one.

use std::{error::Error, sync::Arc};

use actix_web::{App, HttpServer, web};
use chancery_actix_auth::{Bearer, BearerAuth, Unverified, Verdict, VerifyBearer};
use chancery_ambient::SystemClock;
use chancery_jwks_http::{RemoteKeys, RemoteVerifier, Unverifiable};
use chancery_token_verify::Verifier;
use futures::FutureExt;

struct Tokens(Arc<RemoteVerifier>);

impl VerifyBearer for Tokens {
    fn verify(&self, token: &str) -> Result<Verdict, Unverified> {
        let (tokens, token) = (self.0.clone(), token.to_owned());
        let caller = async move { Ok(tokens.verify_access(&token).await?.principal()?.into()) };
        let refused = |why: Unverifiable| match why {
            Unverifiable::Refused(refusal) => Unverified::Invalid {
                reason: refusal.reason(),
            },
            Unverifiable::NoKeys => Unverified::Unavailable,
        };
        Ok(Verdict::Asking(
            caller.map(move |known| known.map_err(refused)).boxed(),
        ))
    }
}

async fn whoami(caller: Bearer) -> String {
    caller.principal().subject.to_string()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (issuer, port) = arguments
        .next()
        .zip(arguments.next())
        .ok_or("usage: notes <issuer> <port>")?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "there is a TLS provider already")?;
    let clock = Arc::new(SystemClock::default());
    let keys = RemoteKeys::new(format!("{issuer}/.well-known/jwks.json").parse()?, clock.clone())?;
    let tokens = RemoteVerifier::new(Verifier::new(issuer, ["agent-api"]), keys, clock);
    let auth = web::Data::new(BearerAuth::new(Arc::new(Tokens(Arc::new(tokens))), "notes"));
    let app = move || {
        App::new()
            .app_data(auth.clone())
            .route("/whoami", web::get().to(whoami))
    };
    Ok(HttpServer::new(app)
        .bind(("127.0.0.1", port.parse()?))?
        .run()
        .await?)
}
