//! Links that are mailed: whoever opens one has the address.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_access::TenantRole;
use chancery_ambient::Timestamp;
use chancery_ids::{Kind, TenantId, TypedId, UserId};
use ring::{hkdf, hmac};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::EmailAddress;

/// Marks ids of mailed links.
pub enum LinkMark {}

impl Kind for LinkMark {
    const PREFIX: &'static str = "inv_";
    const NOUN: &'static str = "invitation";
}

/// A mailed link. The wire speaks of invitations by it.
pub type LinkId = TypedId<LinkMark>;

/// A link as it is kept. What stands in the mail besides is made from it and a secret of the server, and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// What it is for.
    pub kind: LinkKind,
    /// Where it was mailed to.
    pub email: EmailAddress,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is of no use.
    pub expires_at: Timestamp,
}

/// What a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkKind {
    /// Choosing another password.
    PasswordReset(UserId),
    /// Proving the address.
    EmailVerification(UserId),
    /// Becoming a member.
    Invitation {
        /// Of which tenant.
        tenant: TenantId,
        /// As what.
        role: TenantRole,
        /// Who invited.
        invited_by: UserId,
    },
}

/// Makes and reads what stands in a mailed link: the link's id and a code over id and purpose that only this server can make.
/// Nobody who reads the database can make one, and nothing that could be used lies in it.
pub struct LinkSecret(Vec<hmac::Key>);

impl LinkSecret {
    /// The codes under these secrets: `id:secret` or a bare secret, separated by commas. The first makes, all read.
    #[must_use]
    pub fn derived_from(list: &SecretString) -> Self {
        let secrets = list.expose_secret().split(',');
        let key = |entry: &str| {
            let secret = entry.split_once(':').map_or(entry, |(_, secret)| secret);
            let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"chancery mailed links");
            let root = root.extract(secret.as_bytes());
            root.expand(&[b"link"], hmac::HMAC_SHA256).map_or_else(
                // Expanding to the length of the hash cannot fail; the plain secret would be no worse.
                |_| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
                hmac::Key::from,
            )
        };
        Self(secrets.map(key).collect())
    }

    /// What stands in the mail.
    #[must_use]
    pub fn token(&self, link: &Link) -> SecretString {
        let mut bytes = link.id.as_uuid().into_bytes().to_vec();
        if let Some(key) = self.0.first() {
            bytes.extend_from_slice(hmac::sign(key, &material(&link.kind, link.id)).as_ref());
        }
        URL_SAFE_NO_PAD.encode(bytes).into()
    }

    /// Which link a token names, if its form is right. Whether it is genuine tells [`Self::is_genuine`].
    #[must_use]
    pub fn named(token: &SecretString) -> Option<LinkId> {
        let bytes = URL_SAFE_NO_PAD.decode(token.expose_secret()).ok()?;
        let id = bytes.first_chunk::<16>().filter(|_| bytes.len() == 48)?;
        Some(LinkId::from_uuid(Uuid::from_bytes(*id)))
    }

    /// Whether this server made the token for this link.
    #[must_use]
    pub fn is_genuine(&self, token: &SecretString, link: &Link) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(token.expose_secret()) else {
            return false;
        };
        let Some((_, code)) = bytes.split_at_checked(16) else {
            return false;
        };
        let material = material(&link.kind, link.id);
        self.0
            .iter()
            .any(|key| hmac::verify(key, &material, code).is_ok())
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(…)")
    }
}

/// The purpose is part of it: a link for one thing is of no use for another.
fn material(kind: &LinkKind, id: LinkId) -> Vec<u8> {
    let purpose = kind.name().as_bytes();
    [purpose, &[0], id.as_uuid().as_bytes()].concat()
}

impl LinkKind {
    /// The name in storage.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PasswordReset(_) => "password_reset",
            Self::EmailVerification(_) => "email_verification",
            Self::Invitation { .. } => "invitation",
        }
    }
}

#[cfg(test)]
mod tests {
    use chancery_ambient::Ambient;

    use super::{Link, LinkKind, LinkSecret};
    use crate::EmailAddress;

    fn link() -> Link {
        let ambient = Ambient::system();
        Link {
            id: ambient.new_id(),
            kind: LinkKind::PasswordReset(ambient.new_id()),
            email: EmailAddress::parse("ada@example.org").unwrap(),
            created_at: ambient.now(),
            expires_at: ambient.now(),
        }
    }

    #[test]
    fn a_token_names_its_link_and_is_genuine_for_it_alone() {
        let secret = LinkSecret::derived_from(&"new:two,old:one".into());
        let (one, other) = (link(), link());
        let token = secret.token(&one);
        assert_eq!(LinkSecret::named(&token), Some(one.id));
        assert!(secret.is_genuine(&token, &one));
        assert!(!secret.is_genuine(&token, &other));
        let another_purpose = Link {
            kind: LinkKind::EmailVerification(Ambient::system().new_id()),
            ..one.clone()
        };
        assert!(!secret.is_genuine(&token, &another_purpose));
        // An earlier secret still reads, a stranger's does not.
        let earlier = LinkSecret::derived_from(&"one".into()).token(&one);
        assert!(secret.is_genuine(&earlier, &one));
        let strange = LinkSecret::derived_from(&"three".into()).token(&one);
        assert!(!secret.is_genuine(&strange, &one));
        for text in ["", "x", "AAAA", "no base64!"] {
            assert_eq!(LinkSecret::named(&text.into()), None);
        }
    }
}
