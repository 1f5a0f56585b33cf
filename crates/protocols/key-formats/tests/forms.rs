//! Every form a key may come in, written by OpenSSL (through josekit) and by ourselves.

use base64::{Engine, engine::general_purpose::STANDARD};
use chancery_jose::{KeyError, SigningKey};
use chancery_key_formats::{
    FormatError, MAX_BYTES, read_private, read_public, write_private_pem, write_public_pem,
};
use josekit::jwk::{
    KeyPair,
    alg::{
        ec::{EcCurve, EcKeyPair},
        ecx::{EcxCurve, EcxKeyPair},
        ed::{EdCurve, EdKeyPair},
        rsa::RsaKeyPair,
    },
};
use proptest::prelude::*;
use secrecy::ExposeSecret;

/// RFC 8410 section 10.3: version 1, version 2 with an attribute and the public half, and the public key.
const RFC_8410_V1: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
const RFC_8410_V2: &str = "-----BEGIN PRIVATE KEY-----
MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB
Z9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PRIVATE KEY-----
";
const RFC_8410_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

fn thumbprint(key: &SigningKey) -> String {
    key.public_jwk().thumbprint()
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        STANDARD.encode(der)
    )
}

fn unsupported(name: &str) -> FormatError {
    FormatError::Key(KeyError::UnsupportedKeyType(name.to_owned()))
}

#[test]
fn the_keys_of_rfc_8410_are_one_key() {
    let expected = read_public(RFC_8410_PUBLIC.as_bytes()).unwrap().thumbprint();
    for text in [RFC_8410_V1, RFC_8410_V2] {
        let key = read_private(text).unwrap();
        assert_eq!(thumbprint(&key), expected);
        assert_eq!(write_private_pem(&key).expose_secret(), RFC_8410_V1);
        assert_eq!(write_public_pem(&key.public_jwk()), RFC_8410_PUBLIC);
    }
}

#[test]
fn every_form_that_openssl_writes_of_an_ed25519_key_is_read() {
    let pair = EdKeyPair::generate(EdCurve::Ed25519).unwrap();
    let expected = read_public(&pair.to_pem_public_key()).unwrap().thumbprint();
    assert_eq!(
        read_public(&pair.to_der_public_key()).unwrap().thumbprint(),
        expected
    );
    let jwk = pair.to_jwk_public_key().to_string();
    assert_eq!(read_public(jwk.as_bytes()).unwrap().thumbprint(), expected);

    let pem = String::from_utf8(pair.to_pem_private_key()).unwrap();
    let key = read_private(&pem).unwrap();
    assert_eq!(thumbprint(&key), expected);
    assert_eq!(write_private_pem(&key).expose_secret(), pem, "byte for byte");
    let jwk = pair.to_jwk_key_pair().to_string();
    assert_eq!(thumbprint(&read_private(&jwk).unwrap()), expected);
}

#[test]
fn every_form_that_openssl_writes_of_a_p256_key_is_read() {
    let pair = EcKeyPair::generate(EcCurve::P256).unwrap();
    let expected = read_public(&pair.to_pem_public_key()).unwrap().thumbprint();
    assert_eq!(
        read_public(&pair.to_der_public_key()).unwrap().thumbprint(),
        expected
    );
    let jwk = pair.to_jwk_public_key().to_string();
    assert_eq!(read_public(jwk.as_bytes()).unwrap().thumbprint(), expected);

    let pem = String::from_utf8(pair.to_pem_private_key()).unwrap();
    let key = read_private(&pem).unwrap();
    assert_eq!(thumbprint(&key), expected);
    assert_eq!(write_private_pem(&key).expose_secret(), pem, "byte for byte");
    let traditional = String::from_utf8(pair.to_traditional_pem_private_key()).unwrap();
    assert!(traditional.starts_with("-----BEGIN EC PRIVATE KEY-----"));
    assert_eq!(thumbprint(&read_private(&traditional).unwrap()), expected);
    let jwk = pair.to_jwk_key_pair().to_string();
    assert_eq!(thumbprint(&read_private(&jwk).unwrap()), expected);
}

/// PKCS#8 and SEC 1 of a P-256 scalar without its public half.
fn bare_p256(scalar: &[u8; 32]) -> [String; 2] {
    let sec1 = [&[0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20][..], scalar].concat();
    let pkcs8 = [
        &[
            0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
            0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27,
        ][..],
        &sec1,
    ]
    .concat();
    [pem("PRIVATE KEY", &pkcs8), pem("EC PRIVATE KEY", &sec1)]
}

#[test]
fn a_p256_key_without_its_public_half_gets_it_computed() {
    let key = SigningKey::generate_p256().unwrap();
    let der = key.to_pkcs8_v1_der();
    let scalar = der.expose_secret()[36..68].try_into().unwrap();
    for text in bare_p256(scalar) {
        assert_eq!(thumbprint(&read_private(&text).unwrap()), thumbprint(&key));
    }
}

#[test]
fn a_scalar_outside_the_group_is_refused() {
    let order: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
        0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    for scalar in [[0; 32], order, [0xff; 32]] {
        for text in bare_p256(&scalar) {
            let refused = read_private(&text).unwrap_err();
            assert_eq!(refused, FormatError::Key(KeyError::InvalidMember("d")));
        }
    }
    let mut greatest = order;
    greatest[31] -= 1;
    assert!(read_private(&bare_p256(&greatest)[0]).is_ok());
}

