//! The secrets that refresh tokens are checked and sealed with.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_ids::SessionId;
use ring::{aead, hkdf, hmac};
use secrecy::SecretString;
use subtle::ConstantTimeEq;

use crate::{PepperError, PepperList, SealedToken, TokenMac};

/// The peppers in use; the first writes, all read. Three keys are derived of each (RFC 5869), so that no use tells of
/// another. Kept away from the database: stolen rows alone neither forge nor open a token.
pub struct Peppers(PepperList<Pepper>);

struct Pepper {
    token: hmac::Key,
    generation: hmac::Key,
    seal: aead::LessSafeKey,
}

/// First byte of a sealed token: how it is sealed.
const SEAL_VERSION: u8 = 1;

impl Peppers {
    /// Reads `secret`, or several `id:secret` with commas between. One may be left out once no live family names it.
    pub fn parse(text: &SecretString) -> Result<Self, PepperError> {
        PepperList::parse(text, Pepper::derive).map(Self)
    }

    /// The check value to store for a new token.
    pub(crate) fn mac(&self, token: &str) -> TokenMac {
        let tag = hmac::sign(&self.0.current().token, token.as_bytes());
        let mut mac = [0; 32];
        for (byte, computed) in mac.iter_mut().zip(tag.as_ref()) {
            *byte = *computed;
        }
        TokenMac {
            pepper_id: self.0.current_id().to_owned(),
            mac,
        }
    }

    /// Whether `token` is the one a check value was stored for, in constant time. Never when its pepper is unknown.
    pub(crate) fn fits(&self, token: &str, stored: &TokenMac) -> bool {
        self.0
            .find(&stored.pepper_id)
            .is_some_and(|pepper| hmac::verify(&pepper.token, token.as_bytes(), &stored.mac).is_ok())
    }

    /// The claim that tells a genuine token of a family from a forged one, whatever key signed it.
    pub(crate) fn generation_mac(&self, sid: SessionId, generation: u64) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0.current().generation, &place(sid, generation)))
    }

    /// Whether we once wrote this claim, under any pepper that is still known.
    pub(crate) fn knows_generation(&self, sid: SessionId, generation: u64, claim: &str) -> bool {
        let Ok(claim) = URL_SAFE_NO_PAD.decode(claim) else {
            return false;
        };
        self.0.iter().fold(false, |known, pepper| {
            let expected = hmac::sign(&pepper.generation, &place(sid, generation));
            known | bool::from(expected.as_ref().ct_eq(&claim))
        })
    }

    /// Seals a token for its place in its family: it opens nowhere else. `nonce` has to be fresh. `None` never happens with
    /// the lengths that tokens have.
    pub(crate) fn seal(
        &self,
        token: &str,
        sid: SessionId,
        generation: u64,
        nonce: [u8; 12],
    ) -> Option<SealedToken> {
        let mut sealed = token.as_bytes().to_vec();
        let aad = aead::Aad::from(place(sid, generation));
        self.0
            .current()
            .seal
            .seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        Some(SealedToken(
            [&[SEAL_VERSION], nonce.as_slice(), sealed.as_slice()].concat(),
        ))
    }

    /// Opens what [`Self::seal`] sealed under the pepper of this id; `None` for anything else.
    pub(crate) fn open(
        &self,
        sealed: &SealedToken,
        pepper_id: &str,
        sid: SessionId,
        generation: u64,
    ) -> Option<SecretString> {
        let (version, rest) = sealed.0.split_first()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<12>()?;
        if *version != SEAL_VERSION {
            return None;
        }
        let mut buffer = zeroize::Zeroizing::new(ciphertext.to_vec());
        let aad = aead::Aad::from(place(sid, generation));
        let nonce = aead::Nonce::assume_unique_for_key(*nonce);
        let opened = self
            .0
            .find(pepper_id)?
            .seal
            .open_in_place(nonce, aad, &mut buffer)
            .ok()?;
        std::str::from_utf8(opened)
            .ok()
            .map(|token| token.to_owned().into())
    }
}

