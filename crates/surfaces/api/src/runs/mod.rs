//! Turns of hosted agents: `/chat` begins them, `/runs` and a conversation's ledger read them.

mod problem;
mod read;
mod turns;
mod wire;

pub(crate) use read::{cancel_run, follow_conversation, follow_run};
pub(crate) use turns::{chat, chat_stream};
