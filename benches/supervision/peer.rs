//! `Peer`: whose supervisors are measured in this process, ours among them.

use crate::bare::{self, Again};
use crate::kameo_peer;
use crate::ours::{self, Kind};
use crate::task;
use crate::ward::{Plan, Raised};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Ours(Kind),
    Bare(Again),
    Kameo,
    Task,
}

impl Peer {
    pub(crate) const OURS: [Self; 2] = [Self::Ours(Kind::Fixed), Self::Ours(Kind::Dynamic)];
    /// What the cost of supervision is taken from.
    pub(crate) const BARE: Self = Self::Bare(Again::AtOnce);
    pub(crate) const ALL: [Self; 6] = [
        Self::Ours(Kind::Fixed),
        Self::Ours(Kind::Dynamic),
        Self::BARE,
        Self::Bare(Again::WhenGone),
        Self::Kameo,
        Self::Task,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours(Kind::Fixed) => "plantao, one_for_one",
            Self::Ours(Kind::Dynamic) => "plantao, dynamic",
            Self::Bare(Again::AtOnce) => "bare ractor, spawn_linked",
            Self::Bare(Again::WhenGone) => "bare ractor, old task awaited",
            Self::Kameo => "kameo, supervise_with",
            Self::Task => "tokio task, JoinHandle loop",
        }
    }

    /// Starts a supervisor with its children.
    pub(crate) async fn raise(self, plan: Plan) -> Raised {
        match self {
            Self::Ours(kind) => ours::raise(kind, plan).await,
            Self::Bare(again) => bare::raise(again, plan).await,
            Self::Kameo => kameo_peer::raise(plan).await,
            Self::Task => task::raise(plan).await,
        }
    }
}
