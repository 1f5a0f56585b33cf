use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_ambient::Timestamp;
use chancery_jose::{Algorithm, KeyId, SigningKey, jws};
use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};

use super::{Verifier, check_times};
use crate::{KeyRing, Refusal, TokenKind};

const ISSUER: &str = "https://auth.example";
const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds).unwrap()
}

fn key_named(seed: u8, kid: &str) -> SigningKey {
    SigningKey::generate_ed25519(&[seed; 32])
        .unwrap()
        .with_kid(KeyId::parse(kid).unwrap())
}

fn api_key() -> SigningKey {
    key_named(1, "api-1")
}

fn verifier() -> Verifier {
    Verifier::new(ISSUER, ["agent-api", "billing-worker"])
}

fn ring() -> KeyRing {
    KeyRing::new([&api_key().public_jwk()], []).unwrap()
}

fn access_claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": ["analytics-service", "agent-api"],
        "sub": "user:018f3f66-5f0b-7cc0-8000-000000000001",
        "tenant_id": "018f3f66-5f0b-7cc0-8000-000000000002",
        "scope": "conversations:read tools:read",
        "roles": ["member", "platform_operator"],
        "token_use": "access",
        "jti": "018f3f66-5f0b-7cc0-8000-000000000003",
        "sid": "018f3f66-5f0b-7cc0-8000-000000000004",
        "client_id": "console",
        "sv": 3,
        "tv": 1,
        "iat": NOW - 60,
        "nbf": NOW - 60,
        "exp": NOW + 840,
        "email_verified": true,
        "somebody_elses": {"unknown": [1, null]},
    })
}

fn refresh_claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "service-account:billing-worker",
        "scope": "billing:read",
        "token_use": "refresh",
        "jti": "018f3f66-5f0b-7cc0-8000-000000000005",
        "sid": "018f3f66-5f0b-7cc0-8000-000000000004",
        "gen": 2,
        "gmac": "c29tZSBtYWM",
        "account": "billing-worker",
        "iat": NOW - 60,
        "nbf": NOW - 60,
        "exp": NOW - 60 + 30 * 86_400,
    })
}

/// A claims set with one member changed; `null` removes it.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    claims
}

fn header() -> jws::Header {
    jws::Header {
        algorithm: Algorithm::EdDsa,
        kid: Some(KeyId::parse("api-1").unwrap()),
        typ: Some("at+jwt".into()),
    }
}

fn refresh_header() -> jws::Header {
    jws::Header {
        typ: Some("rt+jwt".into()),
        ..header()
    }
}

fn signed(header: &jws::Header, claims: &Value) -> String {
    jws::sign(header, claims.to_string().as_bytes(), &api_key()).unwrap()
}

fn access(claims: &Value) -> Result<crate::AccessClaims, Refusal> {
    verifier().verify_access(&signed(&header(), claims), &ring(), at(NOW))
}

fn refusal_of(token: &str) -> Refusal {
    verifier().verify_access(token, &ring(), at(NOW)).unwrap_err()
}

#[test]
fn a_good_access_token_gives_its_claims() {
    let claims = access(&access_claims()).unwrap();
    assert_eq!(
        claims.sub.to_string(),
        "user:018f3f66-5f0b-7cc0-8000-000000000001"
    );
    assert_eq!(
        claims.tenant_id.unwrap().to_string(),
        "018f3f66-5f0b-7cc0-8000-000000000002"
    );
    assert_eq!(claims.role(), Some(chancery_access::TenantRole::Member));
    assert_eq!((claims.sv, claims.tv), (3, 1));
    assert_eq!(claims.iat, at(NOW - 60));
}

#[test]
fn claims_are_read_as_they_were_written() {
    let claims = access(&access_claims()).unwrap();
    let again = access(&serde_json::to_value(&claims).unwrap()).unwrap();
    assert_eq!(again, claims);
    let token = signed(&refresh_header(), &refresh_claims());
    let refresh = verifier().read_refresh(&token).unwrap();
    let written = serde_json::to_value(refresh.unproven_claims()).unwrap();
    assert_eq!(written, with(refresh_claims(), "aud", json!([ISSUER])));
}

