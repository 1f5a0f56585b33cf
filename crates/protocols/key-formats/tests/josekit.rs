//! What josekit, on OpenSSL, signs, our verifier accepts, and the other way round.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are assertions too")]

use chancery_jose::{Algorithm, SigningKey, VerifyingKey, jws};
use chancery_key_formats::{read_private, read_public, write_private_pem, write_public_pem};
use josekit::{
    jwk::Jwk,
    jws::{ES256, EdDSA, JwsHeader, JwsSigner, JwsVerifier, deserialize_compact, serialize_compact},
};
use secrecy::ExposeSecret;

fn both_keys() -> [SigningKey; 2] {
    [
        SigningKey::generate_ed25519(&[3; 32]).unwrap(),
        SigningKey::generate_p256().unwrap(),
    ]
}

/// josekit's signers of one key: from PEM and from JWK.
fn signers(key: &SigningKey) -> [Box<dyn JwsSigner>; 2] {
    let pem = write_private_pem(key);
    let pem = pem.expose_secret();
    let jwk = Jwk::from_bytes(key.to_private_jwk().expose_secret().as_bytes()).unwrap();
    match key.algorithm() {
        Algorithm::EdDsa | Algorithm::Ed25519 => [
            Box::new(EdDSA.signer_from_pem(pem).unwrap()),
            Box::new(EdDSA.signer_from_jwk(&jwk).unwrap()),
        ],
        Algorithm::Es256 => [
            Box::new(ES256.signer_from_pem(pem).unwrap()),
            Box::new(ES256.signer_from_jwk(&jwk).unwrap()),
        ],
    }
}

/// josekit's verifiers of one key: from PEM and from JWK.
fn verifiers(key: &SigningKey) -> [Box<dyn JwsVerifier>; 2] {
    let pem = write_public_pem(&key.public_jwk());
    let jwk = Jwk::from_bytes(serde_json::to_vec(&key.public_jwk()).unwrap()).unwrap();
    match key.algorithm() {
        Algorithm::EdDsa | Algorithm::Ed25519 => [
            Box::new(EdDSA.verifier_from_pem(&pem).unwrap()),
            Box::new(EdDSA.verifier_from_jwk(&jwk).unwrap()),
        ],
        Algorithm::Es256 => [
            Box::new(ES256.verifier_from_pem(&pem).unwrap()),
            Box::new(ES256.verifier_from_jwk(&jwk).unwrap()),
        ],
    }
}

#[test]
fn what_josekit_signs_we_verify() {
    for key in both_keys() {
        let mut header = JwsHeader::new();
        header.set_token_type("at+jwt");
        for signer in signers(&key) {
            let token = serialize_compact(b"payload", &header, &*signer).unwrap();
            let message = jws::Unverified::parse(&token).unwrap();
            assert_eq!(message.header().algorithm, key.algorithm());
            assert_eq!(message.header().typ.as_deref(), Some("at+jwt"));
            let verified = message.verify(&VerifyingKey::from(&key.public_jwk())).unwrap();
            assert_eq!(verified.payload(), b"payload");
        }
    }
}

#[test]
fn what_we_sign_josekit_verifies() {
    for key in both_keys() {
        let header = jws::Header {
            algorithm: key.algorithm(),
            kid: Some(key.kid().clone()),
            typ: Some("at+jwt".into()),
        };
        let token = jws::sign(&header, b"payload", &key).unwrap();
        for verifier in verifiers(&key) {
            let (payload, read) = deserialize_compact(&token, &*verifier).unwrap();
            assert_eq!(payload, b"payload");
            assert_eq!(read.token_type(), Some("at+jwt"));
            let tampered = token.replacen(".cGF5", ".cGF4", 1); // "pay" and "pax"
            assert_ne!(tampered, token);
            assert!(deserialize_compact(&tampered, &*verifier).is_err());
        }
    }
}

#[test]
fn a_key_survives_the_round_trip_through_pem() {
    for key in both_keys() {
        let private = read_private(write_private_pem(&key).expose_secret()).unwrap();
        assert_eq!(private.public_jwk(), key.public_jwk());
        let public = read_public(write_public_pem(&key.public_jwk()).as_bytes()).unwrap();
        assert_eq!(public.thumbprint(), key.public_jwk().thumbprint());
    }
}
