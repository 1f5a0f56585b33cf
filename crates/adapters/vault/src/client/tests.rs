//! One call, with a server that misbehaves.

use std::{net::TcpListener, sync::Arc};

use chancery_ambient::SystemClock;
use futures::join;
use serde_json::json;

use super::{DEADLINE, LARGEST_ANSWER};
use crate::{
    VaultError,
    fake::{FakeVault, Reply, TOKEN, client_at, still, until},
};

/// What the check says of a server that answers everything so.
async fn check(reply: impl Fn() -> Reply + Send + 'static) -> VaultError {
    let vault = FakeVault::start(move |_| reply()).await;
    vault
        .client(Arc::new(SystemClock::default()))
        .check()
        .await
        .unwrap_err()
}

#[tokio::test]
async fn silence_ends_after_two_seconds() {
    for said in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"] {
        let vault = FakeVault::start(|_| Reply::Silence(said)).await;
        let clock = still();
        let client = vault.client(clock.clone());
        let waiting = async {
            until(|| clock.sleepers() == 1 && vault.received().len() == 1).await;
            clock.advance(DEADLINE);
        };
        let (checked, ()) = join!(client.check(), waiting);
        assert_eq!(checked, Err(VaultError::TimedOut));
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_told_from_vaults() {
    let page = || Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>".to_vec());
    let error = check(page).await;
    assert!(matches!(error, VaultError::Malformed { .. }), "{error:?}");
    assert!(error.to_string().contains("VAULT_ADDR"), "{error}");
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"data\":";
    for garbage in [&b"no HTTP at all\r\n\r\n"[..], b"", half] {
        let error = check(|| Reply::Bytes(garbage.to_vec())).await;
        assert!(matches!(error, VaultError::BrokenOff { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let announced = || {
        let length = LARGEST_ANSWER + 1;
        Reply::Bytes(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes())
    };
    assert_eq!(check(announced).await, VaultError::TooLarge);
    let unannounced = || {
        let mut answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        answer.resize(answer.len() + LARGEST_ANSWER + 1, b' ');
        Reply::Bytes(answer)
    };
    assert_eq!(check(unannounced).await, VaultError::TooLarge);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = FakeVault::start(|_| Reply::Closed).await;
    let location = elsewhere.client(still()).url("sys/health");
    let redirect = format!("HTTP/1.1 307 X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    let vault = FakeVault::start(move |_| Reply::Bytes(redirect.clone().into_bytes())).await;
    let client = vault.client(Arc::new(SystemClock::default()));
    let refused = client.get("secret/data/a").await.unwrap().accepted();
    assert!(matches!(refused, Err(VaultError::Refused { status: 307, .. })));
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn a_server_that_repeats_the_token_does_not_bring_it_into_our_errors() {
    let vault = FakeVault::start(|request| {
        let shown = format!("your headers were {}", request.headers);
        Reply::Json(500, json!({ "errors": [shown, "and\na second\treason"] }))
    })
    .await;
    let client = vault.client(Arc::new(SystemClock::default()));
    let refused = client
        .get("secret/data/a")
        .await
        .unwrap()
        .accepted()
        .err()
        .unwrap();
    let shown = format!("{refused} {refused:?}");
    assert!(vault.received()[0].headers.contains(TOKEN), "it was sent");
    assert!(!shown.contains(TOKEN), "{shown}");
    assert!(shown.contains("status 500: and a second reason"), "{shown}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let client = client_at(free, Arc::new(SystemClock::default()));
    let error = client.check().await.unwrap_err();
    let VaultError::Unreachable { address, why } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*address, format!("http://127.0.0.1:{free}"));
    assert!(why.to_lowercase().contains("refused"), "{why}");
    assert!(!error.to_string().contains(TOKEN));
}

#[tokio::test]
async fn an_uninitialised_vault_is_told_from_a_sealed_one() {
    let fresh = check(|| Reply::Json(501, json!({ "initialized": false, "sealed": true }))).await;
    assert_eq!(fresh, VaultError::NotInitialised);
    let sealed = check(|| Reply::Json(503, json!({ "initialized": true, "sealed": true }))).await;
    assert_eq!(sealed, VaultError::Sealed);
}