#[test]
fn both_names_of_ed25519_are_accepted() {
    let exact = jws::Header {
        algorithm: Algorithm::Ed25519,
        ..header()
    };
    let token = signed(&exact, &access_claims());
    assert!(verifier().verify_access(&token, &ring(), at(NOW)).is_ok());
}

#[test]
fn one_accepted_audience_is_enough_as_a_string_or_in_an_array() {
    for aud in [
        json!("agent-api"),
        json!("billing-worker"),
        json!(["x", "billing-worker"]),
    ] {
        assert!(access(&with(access_claims(), "aud", aud)).is_ok());
    }
    for aud in [
        json!("analytics-service"),
        json!(["x", "agent-api "]),
        json!("AGENT-API"),
        json!(ISSUER),
    ] {
        assert_eq!(
            access(&with(access_claims(), "aud", aud)),
            Err(Refusal::WrongAudience)
        );
    }
    let deaf = Verifier::new(ISSUER, Vec::<String>::new());
    assert_eq!(
        deaf.verify_access(&signed(&header(), &access_claims()), &ring(), at(NOW)),
        Err(Refusal::WrongAudience)
    );
}

#[test]
fn a_token_that_lacks_a_claim_is_refused() {
    for name in [
        "iss",
        "aud",
        "sub",
        "scope",
        "token_use",
        "jti",
        "client_id",
        "sv",
        "tv",
        "iat",
        "nbf",
        "exp",
    ] {
        let claims = with(access_claims(), name, Value::Null);
        assert_eq!(access(&claims), Err(Refusal::InvalidClaims), "{name}");
    }
    for name in ["tenant_id", "sid", "roles", "email_verified"] {
        assert!(
            access(&with(access_claims(), name, Value::Null)).is_ok(),
            "{name}"
        );
    }
    for name in [
        "iss",
        "aud",
        "sub",
        "scope",
        "token_use",
        "jti",
        "sid",
        "gen",
        "gmac",
        "iat",
        "nbf",
        "exp",
    ] {
        let token = signed(&refresh_header(), &with(refresh_claims(), name, Value::Null));
        assert_eq!(
            verifier().read_refresh(&token).unwrap_err(),
            Refusal::InvalidClaims,
            "{name}"
        );
    }
}

#[test]
fn a_claim_of_the_wrong_form_is_refused() {
    for (name, value) in [
        ("sub", json!("root")),
        ("sub", json!("user:1")),
        ("jti", json!("1")),
        ("tenant_id", json!("other")),
        ("aud", json!([])),
        ("aud", json!({"agent-api": true})),
        ("iss", json!([ISSUER])),
        ("exp", json!((NOW + 60).to_string())),
        ("exp", json!(1.8e9)),
        ("iat", json!(i64::MAX)),
        ("nbf", json!(-1.5)),
        ("sv", json!(-1)),
        ("roles", json!("owner")),
        ("email_verified", json!("true")),
    ] {
        let claims = with(access_claims(), name, value);
        assert_eq!(access(&claims), Err(Refusal::InvalidClaims), "{claims}");
    }
}

#[test]
fn another_issuer_is_refused_however_alike() {
    for issuer in [
        "https://auth.example/",
        "https://AUTH.example",
        "http://auth.example",
        "",
    ] {
        let claims = with(access_claims(), "iss", json!(issuer));
        assert_eq!(access(&claims), Err(Refusal::WrongIssuer));
    }
}

#[test]
fn another_kind_is_refused() {
    for token_use in ["refresh", "mfa_challenge", "Access", ""] {
        let claims = with(access_claims(), "token_use", json!(token_use));
        assert_eq!(access(&claims), Err(Refusal::WrongKind), "{token_use}");
    }
    for typ in [
        None,
        Some("JWT"),
        Some("rt+jwt"),
        Some("AT+JWT"),
        Some("application/at+jwt"),
        Some("eat+jwt"),
    ] {
        let header = jws::Header {
            typ: typ.map(Into::into),
            ..header()
        };
        let token = signed(&header, &access_claims());
        assert_eq!(refusal_of(&token), Refusal::WrongKind, "{typ:?}");
    }
    let refresh = signed(&refresh_header(), &refresh_claims());
    assert_eq!(refusal_of(&refresh), Refusal::WrongKind);
    let token = signed(&header(), &access_claims());
    assert_eq!(verifier().read_refresh(&token).unwrap_err(), Refusal::WrongKind);
}