#[test]
fn encrypted_keys_are_refused_with_advice() {
    let legacy = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQID\n-----END EC PRIVATE KEY-----\n";
    for text in [pem("ENCRYPTED PRIVATE KEY", &[0x30, 0x00]), legacy.to_owned()] {
        let refused = read_private(&text).unwrap_err();
        assert_eq!(refused, FormatError::Encrypted);
        assert!(refused.to_string().contains("decrypt it first"));
    }
}

#[test]
fn rsa_and_other_curves_are_refused_by_name() {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let rsa = RsaKeyPair::generate(2048).unwrap();
    let p384 = EcKeyPair::generate(EcCurve::P384).unwrap();
    let secp256k1 = EcKeyPair::generate(EcCurve::Secp256k1).unwrap();
    let ed448 = EdKeyPair::generate(EdCurve::Ed448).unwrap();
    let x25519 = EcxKeyPair::generate(EcxCurve::X25519).unwrap();
    for (name, private, public) in [
        ("RSA", rsa.to_pem_private_key(), rsa.to_pem_public_key()),
        (
            "RSA",
            rsa.to_traditional_pem_private_key(),
            rsa.to_der_public_key(),
        ),
        (
            "RSA",
            rsa.to_jwk_key_pair().to_string().into_bytes(),
            rsa.to_jwk_public_key().to_string().into_bytes(),
        ),
        ("P-384", p384.to_pem_private_key(), p384.to_pem_public_key()),
        (
            "P-384",
            p384.to_traditional_pem_private_key(),
            p384.to_der_public_key(),
        ),
        (
            "secp256k1",
            secp256k1.to_pem_private_key(),
            secp256k1.to_pem_public_key(),
        ),
        ("Ed448", ed448.to_pem_private_key(), ed448.to_pem_public_key()),
        ("X25519", x25519.to_pem_private_key(), x25519.to_pem_public_key()),
    ] {
        assert_eq!(read_private(&text(private)).unwrap_err(), unsupported(name));
        assert_eq!(read_public(&public).unwrap_err(), unsupported(name));
    }
}

#[test]
fn the_wrong_half_is_refused() {
    let key = read_private(RFC_8410_V1).unwrap();
    let public_jwk = serde_json::to_string(&key.public_jwk()).unwrap();
    for text in [RFC_8410_PUBLIC, &public_jwk] {
        assert_eq!(read_private(text).unwrap_err(), FormatError::OnlyPublic);
    }
    let private_jwk = key.to_private_jwk();
    for text in [RFC_8410_V1, private_jwk.expose_secret()] {
        let refused = read_public(text.as_bytes()).unwrap_err();
        assert_eq!(refused, FormatError::Key(KeyError::PrivateMember));
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let certificate = pem("CERTIFICATE", &[0x30, 0x00]);
    let label = FormatError::UnexpectedLabel("CERTIFICATE".to_owned());
    assert_eq!(read_public(certificate.as_bytes()).unwrap_err(), label);
    assert_eq!(read_private(&certificate).unwrap_err(), label);
    for text in ["", "key", "ssh-ed25519 AAAA", "[]"] {
        assert_eq!(
            read_public(text.as_bytes()).unwrap_err(),
            FormatError::Unrecognised
        );
        assert_eq!(read_private(text).unwrap_err(), FormatError::Unrecognised);
    }
    let long = "-".repeat(MAX_BYTES + 1);
    assert_eq!(read_public(long.as_bytes()).unwrap_err(), FormatError::TooLarge);
    assert_eq!(read_private(&long).unwrap_err(), FormatError::TooLarge);
}

#[test]
fn weak_and_false_points_are_refused_in_every_form() {
    let weak = [
        &[
            0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
        ][..],
        &[0; 32],
    ]
    .concat();
    assert_eq!(
        read_public(&weak).unwrap_err(),
        FormatError::Key(KeyError::WeakPoint)
    );
    let pair = EcKeyPair::generate(EcCurve::P256).unwrap();
    let mut off_curve = pair.to_der_public_key();
    *off_curve.last_mut().unwrap() ^= 1;
    assert_eq!(
        read_public(&off_curve).unwrap_err(),
        FormatError::Key(KeyError::NotOnCurve)
    );
}

proptest! {
    #[test]
    fn no_document_makes_the_readers_panic(bytes: Vec<u8>, text in ".{0,200}") {
        let _ = read_public(&bytes);
        let _ = read_public(text.as_bytes());
        let _ = read_private(&text);
        for label in ["PUBLIC KEY", "PRIVATE KEY", "EC PRIVATE KEY"] {
            let _ = read_public(pem(label, &bytes).as_bytes());
            let _ = read_private(&pem(label, &bytes));
        }
    }

    #[test]
    fn a_damaged_document_makes_no_reader_panic(place: prop::sample::Index, flip in 1..=255_u8, scalar: [u8; 32]) {
        let p256 = bare_p256(&scalar);
        for text in [RFC_8410_V1, RFC_8410_V2, RFC_8410_PUBLIC, &p256[0], &p256[1]] {
            let label = text.split("-----").nth(1).unwrap().strip_prefix("BEGIN ").unwrap();
            let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
            let mut der = STANDARD.decode(body).unwrap();
            let place = place.index(der.len());
            der[place] ^= flip;
            let _ = read_private(&pem(label, &der));
            let _ = read_public(&der);
        }
    }
}
