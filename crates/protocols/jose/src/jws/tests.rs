use std::borrow::Cow;

use proptest::prelude::*;
use ring::hmac;

use super::{Header, MAX_BYTES, Unverified, sign};
use crate::{Algorithm, JwsError, KeyId, PublicJwk, SigningFailed, SigningKey, VerifyingKey, base64url};

fn ed25519() -> SigningKey {
    SigningKey::generate_ed25519(&[7; 32]).unwrap()
}

fn verifier(key: &SigningKey) -> VerifyingKey {
    VerifyingKey::from(&key.public_jwk())
}

fn header(algorithm: Algorithm) -> Header {
    Header {
        algorithm,
        kid: Some(KeyId::parse("k1").unwrap()),
        typ: Some(Cow::Borrowed("at+jwt")),
    }
}

/// A message with any header, rightly signed over it.
fn signed(header: &str, payload: &[u8], key: &SigningKey) -> String {
    let input = format!(
        "{}.{}",
        base64url::encode(header.as_bytes()),
        base64url::encode(payload)
    );
    let signature = key.sign(input.as_bytes()).unwrap();
    format!("{input}.{}", base64url::encode(&signature))
}

fn refusal(compact: &str) -> JwsError {
    Unverified::parse(compact)
        .and_then(|message| message.verify(&verifier(&ed25519())))
        .unwrap_err()
}

