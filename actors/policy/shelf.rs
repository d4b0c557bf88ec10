//! A table that decisions read and one actor owns: found while its owner lives, gone with it.
//!
//! Owned is every tenant's part of it that somebody asked for, read whole from the database by the
//! owner. A tenant whose part is not there is unknown, never empty: whoever reads must refuse. The
//! list of who was asked for outlives the owner, so that its successor loads the same again.

use super::changes::Changes;
use arc_swap::ArcSwapWeak;
use dashmap::DashMap;
use plantao_schema::id::Tenant;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::Notify;
use tokio::time::{Duration, sleep};

/// Most tenants of one node. They come from verified credentials; beyond it they stay unknown.
const TENANTS_MAX: usize = 4_096;

/// Between attempts to load what could not be loaded.
const RETRY_EVERY: Duration = Duration::from_millis(500);

type Rows<R> = DashMap<Tenant, R>;

/// The place where readers look. Clones share it; it outlives owners.
pub(crate) struct Shelf<R>(Arc<Inner<R>>);

struct Inner<R> {
    current: ArcSwapWeak<Rows<R>>,
    wanted: Mutex<BTreeSet<Tenant>>,
    asked: Notify,
    /// Moves at every [`Shelf::doubt`]: what was read before it may be what is doubted.
    doubts: AtomicU64,
    changes: Changes,
}

impl<R> Clone for Shelf<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> Shelf<R> {
    pub(super) fn new(changes: Changes) -> Self {
        Self(Arc::new(Inner {
            current: ArcSwapWeak::new(Weak::new()),
            wanted: Mutex::default(),
            asked: Notify::new(),
            doubts: AtomicU64::new(0),
            changes,
        }))
    }

    /// Looks into a tenant's part; `None` when it is unknown.
    pub(super) fn look<T>(&self, tenant: &Tenant, read: impl FnOnce(&R) -> T) -> Option<T> {
        let rows = self.0.current.load().upgrade()?;
        rows.get(tenant).map(|part| read(&part))
    }

    /// Asks for a tenant's part, now and from every later owner.
    pub(super) fn want(&self, tenant: &Tenant) {
        let mut wanted = self.wanted();
        if !wanted.contains(tenant) && wanted.len() < TENANTS_MAX {
            wanted.insert(tenant.clone());
            self.0.asked.notify_one();
        }
    }

    /// Takes ownership, with nothing loaded. The owner before is gone: supervision sees to that.
    pub(crate) fn own(&self) -> Owned<R> {
        let rows = Arc::new(Rows::new());
        self.0.current.store(Arc::downgrade(&rows));
        self.0.changes.bump();
        Owned {
            shelf: self.clone(),
            rows,
        }
    }

    /// Makes a tenant unknown until it is loaded again: nobody can tell what is true of it.
    pub(crate) fn doubt(&self, tenant: &Tenant) {
        self.0.doubts.fetch_add(1, Ordering::SeqCst);
        if let Some(rows) = self.0.current.load().upgrade() {
            rows.remove(tenant);
        }
        self.0.asked.notify_one();
        self.0.changes.bump();
    }

    /// How much has been doubted so far, to be told to [`Owned::load`]: asked before reading.
    pub(crate) fn doubts(&self) -> Doubts {
        Doubts(self.0.doubts.load(Ordering::SeqCst))
    }

    /// What goes along with the news of a durable change, wherever it may be lost.
    pub(crate) fn news(&self, tenant: &Tenant) -> News<R> {
        News {
            shelf: self.clone(),
            tenant: tenant.clone(),
            taken_in: false,
        }
    }

    /// Loads whatever is asked for and not there, for as long as it is polled. `load` says
    /// whether it could.
    pub(crate) async fn keep_loaded<F>(self, load: impl Fn(Tenant) -> F)
    where
        F: Future<Output = bool>,
    {
        loop {
            let mut all = true;
            for tenant in self.missing() {
                all &= load(tenant).await;
            }
            if all {
                self.0.asked.notified().await;
            } else {
                sleep(RETRY_EVERY).await;
            }
        }
    }

    fn missing(&self) -> Vec<Tenant> {
        let rows = self.0.current.load().upgrade();
        let is_there =
            |tenant: &Tenant| rows.as_ref().is_some_and(|rows| rows.contains_key(tenant));
        let wanted = self.wanted();
        wanted
            .iter()
            .filter(|one| !is_there(one))
            .cloned()
            .collect()
    }

    fn wanted(&self) -> std::sync::MutexGuard<'_, BTreeSet<Tenant>> {
        self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A count of doubts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doubts(u64);

/// Durable news on the way to the owner. Lost in any way, in a mailbox or with an owner that dies
/// over it, it puts its tenant in doubt: what was taken back must not stay in force.
pub(crate) struct News<R> {
    shelf: Shelf<R>,
    tenant: Tenant,
    taken_in: bool,
}

impl<R> News<R> {
    /// The owner's table says so now.
    pub(crate) fn taken_in(mut self) {
        self.taken_in = true;
    }
}

impl<R> Drop for News<R> {
    fn drop(&mut self) {
        if !self.taken_in {
            self.shelf.doubt(&self.tenant);
        }
    }
}

/// The owner's side: the only strong reference. Dropping it, however that happens, makes every
/// tenant unknown.
pub(crate) struct Owned<R> {
    shelf: Shelf<R>,
    rows: Arc<Rows<R>>,
}

impl<R> Owned<R> {
    /// Puts a tenant's part in place, read after `since`. False when something was doubted
    /// meanwhile: then it is to be read again.
    pub(crate) fn load(&self, tenant: Tenant, part: R, since: Doubts) -> bool {
        self.rows.insert(tenant.clone(), part);
        // In this order: a doubt between the two takes the part out itself.
        let certain = self.shelf.doubts() == since;
        if !certain {
            self.rows.remove(&tenant);
        }
        self.shelf.0.changes.bump();
        certain
    }

