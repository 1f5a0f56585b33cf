//! What any implementation of this crate's ports has to keep to.

pub mod run_fan_out;
pub mod run_store;

use chancery_ambient::Ambient;
use chancery_ids::ConversationKey;

use crate::{LEASE, NewRun, RunEvent, What};

/// A piece of an answer.
fn delta(id: u64, text: &str) -> RunEvent {
    let item = crate::ItemPlace { output_index: 0, item_id: "message_0".to_owned() };
    let what = What::MessageDelta { item, delta: text.to_owned() };
    RunEvent { id, at: Ambient::system().now(), agent: Some("triage".to_owned()), what }
}

/// A first turn of a new person of a new tenant.
fn new_run(key: ConversationKey) -> NewRun {
    let ambient = Ambient::system();
    let at = ambient.now();
    NewRun {
        id: ambient.new_id(),
        tenant: ambient.new_id(),
        owner: ambient.new_id(),
        conversation_key: key,
        new_conversation: ambient.new_id(),
        user_message: ambient.new_id(),
        text: "hello".to_owned(),
        entry_agent: "triage".to_owned(),
        events: vec![delta(1, "first")],
        ids_until: 100,
        at,
        lease_until: at.plus(LEASE),
    }
}
