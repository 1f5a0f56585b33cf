//! Crowds before Transit, and a Transit that does not answer.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use chancery_ambient::{Fault, cause_of};
use futures::{StreamExt, join, stream::FuturesUnordered};
use serde_json::json;

use super::{CALLS, LONGEST_WAIT, Transit, WAITING};
use crate::{
    TransitKey,
    client::DEADLINE,
    fake::{FakeVault, Reply, still, until},
};

const SIGNATURE: &str = "vault:v1:c2ln";

fn key() -> TransitKey {
    TransitKey::parse("auth-service").unwrap()
}

fn yes() -> Reply {
    Reply::Json(200, json!({ "data": { "valid": true } }))
}

fn says(verdict: &Result<bool, Fault>, words: &str) -> bool {
    let fault = verdict.as_ref().unwrap_err();
    cause_of(fault).unwrap().contains(words)
}

#[tokio::test]
async fn what_is_sent_is_base64_and_the_signature_as_vault_prints_it() {
    let vault = FakeVault::start(|_| yes()).await;
    let transit = Transit::new(vault.client(still()));
    assert!(transit.verify(&key(), &[0xFB, 0xFF], "c2ln").await.unwrap());
    let received = vault.received();
    assert_eq!(received[0].line, "POST /v1/transit/verify/auth-service");
    assert_eq!(
        received[0].body,
        json!({ "input": "+/8=", "signature": SIGNATURE })
    );
    assert!(received[0].headers.contains("x-vault-request: true"));
}

#[tokio::test]
async fn what_is_no_signature_costs_no_call() {
    let vault = FakeVault::start(|_| yes()).await;
    let transit = Transit::new(vault.client(still()));
    assert!(!transit.verify(&key(), b"payload", "vault:v1:???").await.unwrap());
    assert!(vault.received().is_empty());
}

#[tokio::test]
async fn an_answer_without_a_verdict_is_no_verdict() {
    for (status, body) in [
        (200, json!({ "data": {} })),
        (200, json!({ "data": { "valid": "true" } })),
        (200, json!(true)),
        (400, json!({ "errors": ["something new"] })),
        (400, json!("?")),
        (500, json!({ "errors": ["invalid signature"] })),
    ] {
        let vault = FakeVault::start({
            let body = body.clone();
            move |_| Reply::Json(status, body.clone())
        })
        .await;
        let verdict = Transit::new(vault.client(still()))
            .verify(&key(), b"payload", SIGNATURE)
            .await;
        assert!(matches!(verdict, Err(Fault::Unavailable(_))), "{status} {body}");
    }
}

#[tokio::test]
async fn eight_are_asked_at_once_and_others_wait_for_a_second_at_most() {
    let vault = FakeVault::start(|_| Reply::Silence(b"")).await;
    let clock = still();
    let transit = Transit::new(vault.client(clock.clone()));
    let key = key();
    let verify = || transit.verify(&key, b"payload", SIGNATURE);
    let mut crowd: FuturesUnordered<_> = std::iter::repeat_with(verify).take(CALLS + WAITING).collect();
    assert!(futures::poll!(crowd.next()).is_pending());

    let one_too_many = verify().await;
    assert!(says(&one_too_many, "too many"), "{one_too_many:?}");

    let watching = async {
        until(|| vault.received().len() == CALLS && clock.sleepers() == CALLS + WAITING).await;
        clock.advance(LONGEST_WAIT);
        until(|| clock.sleepers() == CALLS).await;
        assert_eq!(vault.received().len(), CALLS);
        clock.advance(DEADLINE.saturating_sub(LONGEST_WAIT));
    };
    let (verdicts, ()) = join!(crowd.collect::<Vec<_>>(), watching);
    let (busy, asked) = verdicts.split_at(WAITING);
    assert!(busy.iter().all(|verdict| says(verdict, "too many")));
    assert!(
        asked
            .iter()
            .all(|verdict| matches!(verdict, Err(Fault::TimedOut(_))))
    );
    assert_eq!(asked.len(), CALLS);
}

#[tokio::test]
async fn a_vault_that_does_not_answer_is_left_alone_and_tried_again() {
    let is_well = Arc::new(AtomicBool::new(false));
    let vault = FakeVault::start({
        let is_well = is_well.clone();
        move |_| {
            if is_well.load(Ordering::SeqCst) {
                yes()
            } else {
                Reply::Closed
            }
        }
    })
    .await;
    let clock = still();
    let transit = Transit::new(vault.client(clock.clone()));
    let key = key();
    let verify = || transit.verify(&key, b"payload", SIGNATURE);

    for _ in 0..5 {
        assert!(says(&verify().await, "broke off"));
    }
    let asked = vault.received().len();
    let resting = verify().await;
    assert!(matches!(resting, Err(Fault::Unavailable(_))) && says(&resting, "left alone"));
    clock.advance(std::time::Duration::from_secs(5));
    assert!(says(&verify().await, "broke off"), "one looks");
    assert!(says(&verify().await, "left alone"));
    assert_eq!(vault.received().len(), asked + 1);

    is_well.store(true, Ordering::SeqCst);
    clock.advance(std::time::Duration::from_secs(5));
    for _ in 0..3 {
        assert!(verify().await.unwrap());
    }
}

#[tokio::test]
async fn refusals_are_answers_and_bring_no_rest() {
    let vault = FakeVault::start(|_| Reply::Json(403, json!({ "errors": ["permission denied"] }))).await;
    let transit = Transit::new(vault.client(still()));
    for _ in 0..8 {
        assert!(says(
            &transit.verify(&key(), b"payload", SIGNATURE).await,
            "refuses the token"
        ));
    }
    assert_eq!(vault.received().len(), 8);
}
