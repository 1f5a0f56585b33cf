#![doc = include_str!("../README.md")]

pub mod cli;

mod adapters;
mod admin;
mod app;
mod catalog;
mod config;
mod doctor;
mod edge;
mod first_owner;
mod http;
mod keys;
mod logging;
mod metrics;
mod migrate;
mod openapi;
mod readiness;
mod retention;
mod serve;
mod serve_lock;
mod system;
mod time_keeper;
mod workers;
