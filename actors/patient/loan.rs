//! A value lent to an actor for the time of one message, and certain to come back.
//!
//! An opened audit entry must outlive the actor that works under it: when the actor dies, whoever
//! sent the message still has to say what became of the change. So the entry stays with the sender
//! and the actor borrows it; a borrower that is dropped, by a kill or a panic, gives it back. The
//! loan also remembers whether a commit was sent, which decides between "failed" and "in doubt".

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// The lender's side; a clone travels in the message.
pub struct Loan<T>(Arc<Desk<T>>);

struct Desk<T> {
    value: Mutex<Option<T>>,
    returned: Notify,
    borrowed: AtomicBool,
    committing: AtomicBool,
}

/// The borrower's side. Dropping it gives the value back.
pub struct Borrowed<T> {
    desk: Arc<Desk<T>>,
    value: Option<T>,
}

impl<T> Loan<T> {
    /// Offers a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Arc::new(Desk {
            value: Mutex::new(Some(value)),
            returned: Notify::new(),
            borrowed: AtomicBool::new(false),
            committing: AtomicBool::new(false),
        }))
    }

    /// A second way to the same value, for the message.
    pub(super) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Takes the value for a while; `None` once the lender took it back.
    #[must_use]
    pub fn borrow(&self) -> Option<Borrowed<T>> {
        let value = self.0.take()?;
        self.0.borrowed.store(true, Ordering::Release);
        Some(Borrowed {
            desk: Arc::clone(&self.0),
            value: Some(value),
        })
    }

    /// Whether anybody ever began to work under the value.
    pub(super) fn was_borrowed(&self) -> bool {
        self.0.borrowed.load(Ordering::Acquire)
    }

    /// Whether the borrower sent a commit.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        self.0.committing.load(Ordering::Acquire)
    }

    /// Takes the value back for good, waiting while it is borrowed. Borrowers have deadlines, so
    /// the wait ends; afterwards nobody can borrow.
    pub(super) async fn reclaim(&self) -> T {
        loop {
            let returned = self.0.returned.notified();
            if let Some(value) = self.0.take() {
                return value;
            }
            returned.await;
        }
    }
}

impl<T> Desk<T> {
    fn take(&self) -> Option<T> {
        self.value
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl<T> Borrowed<T> {
    /// The value; `None` never happens before the drop.
    pub const fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Notes that from here on the change may happen whatever becomes of the borrower.
    pub fn committing(&self) {
        self.desk.committing.store(true, Ordering::Release);
    }
}

impl<T> Drop for Borrowed<T> {
    fn drop(&mut self) {
        *self
            .desk
            .value
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = self.value.take();
        self.desk.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_never_borrowed_is_taken_back_and_cannot_be_borrowed_later() {
        let loan = Loan::new("entry");
        let travelling = loan.share();
        assert_eq!(loan.reclaim().await, "entry");
        assert!(travelling.borrow().is_none());
    }

    #[tokio::test]
    async fn a_borrower_that_dies_gives_the_value_back() {
        let loan = Loan::new("entry");
        let borrowed = loan.borrow();
        let task = tokio::spawn(async move {
            let _held = borrowed;
            std::future::pending::<()>().await;
        });
        task.abort();
        assert_eq!(loan.reclaim().await, "entry");
        assert!(!loan.is_committing());
    }

    #[tokio::test]
    async fn the_lender_learns_that_a_commit_was_sent() {
        let loan = Loan::new("entry");
        loan.borrow().unwrap().committing();
        assert_eq!(loan.reclaim().await, "entry");
        assert!(loan.is_committing());
    }
}
