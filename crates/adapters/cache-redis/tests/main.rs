//! The adapters against a real Redis.
#![cfg(test)]

mod contracts;
mod fan_out;
mod guards;
mod policy;
mod support;
