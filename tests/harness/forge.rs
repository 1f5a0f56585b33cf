//! Tokens that look right and are not: what somebody with our public documents, or even with our key, could make.

use std::{fs, path::PathBuf};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};

use crate::Settings;

/// DER of an Ed25519 public key up to its 32 bytes (RFC 8410 section 4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// A forgery and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Forgery {
    /// What is wrong.
    pub fault: &'static str,
    /// The compact JWS.
    pub token: String,
}

/// A fault and a token that has it.
type Forged = (&'static str, String);

/// Has the server's own key, and keys that are not or no longer good.
pub struct Forge {
    active: Ed25519KeyPair,
    retired: Ed25519KeyPair,
    compromised: Ed25519KeyPair,
    stranger: Ed25519KeyPair,
    other_set: EcdsaKeyPair,
}

impl Forge {
    /// Reads the key of a server that is not running, and gives it a retired and a compromised key besides.
    #[must_use]
    pub fn open(settings: &Settings) -> Self {
        let random = SystemRandom::new();
        let retired = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let stranger = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let other_set = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let retired = ed25519(retired.as_ref());

        let file = key_file(settings);
        let mut set: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let active = set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|key| key["state"] == "active")
            .unwrap()
            .clone();
        let created_at = &active["created_at"];
        let ended = |kid: &str, state: &str, key: &[u8]| {
            json!({
                "kid": kid, "state": state, "created_at": created_at, "published_at": created_at,
                "promoted_at": created_at, "retires_at": created_at,
                "public_jwk": {"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(key), "kid": kid},
            })
        };
        let compromised = ed25519(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref());
        let keys = set["keys"].as_array_mut().unwrap();
        keys.push(ended("retired-key", "retired", retired.public_key().as_ref()));
        keys.push(ended(
            "compromised-key",
            "compromised",
            compromised.public_key().as_ref(),
        ));
        set["version"] = (set["version"].as_u64().unwrap() + 1).into();
        fs::write(file, set.to_string()).unwrap();

        let private = URL_SAFE_NO_PAD
            .decode(active["private_key"].as_str().unwrap())
            .unwrap();
        Self {
            active: ed25519(&private),
            retired,
            compromised,
            stranger: ed25519(stranger.as_ref()),
            other_set: EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                other_set.as_ref(),
                &random,
            )
            .unwrap(),
        }
    }

    /// A copy of `genuine` with other claims, signed by the same key. Without changes nothing is wrong with it.
    #[must_use]
    pub fn altered(&self, genuine: &str, changes: Value) -> String {
        let [header, claims] = [0, 1].map(|part| decode(genuine, part));
        self.sign(&header, &merged(&claims, changes))
    }

    /// A copy of `genuine` that lacks some claims, signed by the same key.
    #[must_use]
    pub fn stripped(&self, genuine: &str, claims: &[&str]) -> String {
        let [header, all] = [0, 1].map(|part| decode(genuine, part));
        let rest = claims.iter().fold(all, |rest, claim| without(&rest, claim));
        self.sign(&header, &rest)
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        sign(header, claims, |input| self.active.sign(input).as_ref().to_vec())
    }

    /// Everything that can be wrong with a token, each on a copy of `genuine` that is right in everything else.
    #[must_use]
    pub fn forgeries_of(&self, genuine: &str) -> Vec<Forgery> {
        let [header, claims] = [0, 1].map(|part| decode(genuine, part));
        let mut forgeries = self.with_wrong_claims(genuine, &claims);
        forgeries.extend(self.with_wrong_headers(&header, &claims));
        forgeries.extend(self.with_wrong_keys(&header, &claims));
        forgeries.extend(self.with_wrong_algorithms(&header, &claims));
        forgeries.extend([
            ("cut short", genuine[..genuine.len() - 4].to_owned()),
            (
                "without its signature",
                genuine[..=genuine.rfind('.').unwrap()].to_owned(),
            ),
            ("no token at all", "not-a-token".to_owned()),
        ]);
        forgeries
            .into_iter()
            .map(|(fault, token)| Forgery { fault, token })
            .collect()
    }

    fn with_wrong_claims(&self, genuine: &str, claims: &Value) -> Vec<Forged> {
        let now = claims["iat"].as_i64().unwrap();
        let other_kind = if claims["token_use"] == "access" {
            "refresh"
        } else {
            "access"
        };
        let with = |changes: Value| self.altered(genuine, changes);
        vec![
            (
                "expired",
                with(json!({"iat": now - 7200, "nbf": now - 7200, "exp": now - 3600})),
            ),
            ("not yet valid", with(json!({"nbf": now + 600}))),
            ("of another issuer", with(json!({"iss": "https://evil.example"}))),
            ("for another audience", with(json!({"aud": ["other-service"]}))),
            ("without an end", self.stripped(genuine, &["exp"])),
            (
                "of a life longer than its kind has",
                with(json!({"exp": now + 400 * 24 * 3600})),
            ),
            (
                "with the marker of another kind",
                with(json!({"token_use": other_kind})),
            ),
        ]
    }

    fn with_wrong_headers(&self, header: &Value, claims: &Value) -> Vec<Forged> {
        let other_kind = if header["typ"] == "at+jwt" {
            "rt+jwt"
        } else {
            "at+jwt"
        };
        let with = |changes: Value| self.sign(&merged(header, changes), claims);
        vec![
            ("with the type of another kind", with(json!({"typ": other_kind}))),
            ("with typ JWT", with(json!({"typ": "JWT"}))),
            (
                "with an unknown critical header",
                with(json!({"crit": ["exp"], "exp": 1})),
            ),
            ("of no kid", self.sign(&without(header, "kid"), claims)),
        ]
    }

    fn with_wrong_keys(&self, header: &Value, claims: &Value) -> Vec<Forged> {
        let by = |key: &Ed25519KeyPair, changes: Value| {
            sign(&merged(header, changes), claims, |input| {
                key.sign(input).as_ref().to_vec()
            })
        };
        let by_other_set = |changes: Value| {
            sign(&merged(header, changes), claims, |input| {
                let signature = self.other_set.sign(&SystemRandom::new(), input).unwrap();
                signature.as_ref().to_vec()
            })
        };
        let own_jwk = json!({"kty": "OKP", "crv": "Ed25519",
            "x": URL_SAFE_NO_PAD.encode(self.stranger.public_key().as_ref())});
        vec![
            (
                "of a retired kid",
                by(&self.retired, json!({"kid": "retired-key"})),
            ),
            (
                "of a compromised kid",
                by(&self.compromised, json!({"kid": "compromised-key"})),
            ),
            (
                "of an unknown kid",
                by(&self.stranger, json!({"kid": "nobodys-key"})),
            ),
            (
                "signed by a stranger under our kid",
                by(&self.stranger, json!({})),
            ),
            (
                "signed by a stranger who brings the key",
                by(&self.stranger, json!({"jwk": own_jwk})),
            ),
            (
                "of the wrong set under our kid",
                by_other_set(json!({"alg": "ES256"})),
            ),
            (
                "of the wrong set under a kid of its own",
                by_other_set(json!({"alg": "ES256", "kid": "trust-key"})),
            ),
        ]
    }

    fn with_wrong_algorithms(&self, header: &Value, claims: &Value) -> Vec<Forged> {
        let none = |alg: &str| sign(&merged(header, json!({"alg": alg})), claims, |_| Vec::new());
        let hs256 = |secret: &[u8]| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
            sign(&merged(header, json!({"alg": "HS256"})), claims, |input| {
                hmac::sign(&key, input).as_ref().to_vec()
            })
        };
        let public = self.active.public_key().as_ref();
        let spki = [&SPKI_PREFIX[..], public].concat();
        let body = STANDARD.encode(&spki);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        vec![
            ("alg none", none("none")),
            ("alg nOnE", none("nOnE")),
            ("HS256 with the public key", hs256(public)),
            ("HS256 with the public key's PEM", hs256(pem.as_bytes())),
            ("HS256 with the public key's DER", hs256(&spki)),
            (
                "HS256 with the kid as its secret",
                hs256(header["kid"].as_str().unwrap().as_bytes()),
            ),
        ]
    }
}

fn key_file(settings: &Settings) -> PathBuf {
    settings.folder().join("data/keys/api.json")
}

fn ed25519(pkcs8: &[u8]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).unwrap()
}

/// One of the two JSON parts of a token.
fn decode(token: &str, part: usize) -> Value {
    let text = token.split('.').nth(part).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

fn sign(header: &Value, claims: &Value, signature: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let input = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(signature(input.as_bytes()));
    format!("{input}.{signature}")
}

fn merged(value: &Value, changes: Value) -> Value {
    let mut value = value.clone();
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    value.as_object_mut().unwrap().extend(changes);
    value
}

fn without(value: &Value, member: &str) -> Value {
    let mut value = value.clone();
    value.as_object_mut().unwrap().remove(member).unwrap();
    value
}
