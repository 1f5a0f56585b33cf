#![doc = include_str!("../README.md")]

mod fan_out;

pub use fan_out::InProcessFanOut;
