//! Signatures of the Transit engine.

use base64::{Engine, engine::general_purpose::STANDARD};
use chancery_ambient::Fault;
use chancery_vault::{Transit, TransitKey, VaultError};
use serde_json::json;

use super::{client, fresh_name, post, transit_key};

/// As Vault prints it.
async fn sign(key: &TransitKey, payload: &[u8]) -> String {
    let signed = post(
        &format!("transit/sign/{key}"),
        json!({ "input": STANDARD.encode(payload) }),
    )
    .await;
    signed["data"]["signature"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn genuine_signatures_pass_in_every_form_and_others_do_not() {
    let transit = Transit::new(client());
    let payload = br#"{"iss":"vault-transit","account":"analytics-batch"}"#;
    for kind in ["ed25519", "ecdsa-p256", "rsa-2048"] {
        let key = transit_key(kind).await;
        let signature = sign(&key, payload).await;
        let short = signature.strip_prefix("vault:").unwrap();
        let bare = short.strip_prefix("v1:").unwrap();
        for form in [&signature, short, bare] {
            assert!(
                transit.verify(&key, payload, form).await.unwrap(),
                "{kind} {form}"
            );
        }
        assert!(
            !transit
                .verify(&key, b"another payload", &signature)
                .await
                .unwrap()
        );
        let stranger = transit_key(kind).await;
        assert!(!transit.verify(&stranger, payload, &signature).await.unwrap());
        for forged in [
            "AAAA",
            "vault:v1:AAAA",
            "vault:v2:AAAA",
            "vault:v999999999:AAAA",
            "",
            "vault:v1:",
        ] {
            assert!(
                !transit.verify(&key, payload, forged).await.unwrap(),
                "{kind} {forged}"
            );
        }
    }
}

#[tokio::test]
async fn older_key_versions_count_until_they_are_disallowed() {
    let transit = Transit::new(client());
    let key = transit_key("ed25519").await;
    let old = sign(&key, b"payload").await;
    post(&format!("transit/keys/{key}/rotate"), json!({})).await;
    let new = sign(&key, b"payload").await;
    assert!(new.starts_with("vault:v2:"));
    assert!(transit.verify(&key, b"payload", &old).await.unwrap());
    assert!(transit.verify(&key, b"payload", &new).await.unwrap());
    // A bare signature is of version 1, even if it is not.
    let bare = new.strip_prefix("vault:v2:").unwrap();
    assert!(!transit.verify(&key, b"payload", bare).await.unwrap());

    post(
        &format!("transit/keys/{key}/config"),
        json!({ "min_decryption_version": 2 }),
    )
    .await;
    assert!(!transit.verify(&key, b"payload", &old).await.unwrap());
    assert!(transit.verify(&key, b"payload", &new).await.unwrap());
}

#[tokio::test]
async fn a_key_that_is_missing_or_cannot_sign_is_named() {
    let transit = Transit::new(client());
    let cipher = transit_key("aes256-gcm96").await;
    let missing = TransitKey::parse(&fresh_name()).unwrap();
    for key in [cipher, missing] {
        let expected = VaultError::NoSuchKey { key: key.to_string() };
        assert_eq!(transit.check(&key).await, Err(expected));
        let verdict = transit.verify(&key, b"payload", "vault:v1:AAAA").await;
        assert!(matches!(verdict, Err(Fault::Unavailable(_))), "{verdict:?}");
    }
    for kind in ["ed25519", "ecdsa-p256", "rsa-2048"] {
        transit.check(&transit_key(kind).await).await.unwrap();
    }
}