#[test]
fn a_token_with_the_other_surfaces_marker_is_refused() {
    for value in ["\"botcha-verified\"", "null", "[]"] {
        let claims = access_claims()
            .to_string()
            .replacen('{', &format!(r#"{{"type":{value},"#), 1);
        let token = jws::sign(&header(), claims.as_bytes(), &api_key()).unwrap();
        assert_eq!(refusal_of(&token), Refusal::InvalidClaims);
    }
    let nested = with(
        access_claims(),
        "act",
        json!({"sub": "app_00010203040506ff", "sv": 0, "type": "agent"}),
    );
    assert!(access(&nested).is_ok());
}

#[test]
fn a_claim_that_occurs_twice_is_refused() {
    for (found, twice) in [
        (r#""sv":3"#, r#""sv":3,"sv":3"#),
        (r#""sv":3"#, r#""sv":3,"extra":1,"extra":2"#),
        (r#""sv":3"#, r#""sv":3,"act":{"sub":"a","sub":"b"}"#),
        (r#""sv":3"#, r#""sv":3,"\u0073v":4"#),
    ] {
        let claims = access_claims().to_string().replace(found, twice);
        let token = jws::sign(&header(), claims.as_bytes(), &api_key()).unwrap();
        assert_eq!(refusal_of(&token), Refusal::InvalidClaims, "{twice}");
    }
}

#[test]
fn claims_that_are_no_object_are_refused() {
    for payload in ["", "[]", "\"a\"", "null", "{", "\u{feff}{}"] {
        let token = jws::sign(&header(), payload.as_bytes(), &api_key()).unwrap();
        assert_eq!(refusal_of(&token), Refusal::InvalidClaims, "{payload}");
    }
}

#[test]
fn the_key_is_looked_up_in_the_kinds_own_set() {
    let trust = SigningKey::generate_p256()
        .unwrap()
        .with_kid(KeyId::parse("trust-1").unwrap());
    let ring = KeyRing::new([&api_key().public_jwk()], [&trust.public_jwk()]).unwrap();
    let judge = |token: &str| verifier().verify_access(token, &ring, at(NOW)).unwrap_err();

    // The other set's key, under its own algorithm.
    let es256 = jws::Header {
        algorithm: Algorithm::Es256,
        kid: Some(trust.kid().clone()),
        ..header()
    };
    let payload = access_claims().to_string();
    let token = jws::sign(&es256, payload.as_bytes(), &trust).unwrap();
    assert_eq!(judge(&token), Refusal::WrongAlgorithm);

    // The other set's kid under our algorithm: not found, though the ring holds it.
    let misnamed = jws::Header {
        kid: Some(trust.kid().clone()),
        ..header()
    };
    assert_eq!(judge(&signed(&misnamed, &access_claims())), Refusal::UnknownKey);

    // Our kid, the other set's key.
    let borrowed = jws::Header {
        algorithm: Algorithm::Es256,
        ..header()
    };
    let token = jws::sign(&borrowed, payload.as_bytes(), &trust).unwrap();
    assert_eq!(judge(&token), Refusal::WrongAlgorithm);
}

#[test]
fn an_unknown_or_missing_key_is_refused() {
    for kid in [None, Some("api-2"), Some("API-1"), Some("../api-1")] {
        let header = jws::Header {
            kid: kid.map(|kid| KeyId::parse(kid).unwrap()),
            ..header()
        };
        let token = signed(&header, &access_claims());
        assert_eq!(refusal_of(&token), Refusal::UnknownKey, "{kid:?}");
    }
    let token = signed(&header(), &access_claims());
    let emptied = verifier().verify_access(&token, &KeyRing::default(), at(NOW));
    assert_eq!(emptied, Err(Refusal::UnknownKey));
}

#[test]
fn a_strangers_signature_under_our_kid_is_refused() {
    let stranger = key_named(9, "api-1");
    let token = jws::sign(&header(), access_claims().to_string().as_bytes(), &stranger).unwrap();
    assert_eq!(refusal_of(&token), Refusal::BadSignature);
}

#[test]
fn hmac_with_anything_public_as_the_secret_is_refused() {
    let jwk = serde_json::to_string(&api_key().public_jwk()).unwrap();
    let x = serde_json::from_str::<Value>(&jwk).unwrap()["x"]
        .as_str()
        .unwrap()
        .to_owned();
    let point = URL_SAFE_NO_PAD.decode(&x).unwrap();
    let spki = [
        &[
            0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
        ][..],
        &point,
    ]
    .concat();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        base64::engine::general_purpose::STANDARD.encode(&spki)
    );
    for secret in [
        point,
        x.into_bytes(),
        jwk.into_bytes(),
        spki,
        pem.into_bytes(),
        b"secret".to_vec(),
        Vec::new(),
    ] {
        for alg in ["HS256", "hs256", "EdDSA"] {
            let input = format!(
                "{}.{}",
                URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","kid":"api-1","typ":"at+jwt"}}"#)),
                URL_SAFE_NO_PAD.encode(access_claims().to_string())
            );
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
            let twice = [mac.as_ref(), mac.as_ref()].concat();
            for signature in [mac.as_ref(), &twice] {
                let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
                assert!(verifier().verify_access(&token, &ring(), at(NOW)).is_err());
            }
        }
    }
}

#[test]
fn no_signature_at_all_is_refused() {
    let claims = URL_SAFE_NO_PAD.encode(access_claims().to_string());
    for alg in ["none", "None", "", "EdDSA"] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","kid":"api-1","typ":"at+jwt"}}"#));
        for end in [".", "", ".AA"] {
            assert!(
                verifier()
                    .verify_access(&format!("{header}.{claims}{end}"), &ring(), at(NOW))
                    .is_err()
            );
        }
    }
}

#[test]
fn five_seconds_are_forgiven_at_either_end_and_no_more() {
    let claims = access_claims();
    let token = signed(&header(), &claims);
    let judge = |now: i64| verifier().verify_access(&token, &ring(), at(now));
    let (issued, expires) = (NOW - 60, NOW + 840);
    assert!(judge(issued - 5).is_ok());
    assert_eq!(judge(issued - 6), Err(Refusal::NotYetValid));
    assert!(judge(expires + 4).is_ok());
    assert_eq!(judge(expires + 5), Err(Refusal::Expired));
}

#[test]
fn a_token_from_the_future_is_not_valid_yet() {
    for name in ["iat", "nbf"] {
        let late = with(access_claims(), name, json!(NOW + 6));
        assert_eq!(access(&late), Err(Refusal::NotYetValid), "{name}");
        assert!(access(&with(access_claims(), name, json!(NOW + 5))).is_ok());
    }
}

#[test]
fn a_life_that_no_token_of_the_kind_may_have_is_refused() {
    let life = |iat: i64, exp: i64| {
        let claims = with(access_claims(), "iat", json!(iat));
        access(&with(claims, "exp", json!(exp)))
    };
    assert!(life(NOW, NOW + 1800).is_ok());
    assert_eq!(life(NOW, NOW + 1801), Err(Refusal::BadLifetime));
    assert_eq!(life(NOW, NOW), Err(Refusal::BadLifetime));
    assert_eq!(life(NOW + 3, NOW + 2), Err(Refusal::BadLifetime));
    assert_eq!(life(NOW - 1_000_000, NOW + 60), Err(Refusal::BadLifetime));
    let never = with(access_claims(), "nbf", json!(NOW + 840));
    assert_eq!(access(&never), Err(Refusal::BadLifetime));
}

#[test]
fn a_refresh_token_is_read_without_its_key_and_its_times_are_checked_apart() {
    let token = signed(&refresh_header(), &refresh_claims());
    let (unsigned, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
    for token in [token, forged] {
        let refresh = verifier().read_refresh(&token).unwrap();
        assert_eq!(refresh.kid().as_str(), "api-1");
        assert_eq!(refresh.unproven_claims().generation, 2);
        assert_eq!(refresh.check_times(at(NOW)), Ok(()));
        let end = NOW - 60 + 30 * 86_400;
        assert_eq!(refresh.check_times(at(end + 5)), Err(Refusal::Expired));
        assert_eq!(refresh.check_times(at(NOW - 66)), Err(Refusal::NotYetValid));
    }
    let longer = with(refresh_claims(), "exp", json!(NOW - 59 + 30 * 86_400));
    let refresh = verifier()
        .read_refresh(&signed(&refresh_header(), &longer))
        .unwrap();
    assert_eq!(refresh.check_times(at(NOW)), Err(Refusal::BadLifetime));
}

#[test]
fn a_refresh_token_is_for_its_issuer_alone() {
    for aud in [json!("agent-api"), json!(["agent-api", "billing-worker"])] {
        let token = signed(&refresh_header(), &with(refresh_claims(), "aud", aud));
        assert_eq!(
            verifier().read_refresh(&token).unwrap_err(),
            Refusal::WrongAudience
        );
    }
}

#[test]
fn reasons_are_distinct_labels() {
    let all = [
        Refusal::Malformed,
        Refusal::WrongAlgorithm,
        Refusal::WrongKind,
        Refusal::UnknownKey,
        Refusal::BadSignature,
        Refusal::InvalidClaims,
        Refusal::WrongIssuer,
        Refusal::WrongAudience,
        Refusal::BadLifetime,
        Refusal::NotYetValid,
        Refusal::Expired,
    ];
    let labels: std::collections::HashSet<_> = all.iter().map(|refusal| refusal.reason()).collect();
    assert_eq!(labels.len(), all.len());
    assert_eq!(refusal_of("a.b"), Refusal::Malformed);
    assert_eq!(refusal_of(&"a".repeat(9000)), Refusal::Malformed);
}

proptest! {
    #[test]
    fn no_text_makes_verification_panic(text in ".{0,300}") {
        let _ = verifier().verify_access(&text, &ring(), at(NOW));
        let _ = verifier().read_refresh(&text);
    }

    #[test]
    fn no_signed_payload_makes_verification_panic(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        for header in [header(), refresh_header()] {
            let token = jws::sign(&header, &payload, &api_key()).unwrap();
            let _ = verifier().verify_access(&token, &ring(), at(NOW));
            let _ = verifier().read_refresh(&token);
        }
    }

    #[test]
    fn no_character_of_a_token_can_be_changed(place: prop::sample::Index, other in "[A-Za-z0-9_.-]") {
        let token = signed(&header(), &access_claims());
        let place = place.index(token.len());
        let mut altered = token.clone();
        altered.replace_range(place..=place, &other);
        let accepted = verifier().verify_access(&altered, &ring(), at(NOW)).is_ok();
        prop_assert_eq!(accepted, altered == token);
    }

    #[test]
    fn a_token_is_accepted_exactly_within_its_time(
        iat in -3000..3000_i64, nbf in -3000..3000_i64, exp in -3000..3000_i64,
    ) {
        let claims = with(with(with(access_claims(), "iat", json!(NOW + iat)), "nbf", json!(NOW + nbf)), "exp", json!(NOW + exp));
        let sound = exp > iat && exp > nbf && exp - iat <= 1800;
        let within = iat <= 5 && nbf <= 5 && exp > -5;
        prop_assert_eq!(access(&claims).is_ok(), sound && within);
    }

    #[test]
    fn no_time_of_the_calendar_overflows(iat: i64, nbf: i64, exp: i64, now: i64) {
        let (Some(iat), Some(nbf), Some(exp), Some(now)) = (
            Timestamp::from_unix_seconds(iat / 1_000_000), Timestamp::from_unix_seconds(nbf / 1_000_000),
            Timestamp::from_unix_seconds(exp / 1_000_000), Timestamp::from_unix_seconds(now / 1_000_000),
        ) else {
            return Ok(());
        };
        let mut claims = serde_json::from_value::<crate::AccessClaims>(access_claims()).unwrap();
        (claims.iat, claims.nbf, claims.exp) = (iat, nbf, exp);
        let _ = check_times(&claims.registered(), now);
        prop_assert_eq!(claims.registered().rules.kind, TokenKind::Access);
    }
}
