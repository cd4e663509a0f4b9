//! What tests of endpoints and layers share: ends that live in memory, a peer that follows a script,
//! and the one suite that every connected pair passes.
//!
//! Built with the feature `testing`, for the tests of other crates and of yours.

pub mod conformance;
pub mod memory;
pub mod script;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what two ends share. A test that panicked elsewhere must not hide its own message behind
/// that of a poisoned lock.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