impl fmt::Debug for Peppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peppers({})", self.0)
    }
}

impl Pepper {
    fn derive(secret: &str) -> Option<Self> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"chancery refresh tokens").extract(secret.as_bytes());
        let token = root.expand(&[b"token mac"], hmac::HMAC_SHA256).ok()?;
        let generation = root.expand(&[b"generation mac"], hmac::HMAC_SHA256).ok()?;
        let seal = root.expand(&[b"seal"], &aead::AES_256_GCM).ok()?;
        Some(Self {
            token: token.into(),
            generation: generation.into(),
            seal: aead::LessSafeKey::new(seal.into()),
        })
    }
}

/// A token's place, in the form that is authenticated: 16 bytes of session, 8 of generation.
fn place(sid: SessionId, generation: u64) -> Vec<u8> {
    [sid.as_uuid().as_bytes().as_slice(), &generation.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use chancery_ids::SessionId;
    use secrecy::ExposeSecret;

    use super::{PepperError, Peppers};
    use crate::SealedToken;

    fn peppers(text: &str) -> Peppers {
        Peppers::parse(&text.to_owned().into()).unwrap()
    }

    fn sid(n: u128) -> SessionId {
        SessionId::from_uuid(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn a_check_value_fits_its_own_token_alone() {
        let peppers = peppers("secret");
        let mac = peppers.mac("token");
        assert!(peppers.fits("token", &mac));
        assert!(!peppers.fits("token2", &mac));
    }

    #[test]
    fn two_long_tokens_that_differ_only_at_their_end_have_different_check_values() {
        let (one, other) = ("a".repeat(900) + "1", "a".repeat(900) + "2");
        assert!(!peppers("secret").fits(&other, &peppers("secret").mac(&one)));
    }

    #[test]
    fn an_older_pepper_still_reads_and_the_first_writes() {
        let old = peppers("old-secret").mac("token");
        let both = peppers("1:new-secret,0:old-secret");
        assert!(both.fits("token", &old));
        assert_eq!(both.mac("token").pepper_id, "1");
        assert!(!peppers("1:new-secret").fits("token", &old), "its pepper is gone");
    }

    #[test]
    fn a_sealed_token_opens_at_its_own_place_alone() {
        let peppers = peppers("secret");
        let sealed = peppers.seal("token", sid(1), 7, [9; 12]).unwrap();
        assert_eq!(
            peppers.open(&sealed, "0", sid(1), 7).unwrap().expose_secret(),
            "token"
        );
        assert!(peppers.open(&sealed, "0", sid(2), 7).is_none());
        assert!(peppers.open(&sealed, "0", sid(1), 8).is_none());
        for place in 0..sealed.0.len() {
            let mut edited = sealed.0.clone();
            edited[place] ^= 1;
            assert!(
                peppers.open(&SealedToken(edited), "0", sid(1), 7).is_none(),
                "byte {place}"
            );
        }
    }

    #[test]
    fn a_generation_claim_is_good_for_its_family_and_generation() {
        let peppers = peppers("secret");
        let claim = peppers.generation_mac(sid(1), 3);
        assert!(peppers.knows_generation(sid(1), 3, &claim));
        assert!(!peppers.knows_generation(sid(1), 2, &claim));
        assert!(!peppers.knows_generation(sid(2), 3, &claim));
        assert!(!peppers.knows_generation(sid(1), 3, "forged"));
    }

    #[test]
    fn settings_that_list_no_peppers_are_refused() {
        let refused = |text: &str| Peppers::parse(&text.to_owned().into()).unwrap_err();
        assert_eq!(refused(""), PepperError::Empty);
        assert_eq!(refused("a b:secret"), PepperError::Id);
        assert_eq!(refused("1:x,1:y"), PepperError::Repeated);
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", peppers("1:very-secret")).contains("very-secret"));
    }
}
