//! A watched value, followed across the deaths of whoever publishes it.
//!
//! A publisher that dies closes its channel. The value it left is then old: it is marked lost at
//! once, and the new incarnation is looked for in the background. A loss that nobody has been shown
//! yet is never taken back: a viewer sees that there was one, however short.
//!
//! PHI passes through (bedsides of patients): held while somebody looks at the page, never logged.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::task::AbortOnDropHandle;

/// First pause before looking again: a killed actor is back in well under this.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// Longest pause: a viewer waits no longer than this for what is back already.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What is known of the value now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight<T> {
    /// It has not been had yet.
    Opening,
    /// This is it.
    Now(T),
    /// Nobody publishes it; this is what it last was, if it was ever had.
    Lost(Option<T>),
}

/// One value, followed until this is dropped.
#[derive(Debug)]
pub(super) struct Followed<T> {
    shared: Arc<Shared<T>>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    shown: Notify,
    /// Rung at each change; the page waits for it.
    bell: Arc<Notify>,
}

#[derive(Debug)]
struct State<T> {
    sight: Sight<T>,
    /// Whether the loss was looked at.
    shown: bool,
}

impl<T: Clone + Send + Sync + 'static> Followed<T> {
    /// Follows what `open` opens, beginning with `first` when it is open already. `bell` is rung at
    /// each change.
    pub(super) fn start<O, F, E>(
        first: Option<watch::Receiver<T>>,
        open: O,
        bell: Arc<Notify>,
    ) -> Self
    where
        O: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<watch::Receiver<T>, E>> + Send + 'static,
        E: Send + 'static,
    {
        let sight = match &first {
            Some(watched) => Sight::Now(watched.borrow().clone()),
            None => Sight::Opening,
        };
        let state = Mutex::new(State { sight, shown: true });
        let shared = Arc::new(Shared {
            state,
            shown: Notify::new(),
            bell,
        });
        let task = tokio::spawn(follow(Arc::clone(&shared), first, open));
        Self {
            shared,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// What is known now. A loss counts as shown from here on.
    pub(super) fn look(&self) -> Sight<T> {
        let mut state = self.shared.lock();
        if matches!(state.sight, Sight::Lost(_)) && !state.shown {
            state.shown = true;
            self.shared.shown.notify_one();
        }
        state.sight.clone()
    }

    /// Whether the first look-up has not ended yet.
    pub(super) fn is_opening(&self) -> bool {
        matches!(self.shared.lock().sight, Sight::Opening)
    }
}

impl<T: Clone> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, value: T) {
        self.lock().sight = Sight::Now(value);
        self.bell.notify_one();
    }

    fn lose(&self) {
        let mut state = self.lock();
        state.sight = match std::mem::replace(&mut state.sight, Sight::Opening) {
            Sight::Opening => Sight::Lost(None),
            Sight::Now(value) => Sight::Lost(Some(value)),
            // Not found again: there is no second loss to show.
            lost @ Sight::Lost(_) => {
                state.sight = lost;
                return;
            }
        };
        state.shown = false;
        drop(state);
        self.bell.notify_one();
    }

    async fn loss_is_shown(&self) {
        loop {
            {
                let state = self.lock();
                if state.shown || !matches!(state.sight, Sight::Lost(_)) {
                    return;
                }
            }
            self.shown.notified().await;
        }
    }
}

async fn follow<T, O, F, E>(shared: Arc<Shared<T>>, mut first: Option<watch::Receiver<T>>, open: O)
where
    T: Clone + Send + Sync + 'static,
    O: Fn() -> F,
    F: Future<Output = Result<watch::Receiver<T>, E>>,
{
    loop {
        let mut watched = match first.take() {
            Some(watched) => watched,
            None => found(&shared, &open).await,
        };
        shared.loss_is_shown().await;
        loop {
            let value = watched.borrow_and_update().clone();
            shared.put(value);
            if watched.changed().await.is_err() {
                break;
            }
        }
        shared.lose();
    }
}

async fn found<T, O, F, E>(shared: &Shared<T>, open: &O) -> watch::Receiver<T>
where
    T: Clone,
    O: Fn() -> F,
    F: Future<Output = Result<watch::Receiver<T>, E>>,
{
    let mut pause = PAUSE_MIN;
    loop {
        if let Ok(watched) = open().await {
            return watched;
        }
        shared.lose();
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    type Source = Arc<Mutex<Option<watch::Receiver<u8>>>>;

    fn followed(
        first: Option<watch::Receiver<u8>>,
        source: &Source,
    ) -> (Followed<u8>, Arc<Notify>) {
        let bell = Arc::new(Notify::new());
        let source = Arc::clone(source);
        let open = move || {
            let found = source.lock().unwrap().clone().ok_or(());
            async move { found }
        };
        (Followed::start(first, open, Arc::clone(&bell)), bell)
    }

    async fn until(followed: &Followed<u8>, bell: &Notify, wanted: &Sight<u8>) {
        let reached = async {
            while followed.look() != *wanted {
                bell.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reached)
            .await
            .expect("in time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_is_followed_across_a_death_and_the_loss_is_shown_in_between() {
        let source = Source::default();
        let (sender, receiver) = watch::channel(1);
        let (followed, bell) = followed(Some(receiver), &source);
        assert_eq!(followed.look(), Sight::Now(1));
        sender.send(2).unwrap();
        until(&followed, &bell, &Sight::Now(2)).await;
        // The next incarnation is there before anybody has looked.
        let (next, receiver) = watch::channel(3);
        *source.lock().unwrap() = Some(receiver);
        drop(sender);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(
            followed.look(),
            Sight::Lost(Some(2)),
            "the loss is shown first"
        );
        until(&followed, &bell, &Sight::Now(3)).await;
        next.send(4).unwrap();
        until(&followed, &bell, &Sight::Now(4)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_is_lost_and_looked_for_ever_more_slowly() {
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tries);
        let open = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Err::<watch::Receiver<u8>, ()>(()) }
        };
        let followed = Followed::start(None, open, Arc::new(Notify::new()));
        assert!(followed.is_opening());
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(followed.look(), Sight::Lost(None));
        let tried = tries.load(Ordering::Relaxed);
        assert!((60..=70).contains(&tried), "{tried} tries in a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_looked_for_when_nobody_follows_any_more() {
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tries);
        let open = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Err::<watch::Receiver<u8>, ()>(()) }
        };
        drop(Followed::start(None, open, Arc::new(Notify::new())));
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(tries.load(Ordering::Relaxed) <= 1);
    }
}
