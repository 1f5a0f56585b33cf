use proptest::prelude::*;

use super::{FIELD_PRIME, PublicJwk, SMALL_ORDER};
use crate::{Algorithm, KeyError, KeyType, SigningKey, base64url, strict_json::StrictJsonError};

/// RFC 8037 appendix A.2.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// RFC 7515 appendix A.3.1.
const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

fn with(json: &str, members: &str) -> String {
    json.replacen('{', &format!("{{{members},"), 1)
}

fn ed25519_of(point: &[u8]) -> String {
    format!(
        r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#,
        base64url::encode(point)
    )
}

#[test]
fn keys_are_written_as_they_were_read() {
    for json in [
        ED25519.to_owned(),
        P256.to_owned(),
        ED25519.replace('}', r#","kid":"a","alg":"Ed25519","use":"sig"}"#),
        P256.replace('}', r#","kid":"b","alg":"ES256"}"#),
    ] {
        let key = PublicJwk::parse(&json).unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), json);
    }
}

#[test]
fn members_that_are_not_understood_are_ignored() {
    let key = PublicJwk::parse(&with(ED25519, r#""ext":true,"key_ops":["verify"],"x5c":["…"]"#));
    assert_eq!(key, PublicJwk::parse(ED25519));
}

#[test]
fn a_private_member_is_refused() {
    let json = with(ED25519, r#""d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#);
    assert_eq!(PublicJwk::parse(&json), Err(KeyError::PrivateMember));
}

#[test]
fn foreign_keys_are_refused_by_name() {
    for (json, name) in [
        (r#"{"kty":"RSA","n":"AQ","e":"AQAB"}"#, "RSA"),
        (r#"{"kty":"oct","k":"AQ"}"#, "oct"),
        (r#"{"kty":"EC","crv":"P-384","x":"","y":""}"#, "P-384"),
        (r#"{"kty":"OKP","crv":"X25519","x":""}"#, "X25519"),
    ] {
        let refused = PublicJwk::parse(json);
        assert_eq!(refused, Err(KeyError::UnsupportedKeyType(name.to_owned())));
    }
}

#[test]
fn a_key_for_another_use_is_refused() {
    for members in [r#""use":"enc""#, r#""key_ops":["deriveKey"]"#, r#""key_ops":[]"#] {
        let refused = PublicJwk::parse(&with(P256, members));
        assert_eq!(refused, Err(KeyError::NotForSignatures), "{members}");
    }
}

#[test]
fn an_algorithm_of_another_key_type_is_refused() {
    for (json, algorithm) in [
        (ED25519, "ES256"),
        (ED25519, "HS256"),
        (P256, "EdDSA"),
        (P256, "none"),
    ] {
        let refused = PublicJwk::parse(&with(json, &format!(r#""alg":"{algorithm}""#)));
        assert_eq!(refused, Err(KeyError::AlgorithmMismatch));
    }
    let key = PublicJwk::parse(P256).unwrap();
    assert_eq!(
        key.with_algorithm(Algorithm::EdDsa),
        Err(KeyError::AlgorithmMismatch)
    );
}

#[test]
fn missing_duplicate_and_malformed_members_are_refused() {
    let cases = [
        (r#"{"kty":"OKP"}"#.to_owned(), KeyError::MissingMember("crv")),
        (
            r#"{"kty":"OKP","crv":"Ed25519"}"#.to_owned(),
            KeyError::MissingMember("x"),
        ),
        (P256.replace("\"y\"", "\"z\""), KeyError::MissingMember("y")),
        (ed25519_of(&[7; 31]), KeyError::InvalidMember("x")),
        (ed25519_of(&[7; 33]), KeyError::InvalidMember("x")),
        (ED25519.replace("URo", "URo="), KeyError::InvalidMember("x")),
        // Another text for the same bytes: the last character has two unused bits.
        (ED25519.replace("URo", "URp"), KeyError::InvalidMember("x")),
        (with(ED25519, r#""kid":"""#), KeyError::InvalidMember("kid")),
        (
            with(ED25519, r#""kty":"OKP""#),
            KeyError::Json(StrictJsonError::DuplicateMember),
        ),
        (
            with(ED25519, r#""kid":7"#),
            KeyError::Json(StrictJsonError::Malformed),
        ),
        ("[]".to_owned(), KeyError::Json(StrictJsonError::Malformed)),
        (" ".repeat(9000), KeyError::TooLarge),
    ];
    for (json, why) in cases {
        assert_eq!(PublicJwk::parse(&json), Err(why), "{json}");
    }
}

#[test]
fn a_small_order_point_is_refused_under_either_sign() {
    for mut point in SMALL_ORDER {
        for sign in [0, 0x80] {
            point[31] = (point[31] & 0x7f) | sign;
            assert_eq!(PublicJwk::ed25519(&point), Err(KeyError::WeakPoint));
            assert_eq!(PublicJwk::parse(&ed25519_of(&point)), Err(KeyError::WeakPoint));
        }
    }
}

#[test]
fn a_point_in_another_than_its_canonical_form_is_refused() {
    for offset in 0..19 {
        let mut point = FIELD_PRIME;
        point[0] += offset;
        assert_eq!(PublicJwk::ed25519(&point), Err(KeyError::WeakPoint));
    }
}

#[test]
fn a_point_off_p256_is_refused() {
    let off_curve = P256.replace("f83OJ", "f83OK");
    assert_eq!(PublicJwk::parse(&off_curve), Err(KeyError::NotOnCurve));
    assert_eq!(
        PublicJwk::p256(&[0; 65]),
        Err(KeyError::InvalidMember("x")),
        "the point at infinity"
    );
    let mut origin = [0; 65];
    origin[0] = 4;
    assert_eq!(PublicJwk::p256(&origin), Err(KeyError::NotOnCurve));
    assert_eq!(PublicJwk::p256(&origin[..64]), Err(KeyError::InvalidMember("x")));
}

#[test]
fn the_thumbprint_is_that_of_rfc_8037_and_ignores_the_name() {
    let expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
    assert_eq!(PublicJwk::parse(ED25519).unwrap().thumbprint(), expected);
    let named = PublicJwk::parse(&with(ED25519, r#""kid":"other","use":"sig""#)).unwrap();
    assert_eq!(named.thumbprint(), expected);
}

#[test]
fn the_thumbprint_of_a_p256_key_is_that_of_its_canonical_form() {
    let canonical = r#"{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let expected =
        base64url::encode(ring::digest::digest(&ring::digest::SHA256, canonical.as_bytes()).as_ref());
    assert_eq!(PublicJwk::parse(P256).unwrap().thumbprint(), expected);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let _ = PublicJwk::parse(&text);
    }

    #[test]
    fn nearly_a_key_makes_the_parser_not_panic(
        kty in "OKP|EC|RSA|.{0,4}", crv in "Ed25519|P-256|.{0,4}", x in "[A-Za-z0-9_-]{0,50}", y in "[A-Za-z0-9_-]{43}",
        kid in ".{0,300}", alg in "EdDSA|ES256|.{0,4}",
    ) {
        let json = serde_json::json!({"kty": kty, "crv": crv, "x": x, "y": y, "kid": kid, "alg": alg}).to_string();
        if let Ok(key) = PublicJwk::parse(&json) {
            prop_assert_eq!(PublicJwk::parse(&serde_json::to_string(&key).unwrap()), Ok(key));
        }
    }

    #[test]
    fn every_ed25519_key_survives_the_round_trip(seed: [u8; 32]) {
        let key = SigningKey::generate_ed25519(&seed).unwrap().public_jwk();
        prop_assert_eq!(key.key_type(), KeyType::Ed25519);
        prop_assert_eq!(PublicJwk::parse(&serde_json::to_string(&key).unwrap()), Ok(key));
    }
}
