use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::SigningKey;
use crate::{Algorithm, KeyError, KeyId, VerifyingKey};

/// RFC 8037 appendix A.1.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#;
/// RFC 7515 appendix A.3.1.
const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;

fn both() -> [SigningKey; 2] {
    [ED25519, P256].map(|jwk| SigningKey::from_private_jwk(jwk).unwrap())
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Proves that two keys are the same one without looking at their secrets.
fn assert_same(key: &SigningKey, other: &SigningKey) {
    assert_eq!(key.public_jwk(), other.public_jwk());
    let verifier = VerifyingKey::from(&key.public_jwk());
    assert_eq!(verifier.verify(b"m", &other.sign(b"m").unwrap()), Ok(()));
}

#[test]
fn a_key_survives_the_round_trip_through_jwk_and_pkcs8() {
    for key in both() {
        let jwk = key.to_private_jwk();
        assert_same(&key, &SigningKey::from_private_jwk(jwk.expose_secret()).unwrap());
        let der = key.to_pkcs8_v1_der();
        assert_same(&key, &SigningKey::from_pkcs8_der(der.expose_secret()).unwrap());
    }
}

#[test]
fn a_new_p256_key_signs_what_its_public_half_verifies() {
    let key = SigningKey::generate_p256().unwrap();
    let verifier = VerifyingKey::from(&key.public_jwk());
    let signature = key.sign(b"message").unwrap();
    assert_eq!(verifier.verify(b"message", &signature), Ok(()));
    assert!(verifier.verify(b"massage", &signature).is_err());
    assert_ne!(key.kid(), SigningKey::generate_p256().unwrap().kid());
}

#[test]
fn pkcs8_of_both_versions_is_read() {
    // RFC 8410 section 10.3: the same key without and with its public half (and an attribute).
    let version_1 = hex(
        "302e020100300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842",
    );
    let version_2 = hex(concat!(
        "3072020101300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842",
        "a01f301d060a2a864886f70d01090914310f0c0d437572646c6520436861697273",
        "81210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
    ));
    let key = SigningKey::from_pkcs8_der(&version_1).unwrap();
    assert_same(&key, &SigningKey::from_pkcs8_der(&version_2).unwrap());
    assert_eq!(key.to_pkcs8_v1_der().expose_secret(), version_1);

    // What ring writes today, and what it wrote before 0.17.
    let head = "020101300506032b657004220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
    let point = "0019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
    for document in [
        format!("3051{head}8121{point}"),
        format!("3053{head}a1230321{point}"),
    ] {
        assert_same(&key, &SigningKey::from_pkcs8_der(&hex(&document)).unwrap());
    }
}

#[test]
fn pkcs8_that_says_more_or_less_than_it_should_is_refused() {
    let algorithm = "300506032b6570";
    let key = "04220420d4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f44755842";
    let point = "81210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
    for document in [
        format!("3051020100{algorithm}{key}{point}"), // version 1 has no public half
        format!("302e020101{algorithm}{key}"),        // version 2 has to have one
        format!("302e020102{algorithm}{key}"),        // there is no version 3
        format!("302e020100{algorithm}{key}00"),      // something after the end
        format!("302f020100{algorithm}{key}00"),
        format!("3030020100300706032b65700500{key}"), // Ed25519 takes no parameters
        "302d020100300506032b65700421041fd4ee72dbf913584ad5b6d8f1f769f8ad3afe7c28cbf1d4fbe097a88f447558"
            .to_owned(),
        String::new(),
    ] {
        let refused = SigningKey::from_pkcs8_der(&hex(&document)).unwrap_err();
        assert_eq!(refused, KeyError::InvalidDer, "{document}");
    }
}

#[test]
fn halves_that_do_not_belong_together_are_refused() {
    for (jwk, secret, other) in [(ED25519, "nWGx", "nWGy"), (P256, "jpsQ", "jpsR")] {
        assert_eq!(
            SigningKey::from_private_jwk(&jwk.replace(secret, other)).unwrap_err(),
            KeyError::HalvesDiffer
        );
    }
    let mut der = both()[1].to_pkcs8_v1_der().expose_secret().to_vec();
    *der.last_mut().unwrap() ^= 1;
    assert_eq!(
        SigningKey::from_pkcs8_der(&der).unwrap_err(),
        KeyError::HalvesDiffer
    );
}

#[test]
fn a_public_jwk_is_no_private_key() {
    for key in both() {
        let json = serde_json::to_string(&key.public_jwk()).unwrap();
        assert_eq!(
            SigningKey::from_private_jwk(&json).unwrap_err(),
            KeyError::MissingMember("d")
        );
    }
}

#[test]
fn foreign_private_keys_are_refused_by_name() {
    let rsa = hex("3012020100300d06092a864886f70d0101010500");
    assert_eq!(
        SigningKey::from_pkcs8_der(&rsa).unwrap_err(),
        KeyError::UnsupportedKeyType("RSA".to_owned())
    );
    let p384 = hex("301a020100301006072a8648ce3d020106052b810400220403300100");
    assert_eq!(
        SigningKey::from_pkcs8_der(&p384).unwrap_err(),
        KeyError::UnsupportedKeyType("P-384".to_owned())
    );
}

#[test]
fn the_name_is_the_thumbprint_until_another_is_given() {
    let [key, _] = both();
    assert_eq!(key.kid().as_str(), key.public_jwk().thumbprint());
    let renamed = key.with_kid(KeyId::parse("ed25519-0123456789ab").unwrap());
    assert_eq!(
        renamed.public_jwk().kid().unwrap().as_str(),
        "ed25519-0123456789ab"
    );
    let reread = SigningKey::from_private_jwk(renamed.to_private_jwk().expose_secret()).unwrap();
    assert_eq!(reread.kid(), renamed.kid());
}

#[test]
fn the_published_algorithm_is_the_chosen_name() {
    let [ed25519, p256] = both();
    assert_eq!(ed25519.public_jwk().algorithm(), Some(Algorithm::EdDsa));
    let exact = ed25519.with_algorithm(Algorithm::Ed25519).unwrap();
    assert_eq!(exact.public_jwk().algorithm(), Some(Algorithm::Ed25519));
    assert!(p256.with_algorithm(Algorithm::EdDsa).is_err());
}

#[test]
fn debug_shows_no_secret() {
    for key in both() {
        let shown = format!("{key:?} {:?} {:?}", key.to_private_jwk(), key.to_pkcs8_v1_der());
        assert!(shown.contains(key.kid().as_str()));
        for secret in ["nWGx", "jpsQ", "157", "9d61"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_pkcs8_reader_panic(bytes: Vec<u8>) {
        let _ = SigningKey::from_pkcs8_der(&bytes);
    }

    #[test]
    fn a_damaged_document_is_refused_or_is_a_whole_other_key(place in 0..48_usize, flip in 1..=255_u8) {
        let [key, _] = both();
        let mut der = key.to_pkcs8_v1_der().expose_secret().to_vec();
        der[place] ^= flip;
        if let Ok(other) = SigningKey::from_pkcs8_der(&der) {
            prop_assert!(place >= 16);
            prop_assert_ne!(other.kid(), key.kid());
        }
    }

    #[test]
    fn every_seed_makes_a_key_that_signs_and_verifies(seed: [u8; 32], message: Vec<u8>) {
        let key = SigningKey::generate_ed25519(&seed).unwrap();
        let signature = key.sign(&message).unwrap();
        prop_assert_eq!(VerifyingKey::from(&key.public_jwk()).verify(&message, &signature), Ok(()));
    }
}
