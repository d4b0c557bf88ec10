//! What a child learns when it is started: where it is, which life this is, and how to say that
//! it is ready.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::handle::Handle;
use crate::life::{News, Report, Token};

/// Handed to the factory of every start.
#[derive(Debug)]
pub struct StartContext {
    above: Arc<str>,
    id: Arc<str>,
    restarts: u32,
    readiness: Readiness,
}

impl StartContext {
    pub(crate) fn new(above: Arc<str>, id: Arc<str>, restarts: u32, readiness: Readiness) -> Self {
        Self {
            above,
            id,
            restarts,
            readiness,
        }
    }

    /// Path of the child, from the root's name down.
    pub fn path(&self) -> String {
        format!("{}/{}", self.above, self.id)
    }

    /// The child's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How often the child was started before, since its supervisor started: 0 for the first.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// By which a child that [awaits readiness](crate::ChildSpec::awaits_readiness) says that it
    /// is ready. The actor keeps it and calls [`Readiness::ready`] when it can serve.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    pub(crate) fn whereabouts(self) -> (Arc<str>, Arc<str>) {
        (self.above, self.id)
    }
}

/// Says that a child is ready, so that the siblings after it start.
#[derive(Clone)]
pub struct Readiness(Option<Awaited>);

/// Who waits for a child to be ready.
#[derive(Clone)]
struct Awaited {
    report: Report,
    /// Of a life that is over there is nothing to say.
    life: Weak<Token>,
}

impl Readiness {
    pub(crate) fn new(token: &Arc<Token>, awaited: bool) -> Self {
        Self(awaited.then(|| Awaited {
            report: token.report().clone(),
            life: Arc::downgrade(token),
        }))
    }

    /// The child is ready. Without effect when nobody waits for it, and when said again.
    pub fn ready(&self) {
        if let Some(Awaited { report, life }) = &self.0
            && life.strong_count() > 0
        {
            report.send(News::Up);
        }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("awaited", &self.0.is_some())
            .finish_non_exhaustive()
    }
}

/// The handles that a child is given: one, or a tuple of up to four.
///
/// They are those of children that start before it, which is checked when the tree starts.
pub trait Needs {
    /// The same handles, owned.
    type Handles: Clone + Send + Sync + 'static;

    /// Clones them.
    fn handles(&self) -> Self::Handles;

    /// Where their actors are reached, for the check of the start order.
    #[doc(hidden)]
    fn seats(&self) -> Vec<usize>;
}

impl<M: Send + 'static> Needs for &Handle<M> {
    type Handles = Handle<M>;

    fn handles(&self) -> Handle<M> {
        (*self).clone()
    }

    fn seats(&self) -> Vec<usize> {
        vec![Arc::as_ptr(&self.seat()).addr()]
    }
}

macro_rules! needs {
    ($($name:ident: $place:tt),+) => {
        impl<$($name: Needs),+> Needs for ($($name,)+) {
            type Handles = ($($name::Handles,)+);

            fn handles(&self) -> Self::Handles {
                ($(self.$place.handles(),)+)
            }

            fn seats(&self) -> Vec<usize> {
                let mut seats = Vec::new();
                $(seats.extend(self.$place.seats());)+
                seats
            }
        }
    };
}

needs!(A: 0);
needs!(A: 0, B: 1);
needs!(A: 0, B: 1, C: 2);
needs!(A: 0, B: 1, C: 2, D: 3);
