//! A token whose signature is remembered is judged again each time.

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, SystemEntropy};
use chancery_token_verify::{LEEWAY, Refusal};
use chancery_tokens::{
    Active, HELD_AFTER_EXPIRY, HeldEnd, RevocationOrder, RevocationSystemStore, Revoked, TokenRefused,
    contract::{Bench, MemoryFamilies},
};
use secrecy::{ExposeSecret, SecretString};

async fn bench() -> Bench {
    Bench::over(Arc::new(MemoryFamilies::default()), Ambient::system().new_id()).await
}

#[tokio::test]
async fn it_is_refused_when_its_time_is_over() {
    let bench = bench().await;
    let token = bench.log_in(None).await.access_token;
    let caller = bench.verify(&token).await.unwrap();
    assert_eq!(bench.verify(&token).await.unwrap(), caller);
    bench.clock.advance(Duration::from_mins(15) + LEEWAY);
    let refused = bench.verify(&token).await;
    assert!(matches!(refused, Err(TokenRefused::Invalid(Refusal::Expired))));
}

#[tokio::test]
async fn it_is_refused_when_it_is_revoked_by_whatever_mark() {
    for kind in 0..5 {
        let bench = bench().await;
        let pair = bench.log_in(None).await;
        let caller = bench.verify(&pair.access_token).await.unwrap();
        let target = match kind {
            0 => Revoked::Token(caller.token),
            1 => Revoked::Session(caller.session.unwrap()),
            2 => Revoked::Subject(caller.subject.clone(), 1),
            3 => Revoked::Key(pair.kid),
            _ => Revoked::Tenant(caller.tenant, 1),
        };
        let clock = bench.clock.clone();
        let order = RevocationOrder::new(&Ambient {
            clock,
            entropy: Arc::new(SystemEntropy),
        });
        bench
            .revocations
            .revoke(&[order.of(target.clone())], &[])
            .await
            .unwrap();
        let refused = bench.verify(&pair.access_token).await;
        assert!(
            matches!(refused, Err(TokenRefused::Revoked)),
            "{target:?}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn it_is_refused_when_its_key_is_gone() {
    let bench = bench().await;
    let pair = bench.log_in(None).await;
    bench.verify(&pair.access_token).await.unwrap();
    bench.keys.compromise(&pair.kid).await.unwrap();
    let refused = bench.verify(&pair.access_token).await;
    assert!(matches!(refused, Err(TokenRefused::Invalid(Refusal::UnknownKey))));
}

#[tokio::test]
async fn another_signature_under_the_same_claims_is_looked_at() {
    let bench = bench().await;
    let pair = bench.log_in(None).await;
    let other = bench.log_in(None).await;
    bench.verify(&pair.access_token).await.unwrap();
    let (claims, _) = pair.access_token.expose_secret().rsplit_once('.').unwrap();
    let (_, signature) = other.access_token.expose_secret().rsplit_once('.').unwrap();
    let mixed = SecretString::from(format!("{claims}.{signature}"));
    let refused = bench.verify(&mixed).await;
    assert!(
        matches!(refused, Err(TokenRefused::Invalid(Refusal::BadSignature))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn memory_alone_tells_of_access_tokens_while_it_knows_the_revocations() {
    let bench = bench().await;
    let pair = bench.log_in(None).await;
    let told = |token: &SecretString| bench.tokens.introspect_in_memory(token, bench.tenant);
    assert!(told(&pair.access_token).is_none(), "no revocation was read yet");

    let caller = bench.verify(&pair.access_token).await.unwrap();
    assert!(matches!(told(&pair.access_token), Some(Some(Active::Access(_)))));
    assert!(told(&pair.refresh_token).is_none(), "of these the store tells");
    assert!(matches!(told(&"no token".to_owned().into()), Some(None)));
    let elsewhere = Ambient::system().new_id();
    assert!(matches!(
        bench.tokens.introspect_in_memory(&pair.access_token, elsewhere),
        Some(None)
    ));

    let order = RevocationOrder::new(&Ambient::system()).of(Revoked::Token(caller.token));
    bench.revocations.revoke(&[order], &[]).await.unwrap();
    bench.tokens.revocations().read().await.unwrap();
    assert!(matches!(told(&pair.access_token), Some(None)));
}

#[tokio::test]
async fn what_is_held_ends_a_minute_after_its_expiry_and_at_once_when_it_is_revoked() {
    let bench = bench().await;
    let pair = bench.log_in(None).await;
    let caller = bench.verify(&pair.access_token).await.unwrap();
    let held = bench.tokens.hold(pair.access_token.expose_secret()).unwrap();
    let mut ends = Box::pin(bench.tokens.until_ended(&held));
    bench.clock.advance(Duration::from_mins(15));
    bench
        .clock
        .advance(HELD_AFTER_EXPIRY.saturating_sub(Duration::from_secs(1)));
    assert!(futures::poll!(&mut ends).is_pending());
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(ends.await, HeldEnd::Expired);

    let pair = bench.log_in(None).await;
    let other = bench.verify(&pair.access_token).await.unwrap();
    let held = bench.tokens.hold(pair.access_token.expose_secret()).unwrap();
    let mut ends = Box::pin(bench.tokens.until_ended(&held));
    for (token, ended) in [(caller.token, false), (other.token, true)] {
        assert!(futures::poll!(&mut ends).is_pending());
        let order = RevocationOrder::new(&Ambient::system()).of(Revoked::Token(token));
        bench.revocations.revoke(&[order], &[]).await.unwrap();
        bench.tokens.revocations().read().await.unwrap();
        assert_eq!(futures::poll!(&mut ends).is_ready(), ended);
    }
}
