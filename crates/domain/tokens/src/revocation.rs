//! What ends tokens before their time.

use std::time::Duration;

use chancery_access::Subject;
use chancery_ambient::{Ambient, Timestamp};
use chancery_ids::{RevocationId, SessionId, TenantId, TokenId};
use chancery_token_verify::{AccessClaims, Actor, LEEWAY, TokenKind};

/// One entry of the set that every process holds. It is stored in the change that causes it and forgotten when everything
/// it ends has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Its own id, drawn before the command begins.
    pub id: RevocationId,
    /// What it ends.
    pub target: Revoked,
    /// When.
    pub at: Timestamp,
    /// From when on everything it ends has expired anyway.
    pub expires_at: Timestamp,
}

/// What a revocation ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// One access token (`jti`).
    Token(TokenId),
    /// The access tokens of one session (`sid`).
    Session(SessionId),
    /// The subject's tokens of before this epoch (`sv`).
    Subject(Subject, u64),
    /// The tenant's tokens of before this epoch (`tv`).
    Tenant(TenantId, u64),
    /// Everything that a key signed (`kid`).
    Key(String),
}

/// Whose tokens all end at once, by raising the epoch on their row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Whose {
    /// Those of a person, a service account or an app, in every tenant; those that it acts with for others too.
    Subject(Subject),
    /// Those of everybody in a tenant.
    Tenant(TenantId),
}

impl Whose {
    /// What a token of before `epoch` is refused by.
    #[must_use]
    pub fn before(&self, epoch: u64) -> Revoked {
        match self {
            Self::Subject(subject) => Revoked::Subject(subject.clone(), epoch),
            Self::Tenant(tenant) => Revoked::Tenant(*tenant, epoch),
        }
    }
}

/// When a revocation was ordered, and under which id. What it ends is said beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationOrder {
    /// The revocation's id.
    pub id: RevocationId,
    /// When.
    pub at: Timestamp,
    /// From when on everything it ends has expired anyway.
    pub expires_at: Timestamp,
}

impl RevocationOrder {
    /// An order of this moment. It is kept for as long as an access token may live, whatever the settings say now: tokens
    /// issued under other settings are about.
    #[must_use]
    pub fn new(ambient: &Ambient) -> Self {
        let at = ambient.now();
        Self {
            id: ambient.new_id(),
            at,
            expires_at: at.plus(TokenKind::Access.rules().max_life + LEEWAY + MARGIN),
        }
    }

    /// The revocation of `target`.
    #[must_use]
    pub fn of(self, target: Revoked) -> Revocation {
        Revocation {
            id: self.id,
            target,
            at: self.at,
            expires_at: self.expires_at,
        }
    }
}

/// Clocks of replicas differ: nobody forgets before the last one refuses by `exp`.
const MARGIN: Duration = Duration::from_mins(1);

/// Everything a token can be revoked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMarks {
    /// `jti`.
    pub token: TokenId,
    /// `sid`.
    pub session: Option<SessionId>,
    /// `sub`, with `sv`.
    pub subject: (Subject, u64),
    /// `tenant_id`, with `tv`.
    pub tenant: Option<(TenantId, u64)>,
    /// Each `sub` of `act`, with its `sv`.
    pub actors: Vec<(Subject, u64)>,
    /// `kid`.
    pub kid: String,
}

impl TokenMarks {
    /// The marks of an access token.
    #[must_use]
    pub fn of(claims: &AccessClaims, kid: &str) -> Self {
        Self {
            token: claims.jti,
            session: claims.sid,
            subject: (claims.sub.clone(), claims.sv),
            tenant: claims.tenant_id.map(|tenant| (tenant, claims.tv)),
            actors: claims
                .act
                .iter()
                .flat_map(Actor::chain)
                .map(|actor| (actor.sub.clone(), actor.sv))
                .collect(),
            kid: kid.to_owned(),
        }
    }

    /// The subject and everybody who acts for it, each with its epoch.
    pub fn parties(&self) -> impl Iterator<Item = &(Subject, u64)> {
        std::iter::once(&self.subject).chain(&self.actors)
    }

    /// Whether `revoked` ends this token.
    #[must_use]
    pub fn are_hit_by(&self, revoked: &Revoked) -> bool {
        match revoked {
            Revoked::Token(token) => self.token == *token,
            Revoked::Session(session) => self.session == Some(*session),
            Revoked::Subject(subject, epoch) => self
                .parties()
                .any(|(party, value)| party == subject && value < epoch),
            Revoked::Tenant(tenant, epoch) => self
                .tenant
                .is_some_and(|(own, value)| own == *tenant && value < *epoch),
            Revoked::Key(kid) => self.kid == *kid,
        }
    }
}

#[cfg(test)]
mod tests {
    use chancery_access::Subject;
    use chancery_ambient::Ambient;
    use chancery_ids::SessionId;

    use super::{Revoked, TokenMarks};

    #[test]
    fn a_token_is_hit_by_each_of_its_marks_and_by_nothing_else() {
        let ambient = Ambient::system();
        let subject = Subject::Person(ambient.new_id());
        let marks = TokenMarks {
            token: ambient.new_id(),
            session: Some(ambient.new_id()),
            subject: (subject.clone(), 3),
            tenant: Some((ambient.new_id(), 5)),
            actors: vec![(Subject::ServiceAccount("worker".to_owned()), 7)],
            kid: "key-1".to_owned(),
        };
        let (session, tenant) = (marks.session.unwrap(), marks.tenant.unwrap().0);
        for hit in [
            Revoked::Token(marks.token),
            Revoked::Session(session),
            Revoked::Subject(subject.clone(), 4),
            Revoked::Tenant(tenant, 6),
            Revoked::Subject(Subject::ServiceAccount("worker".to_owned()), 8),
            Revoked::Key("key-1".to_owned()),
        ] {
            assert!(marks.are_hit_by(&hit), "{hit:?}");
        }
        let other: SessionId = ambient.new_id();
        for miss in [
            Revoked::Token(ambient.new_id()),
            Revoked::Session(other),
            Revoked::Subject(subject, 3),
            Revoked::Subject(Subject::Person(ambient.new_id()), 9),
            Revoked::Tenant(tenant, 5),
            Revoked::Tenant(ambient.new_id(), 9),
            Revoked::Key("key-2".to_owned()),
        ] {
            assert!(!marks.are_hit_by(&miss), "{miss:?}");
        }
    }
}
