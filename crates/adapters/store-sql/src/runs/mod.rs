//! Runs and their log.
