use chancery_ambient::Timestamp;
use serde_json::{Value, json};

use super::{Payload, PayloadRefused, decode};

const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(NOW).unwrap()
}

fn good() -> Value {
    json!({
        "iss": "vault-transit", "aud": ["auth-service"], "sub": "service-account-cli", "account": "billing-worker",
        "tenant_id": "018f3f66-5f0b-7cc0-8000-000000000001", "scopes": ["billing:read"], "nonce": "n-1",
        "iat": NOW, "exp": NOW + 300, "fingerprint": "machine-1",
    })
}

fn read(payload: &Value) -> Result<Payload, PayloadRefused> {
    Payload::read(payload.to_string().as_bytes(), "auth-service", now())
}

#[test]
fn a_good_payload_says_what_was_signed() {
    let payload = read(&good()).unwrap();
    assert_eq!(payload.account, "billing-worker");
    assert_eq!(payload.scopes.to_string(), "billing:read");
    assert_eq!(payload.fingerprint.as_deref(), Some("machine-1"));
    assert_eq!(
        payload.forget_at,
        Timestamp::from_unix_seconds(NOW + 360).unwrap()
    );
}

#[test]
fn each_member_is_needed_and_has_one_form() {
    for name in ["iss", "aud", "sub", "nonce", "iat", "exp", "account", "scopes"] {
        let mut payload = good();
        payload.as_object_mut().unwrap().remove(name);
        let refused = read(&payload).unwrap_err();
        assert_eq!(
            refused,
            PayloadRefused::NotValid(format!("Vault payload missing fields: {name}"))
        );
        for wrong in [json!(null), json!({}), json!(true)] {
            payload[name] = wrong;
            assert!(read(&payload).is_err(), "{payload}");
        }
    }
    for (name, wrong) in [
        ("iss", json!("vault")),
        ("sub", json!("somebody")),
        ("aud", json!(["elsewhere"])),
        ("aud", json!("auth-service")),
        ("scopes", json!(["billing"])),
        ("scopes", json!("billing:read")),
        ("tenant_id", json!("default")),
        ("tenant_id", json!(7)),
        ("nonce", json!("n".repeat(256))),
        ("iat", json!(1.8e9)),
        ("exp", json!("1800000300")),
    ] {
        let mut payload = good();
        payload[name] = wrong;
        assert!(
            matches!(read(&payload), Err(PayloadRefused::NotValid(_))),
            "{payload}"
        );
    }
}

#[test]
fn a_payload_counts_within_five_minutes_and_half_a_minute_of_skew() {
    for (issued, expires, counts) in [
        (0, 300, true),
        (30, 330, true),
        (31, 331, false),
        (0, 301, false),
        (-299, 1, true),
        (-300, 0, false),
        (-600, 600, false),
        (-330, -30, false),
        (0, 0, false),
        (i64::MIN + 1, 300, false),
        (0, i64::MAX, false),
    ] {
        let mut payload = good();
        payload["iat"] = json!(NOW.saturating_add(issued));
        payload["exp"] = json!(NOW.saturating_add(expires));
        assert_eq!(read(&payload).is_ok(), counts, "iat {issued}, exp {expires}");
    }
}

#[test]
fn what_cannot_be_read_is_malformed() {
    assert!(matches!(decode("n=t base64!"), Err(PayloadRefused::Malformed(_))));
    assert!(matches!(
        decode(&"A".repeat(4097)),
        Err(PayloadRefused::Malformed(_))
    ));
    assert_eq!(decode("eyJhIjoxfQ").unwrap(), decode("eyJhIjoxfQ==").unwrap());
    for text in ["", "{", "[]", "7", "\"text\""] {
        let refused = Payload::read(text.as_bytes(), "auth-service", now());
        assert!(matches!(refused, Err(PayloadRefused::Malformed(_))), "{text}");
    }
}
