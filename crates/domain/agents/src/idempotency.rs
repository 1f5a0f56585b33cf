//! The client's name for a turn, so that a request whose answer was lost can be sent again.

use chancery_access::Principal;
use chancery_ids::ConversationKey;
use ring::digest::{Context, SHA256};

use crate::{MemoryStrategy, StartChat};

/// What a client calls a request (`Idempotency-Key`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The text names no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an idempotency key has 1 to {} visible ASCII characters",
    IdempotencyKey::LONGEST
)]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// In bytes.
    pub const LONGEST: usize = 255;

    /// Reads a key: visible ASCII alone.
    pub fn parse(text: &[u8]) -> Result<Self, IdempotencyKeyError> {
        let fits = !text.is_empty() && text.len() <= Self::LONGEST && text.iter().all(u8::is_ascii_graphic);
        let text = std::str::from_utf8(text).ok().filter(|_| fits);
        text.map(|text| Self(text.to_owned())).ok_or(IdempotencyKeyError)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A turn under its client's name. One who acts for a person has names of its own, and so has each route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnClaim {
    /// The caller, and whoever acts for them.
    pub principal: String,
    /// What was asked for.
    pub route: &'static str,
    /// Its name.
    pub key: IdempotencyKey,
    /// SHA-256 of what counts in the request.
    pub request_digest: [u8; 32],
}

impl TurnClaim {
    /// The claim of a turn to `agent`, if the turn has a name.
    pub(crate) fn of(caller: &Principal, chat: &StartChat, agent: &str) -> Option<Self> {
        let key = chat.idempotency_key.clone()?;
        let parties = std::iter::once(&caller.subject).chain(&caller.actors);
        let parties: Vec<String> = parties.map(ToString::to_string).collect();
        let mut digest = Context::new(&SHA256);
        let conversation = chat.conversation_key.as_ref().map(ConversationKey::as_str);
        let memory = chat.memory.map(MemoryStrategy::as_str);
        // No name is empty, so that none and the empty one do not meet.
        let parts = [
            conversation.unwrap_or_default(),
            &chat.text,
            memory.unwrap_or_default(),
        ];
        for part in std::iter::once(agent).chain(parts) {
            digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part.as_bytes());
        }
        let mut request_digest = [0; 32];
        let digest = digest.finish();
        request_digest
            .iter_mut()
            .zip(digest.as_ref())
            .for_each(|(to, from)| *to = *from);
        Some(Self {
            principal: parties.join(" "),
            route: if chat.streamed { "chat/stream" } else { "chat" },
            key,
            request_digest,
        })
    }
}

#[cfg(test)]
mod tests {
    use chancery_access::Subject;
    use chancery_ids::ConversationKey;

    use super::{IdempotencyKey, IdempotencyKeyError, TurnClaim};
    use crate::{StartChat, testing::person};

    #[test]
    fn a_key_is_visible_ascii_of_up_to_255_bytes() {
        for good in [&b"a"[..], b"\"8e03978e-40d5-43dd\"", &[b'~'; 255]] {
            assert_eq!(IdempotencyKey::parse(good).unwrap().as_str().as_bytes(), good);
        }
        for bad in [
            &b""[..],
            b"a b",
            b"a\t",
            b"\x7f",
            "é".as_bytes(),
            b"\xff",
            &[b'a'; 256],
        ] {
            assert_eq!(IdempotencyKey::parse(bad), Err(IdempotencyKeyError));
        }
    }

    #[test]
    fn turns_that_differ_in_anything_have_different_claims() {
        let ada = person();
        let chat = |text: &str, conversation: Option<&str>, streamed| StartChat {
            conversation_key: conversation.map(|key| ConversationKey::parse(key).unwrap()),
            text: text.to_owned(),
            agent: None,
            memory: None,
            streamed,
            idempotency_key: Some(IdempotencyKey::parse(b"k").unwrap()),
        };
        let delegated = chancery_access::Principal {
            actors: vec![Subject::ServiceAccount("worker".to_owned())],
            ..ada.clone()
        };
        let turns = [
            TurnClaim::of(&ada, &chat("a", None, false), "triage"),
            TurnClaim::of(&ada, &chat("b", None, false), "triage"),
            TurnClaim::of(&ada, &chat("a", Some("c"), false), "triage"),
            TurnClaim::of(&ada, &chat("a", None, true), "triage"),
            TurnClaim::of(&ada, &chat("a", None, false), "coder"),
            TurnClaim::of(&delegated, &chat("a", None, false), "triage"),
            TurnClaim::of(&person(), &chat("a", None, false), "triage"),
            None,
        ];
        for (place, one) in turns.iter().enumerate() {
            assert!(!turns[place + 1..].contains(one), "{one:?}");
        }
        assert_eq!(turns[0], TurnClaim::of(&ada, &chat("a", None, false), "triage"));
    }
}
