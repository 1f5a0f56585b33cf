//! What signing and verifying an access token costs as a library call, beside the bare signature of *ring* over the same bytes.
//! Prints calls per second of CPU time, a line each: `cargo run --profile perf --example library_calls`.
#![expect(clippy::print_stdout, reason = "this program tells people")]

use std::{error::Error, fs, hint::black_box};

use chancery_ambient::{Clock, SystemClock};
use chancery_jose::{Algorithm, SigningKey, jws};
use chancery_token_verify::{AccessClaims, KeyRing, Verifier};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

const SEED: [u8; 32] = [42; 32];

fn main() -> Result<(), Box<dyn Error>> {
    let now = SystemClock::default().now();
    let key = SigningKey::generate_ed25519(&SEED)?;
    let header = jws::Header {
        algorithm: Algorithm::EdDsa,
        kid: Some(key.kid().clone()),
        typ: Some("at+jwt".into()),
    };
    let claims: AccessClaims = serde_json::from_value(serde_json::json!({
        "iss": "https://auth.example", "aud": ["agent-api", "analytics-service"],
        "sub": "user:018f3f66-5f0b-7cc0-8000-000000000001", "tenant_id": "018f3f66-5f0b-7cc0-8000-000000000002",
        "scope": "conversations:read conversations:write", "roles": ["member"], "token_use": "access",
        "jti": "018f3f66-5f0b-7cc0-8000-000000000003", "client_id": "console", "sv": 0, "tv": 0,
        "iat": now.unix_seconds(), "nbf": now.unix_seconds(), "exp": now.unix_seconds() + 900,
    }))?;
    let signed = || jws::sign(&header, &serde_json::to_vec(&claims).unwrap_or_default(), &key);
    let token = signed()?;
    let (ring, verifier) = (
        KeyRing::new([&key.public_jwk()], [])?,
        Verifier::new("https://auth.example", ["agent-api"]),
    );
    verifier.verify_access(&token, &ring, now)?;

    let bare = Ed25519KeyPair::from_seed_unchecked(&SEED).map_err(|error| error.to_string())?;
    let (message, _) = token.rsplit_once('.').ok_or("no signature")?;
    let signature = bare.sign(message.as_bytes());
    let public = UnparsedPublicKey::new(&ED25519, bare.public_key().as_ref());

    println!(
        "ring_sign {:.0}",
        rate(|| _ = black_box(bare.sign(message.as_bytes())))?
    );
    println!(
        "ring_verify {:.0}",
        rate(|| _ = black_box(public.verify(message.as_bytes(), signature.as_ref())))?
    );
    println!("library_sign {:.0}", rate(|| _ = black_box(signed()))?);
    println!(
        "library_verify {:.0}",
        rate(|| _ = black_box(verifier.verify_access(&token, &ring, now)))?
    );
    Ok(())
}

/// How often a second of this thread's CPU time has room for the call.
fn rate(call: impl Fn()) -> Result<f64, Box<dyn Error>> {
    for _ in 0..200 {
        call();
    }
    let (began, mut calls) = (cpu_seconds()?, 0_u32);
    loop {
        for _ in 0..200 {
            call();
        }
        calls += 200;
        let spent = cpu_seconds()? - began;
        if spent > 0.4 {
            return Ok(f64::from(calls) / spent);
        }
    }
}

/// What this thread has had of the processor.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}