    /// Changes a tenant's part, if it is there. `change` says whether another decision may follow.
    pub(crate) fn change(&self, tenant: &Tenant, change: impl FnOnce(&mut R) -> bool) {
        let changed = match self.rows.get_mut(tenant) {
            Some(mut part) => change(&mut part),
            None => false,
        };
        if changed {
            self.shelf.0.changes.bump();
        }
    }
}

impl<R> Drop for Owned<R> {
    fn drop(&mut self) {
        // Before the notice: whoever decides because of it must not find the table any more.
        self.shelf.0.current.store(Weak::new());
        self.shelf.0.changes.bump();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    fn tenant(name: &str) -> Tenant {
        Tenant::parse(name).unwrap()
    }

    fn shelf() -> Shelf<u32> {
        Shelf::new(Changes::new())
    }

    fn put(owned: &Owned<u32>, part: u32) {
        assert!(owned.load(tenant("demo"), part, owned.shelf.doubts()));
    }

    #[test]
    fn a_part_read_before_a_doubt_is_not_put_in_place_after_it() {
        let (shelf, demo) = (shelf(), tenant("demo"));
        let owned = shelf.own();
        let since = shelf.doubts();
        shelf.doubt(&demo);
        assert!(!owned.load(demo.clone(), 1, since));
        assert_eq!(shelf.look(&demo, |part| *part), None);
        put(&owned, 2);
        assert_eq!(shelf.look(&demo, |part| *part), Some(2));
    }

    #[test]
    fn news_that_is_lost_puts_its_tenant_in_doubt_and_news_taken_in_does_not() {
        let (shelf, demo) = (shelf(), tenant("demo"));
        let owned = shelf.own();
        put(&owned, 1);
        shelf.news(&tenant("another")).taken_in();
        shelf.news(&demo).taken_in();
        assert_eq!(shelf.look(&demo, |part| *part), Some(1));
        drop(shelf.news(&demo));
        assert_eq!(shelf.look(&demo, |part| *part), None);
    }

    #[test]
    fn a_part_is_known_from_its_loading_until_its_owner_is_gone() {
        let (shelf, demo) = (shelf(), tenant("demo"));
        let look = || shelf.look(&demo, |part| *part);
        assert_eq!(look(), None);
        let owned = shelf.own();
        assert_eq!(look(), None, "owned is not yet loaded");
        put(&owned, 7);
        assert_eq!(look(), Some(7));
        owned.change(&demo, |part| std::mem::replace(part, 8) != 8);
        assert_eq!(look(), Some(8));
        shelf.doubt(&demo);
        assert_eq!(look(), None);
        put(&owned, 9);
        drop(owned);
        assert_eq!(look(), None);
    }

    #[test]
    fn every_step_of_an_owners_life_is_announced() {
        let (shelf, demo) = (shelf(), tenant("demo"));
        let mut changes = shelf.0.changes.subscribe();
        let mut announced = || {
            let moved = changes.has_changed().unwrap();
            changes.mark_unchanged();
            moved
        };
        let owned = shelf.own();
        assert!(announced());
        put(&owned, 1);
        assert!(announced());
        owned.change(&demo, |part| std::mem::replace(part, 2) != 2);
        assert!(announced());
        owned.change(&demo, |part| std::mem::replace(part, 2) != 2);
        owned.change(&tenant("another"), |_| true);
        assert!(!announced(), "nothing changed");
        shelf.doubt(&demo);
        assert!(announced());
        assert!(!announced(), "nothing happened");
        drop(owned);
        assert!(announced());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_for_is_loaded_again_by_the_next_owner_and_failures_are_retried() {
        let shelf = shelf();
        shelf.want(&tenant("demo"));
        for life in 1..=2 {
            let owned = shelf.own();
            let attempts = AtomicU32::new(0);
            let load = |tenant: Tenant| {
                let attempt = attempts.fetch_add(1, Ordering::Relaxed);
                let since = owned.shelf.doubts();
                std::future::ready(attempt > 2 && owned.load(tenant, life, since))
            };
            let loading = shelf.clone().keep_loaded(load);
            let limit = Duration::from_secs(5);
            assert!(tokio::time::timeout(limit, loading).await.is_err());
            assert_eq!(attempts.load(Ordering::Relaxed), 4);
            assert_eq!(shelf.look(&tenant("demo"), |part| *part), Some(life));
        }
    }

    #[test]
    fn the_tenants_asked_for_are_bounded() {
        let shelf = shelf();
        for number in 0..=TENANTS_MAX {
            shelf.want(&tenant(&format!("t{number}")));
        }
        assert_eq!(shelf.missing().len(), TENANTS_MAX);
    }
}