#[test]
fn rfc_8037_appendix_a_4_is_signed_and_verified() {
    let key = SigningKey::from_private_jwk(
        r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    )
    .unwrap();
    let expected = concat!(
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
    let bare = Header {
        algorithm: Algorithm::EdDsa,
        kid: None,
        typ: None,
    };
    assert_eq!(
        sign(&bare, b"Example of Ed25519 signing", &key).unwrap(),
        expected
    );
    let verified = Unverified::parse(expected).unwrap().verify(&verifier(&key));
    assert_eq!(verified.unwrap().payload(), b"Example of Ed25519 signing");
}

#[test]
fn rfc_7515_appendix_a_3_is_verified() {
    let key = PublicJwk::parse(
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    )
    .unwrap();
    let message = concat!(
        "eyJhbGciOiJFUzI1NiJ9.",
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    );
    let verified = Unverified::parse(message)
        .unwrap()
        .verify(&VerifyingKey::from(&key));
    assert!(verified.unwrap().payload().starts_with(br#"{"iss":"joe""#));
}

#[test]
fn a_message_is_read_as_it_was_signed_under_every_algorithm() {
    for (algorithm, key) in [
        (Algorithm::EdDsa, ed25519()),
        (Algorithm::Ed25519, ed25519()),
        (Algorithm::Es256, SigningKey::generate_p256().unwrap()),
    ] {
        let compact = sign(&header(algorithm), b"payload", &key).unwrap();
        let message = Unverified::parse(&compact).unwrap();
        assert_eq!(message.header(), &header(algorithm));
        assert_eq!(message.unverified_payload(), b"payload");
        let verified = message.verify(&verifier(&key)).unwrap();
        assert_eq!(verified.header(), &header(algorithm));
        assert_eq!(verified.payload(), b"payload");
    }
}

#[test]
fn members_are_written_in_the_order_alg_kid_typ() {
    let compact = sign(&header(Algorithm::EdDsa), b"", &ed25519()).unwrap();
    let expected = base64url::encode(br#"{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}"#);
    assert!(compact.starts_with(&format!("{expected}..")));
}

#[test]
fn an_algorithm_that_does_not_fit_the_key_neither_signs_nor_verifies() {
    let p256 = SigningKey::generate_p256().unwrap();
    assert_eq!(
        sign(&header(Algorithm::Es256), b"", &ed25519()),
        Err(SigningFailed::WrongAlgorithm)
    );
    assert_eq!(
        sign(&header(Algorithm::EdDsa), b"", &p256),
        Err(SigningFailed::WrongAlgorithm)
    );
    let claims_es256 = signed(r#"{"alg":"ES256"}"#, b"", &ed25519());
    assert_eq!(refusal(&claims_es256), JwsError::WrongAlgorithm);
    let claims_eddsa = signed(r#"{"alg":"EdDSA"}"#, b"", &p256);
    let refused = Unverified::parse(&claims_eddsa).unwrap().verify(&verifier(&p256));
    assert_eq!(refused, Err(JwsError::WrongAlgorithm));
}

#[test]
fn none_hmac_and_rsa_are_no_algorithms() {
    for name in [
        "none", "NONE", "HS256", "HS512", "RS256", "PS256", "ES384", "ES256K", "Ed448", "",
    ] {
        let message = signed(&format!(r#"{{"alg":"{name}"}}"#), b"{}", &ed25519());
        assert_eq!(refusal(&message), JwsError::UnsupportedAlgorithm, "{name}");
        let (unsigned, _) = message.rsplit_once('.').unwrap();
        assert!(Unverified::parse(&format!("{unsigned}.")).is_err(), "{name}");
    }
}

#[test]
fn the_public_key_is_no_hmac_secret() {
    let key = ed25519();
    let input = format!(
        "{}.{}",
        base64url::encode(br#"{"alg":"HS256"}"#),
        base64url::encode(b"{}")
    );
    let secret = serde_json::to_vec(&key.public_jwk()).unwrap();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
    assert!(Unverified::parse(&format!("{input}.{}", base64url::encode(mac.as_ref()))).is_err());
}

#[test]
fn a_message_that_brings_its_own_key_or_rules_is_refused() {
    for name in ["crit", "jku", "x5u", "jwk", "b64"] {
        for value in [
            "null",
            "[]",
            r#"["exp"]"#,
            "false",
            r#""https://example.com/keys""#,
        ] {
            let message = signed(
                &format!(r#"{{"alg":"EdDSA","{name}":{value}}}"#),
                b"{}",
                &ed25519(),
            );
            assert_eq!(refusal(&message), JwsError::RefusedMember(name));
        }
    }
}

#[test]
fn header_members_that_are_not_understood_are_ignored() {
    let message = signed(r#"{"alg":"EdDSA","cty":"x","n":{"deep":[1]}}"#, b"p", &ed25519());
    assert!(
        Unverified::parse(&message)
            .unwrap()
            .verify(&verifier(&ed25519()))
            .is_ok()
    );
}

#[test]
fn a_malformed_header_is_refused_however_well_it_is_signed() {
    for header in [
        "",
        "[]",
        r#""EdDSA""#,
        "{}",
        r#"{"alg":7}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
        r#"{"alg":"none","\u0061lg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","x":1,"x":1}"#,
        r#"{"alg":"EdDSA","kid":""}"#,
        r#"{"alg":"EdDSA","kid":5}"#,
        r#"{"alg":"EdDSA"} x"#,
    ] {
        assert_eq!(
            refusal(&signed(header, b"{}", &ed25519())),
            JwsError::Malformed,
            "{header}"
        );
    }
    let long_kid = format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, "k".repeat(256));
    assert_eq!(
        refusal(&signed(&long_kid, b"{}", &ed25519())),
        JwsError::Malformed
    );
}

#[test]
fn sizes_are_bounded() {
    let padded = |length: usize| {
        let pad = " ".repeat(length - r#"{"alg":"EdDSA"}"#.len());
        signed(&format!(r#"{{"alg":"EdDSA"{pad}}}"#), b"{}", &ed25519())
    };
    assert!(Unverified::parse(&padded(1024)).is_ok());
    assert!(Unverified::parse(&padded(1025)).is_err());
    assert_eq!(refusal(&padded(2000)), JwsError::TooLong);
    assert_eq!(refusal(&"a".repeat(MAX_BYTES + 1)), JwsError::TooLong);
    let long_payload = signed(r#"{"alg":"EdDSA"}"#, &[b'a'; 6000], &ed25519());
    assert!(Unverified::parse(&long_payload).is_ok());
}

#[test]
fn the_message_has_exactly_three_parts_of_strict_base64url() {
    let good = sign(&header(Algorithm::EdDsa), b"payload", &ed25519()).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let [head, payload, signature] = parts[..] else {
        panic!("three parts");
    };
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{head}.{payload}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{head}.{payload}.{signature}.{signature}"),
        format!("{head}=.{payload}.{signature}"),
        format!("{head}.{payload}==.{signature}"),
        format!("{head}.{payload}.{signature}=="),
        format!("{head}.{payload}.{}", &signature[..84]),
        format!("{head}.{payload}.{signature}AAAA"),
        format!("{head}.+{payload}.{signature}"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{head}.{payload}.é{signature}"),
    ] {
        assert_eq!(refusal(&bad), JwsError::Malformed, "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,300}") {
        let _ = Unverified::parse(&text);
    }

    #[test]
    fn three_parts_of_anything_make_the_parser_not_panic(header in ".{0,100}", payload: Vec<u8>, signature: Vec<u8>) {
        let text = format!("{}.{}.{}", base64url::encode(header.as_bytes()), base64url::encode(&payload), base64url::encode(&signature));
        let _ = Unverified::parse(&text);
    }

    #[test]
    fn every_payload_and_kid_survives_the_round_trip(payload in prop::collection::vec(any::<u8>(), 0..4000), kid in "[^\\p{Cc}]{1,60}") {
        let header = Header { kid: Some(KeyId::parse(kid).unwrap()), ..header(Algorithm::Ed25519) };
        let compact = sign(&header, &payload, &ed25519()).unwrap();
        let verified = Unverified::parse(&compact).unwrap().verify(&verifier(&ed25519())).unwrap();
        prop_assert_eq!(verified.header(), &header);
        prop_assert_eq!(verified.payload(), &payload[..]);
    }

    #[test]
    fn no_character_can_be_changed(place: prop::sample::Index, other in "[A-Za-z0-9_.-]") {
        let compact = sign(&header(Algorithm::EdDsa), br#"{"sub":"a"}"#, &ed25519()).unwrap();
        let place = place.index(compact.len());
        let mut altered = compact.clone();
        altered.replace_range(place..=place, &other);
        let accepted = Unverified::parse(&altered).and_then(|message| message.verify(&verifier(&ed25519()))).is_ok();
        prop_assert_eq!(accepted, altered == compact);
    }
}
