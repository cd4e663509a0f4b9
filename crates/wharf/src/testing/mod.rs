//! What tests of endpoints and layers share: ends that live in memory.
//!
//! Built with the feature `testing`, for the tests of other crates and of yours.

pub mod memory;
