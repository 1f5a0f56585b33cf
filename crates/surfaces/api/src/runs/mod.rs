//! Turns of hosted agents: `/chat` begins them, `/runs` and a conversation's ledger read them.

mod approvals;
mod begin;
mod idempotency;
mod problem;
mod read;
mod wire;

pub(crate) use approvals::{list_approvals, settle_approval, show_approval};
pub(crate) use begin::{chat, chat_stream};
pub(crate) use read::{cancel_run, follow_conversation, follow_run};

#[cfg(test)]
mod tests;
