use std::sync::Arc;

use chancery_access::Subject;
use chancery_ambient::{Ambient, Timestamp};
use chancery_token_verify::{AccessClaims, Audiences};

use super::{Genuine, SHARES, TokenDigest, WarmTokens};

fn genuine() -> Arc<Genuine> {
    let ambient = Ambient::system();
    let claims = AccessClaims {
        iss: String::new(),
        aud: Audiences::from_iter([""]),
        sub: Subject::Person(ambient.new_id()),
        tenant_id: Some(ambient.new_id()),
        scope: chancery_access::Scopes::default(),
        roles: Vec::new(),
        token_use: String::new(),
        jti: ambient.new_id(),
        sid: None,
        client_id: String::new(),
        sv: 0,
        tv: 0,
        iat: Timestamp::EPOCH,
        nbf: Timestamp::EPOCH,
        exp: Timestamp::EPOCH,
        email_verified: None,
        account: None,
        fingerprint: None,
        act: None,
        may_act: None,
    };
    Arc::new(Genuine::new(claims, "key".parse().unwrap()).unwrap())
}

fn name(number: u32) -> TokenDigest {
    let mut name = [0; 32];
    for (byte, value) in name.iter_mut().zip(number.to_le_bytes()) {
        *byte = value;
    }
    name
}

#[test]
fn what_is_asked_for_stays_and_there_is_never_more_than_the_room() {
    let warm = WarmTokens::with_room_for(1000);
    let genuine = genuine();
    for number in 0..10_000 {
        warm.remember(name(number), genuine.clone());
        assert!(warm.find(&name(0)).is_some(), "asked for all the time");
    }
    let shares = warm.shares.iter().map(|share| share.lock().unwrap());
    let held: usize = shares.map(|share| share.young.len() + share.old.len()).sum();
    assert!(held <= 1000 + 2 * SHARES, "{held}");
    assert!(warm.find(&name(9_999)).is_some() && warm.find(&name(1)).is_none());
}

#[test]
fn without_room_nothing_is_remembered() {
    let warm = WarmTokens::with_room_for(0);
    assert_eq!(warm.digest_of("a token"), None);
    warm.remember(name(1), genuine());
    assert!(warm.find(&name(1)).is_none());
}

#[test]
fn tokens_that_differ_in_one_byte_have_nothing_in_common() {
    let warm = WarmTokens::with_room_for(1000);
    let known = warm.digest_of("header.claims.signature").unwrap();
    warm.remember(known, genuine());
    let other = warm.digest_of("header.claims.signaturf").unwrap();
    assert!(warm.find(&known).is_some() && warm.find(&other).is_none());
}
