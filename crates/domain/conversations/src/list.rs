//! Places in lists, filters and search hits.

use chancery_ambient::Timestamp;
use chancery_ids::ConversationId;
use serde::{Deserialize, Serialize};

use crate::Conversation;

/// Which conversations a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only those whose entry agent this is.
    pub agent: Option<String>,
}

impl ListFilter {
    /// Whether any conversation can pass: no agent has a name with control characters, and storage cannot even ask for
    /// some of them.
    pub(crate) fn can_match(&self) -> bool {
        !self
            .agent
            .as_deref()
            .is_some_and(|agent| agent.contains(char::is_control))
    }
}

/// The sort key of a conversation in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPlace {
    /// `updated_at` of the last item.
    pub ts: Timestamp,
    /// Its id, which breaks ties.
    pub id: ConversationId,
}

/// The sort key of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePlace {
    /// Position of the last item.
    pub position: u64,
}

/// The sort key of a search hit: rank descending, then newest, then id.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SearchPlace {
    /// Rank of the last item, higher is better. Written by its bits: decimal text would not always read back the same.
    #[serde(with = "by_bits")]
    pub rank: f64,
    /// Its `updated_at`.
    pub ts: Timestamp,
    /// Its id.
    pub id: ConversationId,
}

/// Which way a list of messages runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

/// A conversation that a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchHit {
    /// The conversation.
    pub conversation: Conversation,
    /// The beginning of its best message, at most 120 characters.
    pub preview: String,
    /// How well it fits; higher is better, comparable within one answer alone.
    pub rank: f64,
}

mod by_bits {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(rank: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(rank.to_bits())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        let rank = f64::from_bits(u64::deserialize(deserializer)?);
        if rank.is_finite() {
            Ok(rank)
        } else {
            Err(D::Error::custom("not a rank"))
        }
    }
}

#[cfg(test)]
mod tests {
    use chancery_ambient::{Ambient, Timestamp};
    use chancery_ids::Cursor;
    use proptest::prelude::*;

    use super::SearchPlace;

    fn place(rank: f64) -> SearchPlace {
        SearchPlace {
            rank,
            ts: Timestamp::EPOCH,
            id: Ambient::system().new_id(),
        }
    }

    proptest! {
        #[test]
        fn a_rank_survives_its_cursor_to_the_last_bit(rank in any::<f64>().prop_filter("finite", |rank| rank.is_finite())) {
            let place = place(rank);
            prop_assert_eq!(Cursor::of(&place).read::<SearchPlace>(), Ok(place));
        }
    }

    #[test]
    fn a_cursor_with_a_rank_that_no_search_gives_is_refused() {
        assert!(Cursor::of(&place(f64::NAN)).read::<SearchPlace>().is_err());
        assert!(Cursor::of(&place(f64::INFINITY)).read::<SearchPlace>().is_err());
    }
}
