//! Locks that survive a panic of another holder.
//!
//! Each critical section of this crate leaves its data whole at every step, so a poisoned lock
//! carries no information that would justify taking a supervisor down.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
