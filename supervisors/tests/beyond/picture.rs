//! A picture of the tree, kept by replaying events on a snapshot, equals a fresh snapshot once
//! everything has come to rest.

use plantao_supervisors::{
    Backoff, ChildSpec, DynamicHandle, DynamicSpec, ExitReason, Intensity, Lifecycle,
    LifecycleEvent, NodeKind, NodeState, Restart, Shutdown, Snapshot, Strategy, Tree,
};
use std::collections::BTreeMap;

use crate::support::*;
use crate::watch::*;

#[derive(Debug, Clone, PartialEq)]
struct Node {
    kind: NodeKind,
    state: NodeState,
    restarts: u64,
    last_exit: Option<ExitReason>,
}

/// What a dashboard keeps.
#[derive(Debug, Clone, PartialEq)]
struct Picture {
    seq: u64,
    nodes: BTreeMap<String, Node>,
}

impl Picture {
    fn of(tree: &Tree) -> Self {
        fn walk(snapshot: &Snapshot, nodes: &mut BTreeMap<String, Node>) {
            let node = Node {
                kind: snapshot.kind,
                state: snapshot.state,
                restarts: snapshot.restarts,
                last_exit: snapshot.last_exit.clone(),
            };
            nodes.insert(snapshot.path.clone(), node);
            for child in &snapshot.children {
                walk(child, nodes);
            }
        }
        let (snapshot, mut nodes) = (tree.snapshot(), BTreeMap::new());
        walk(&snapshot, &mut nodes);
        let seq = snapshot.seq.unwrap();
        Self { seq, nodes }
    }

    fn replay(&mut self, changes: Vec<Lifecycle>) {
        for change in changes {
            if change.seq > self.seq {
                assert_eq!(change.seq, self.seq + 1, "an event is missing");
                self.seq = change.seq;
                self.take(change);
            }
        }
    }

    fn take(&mut self, change: Lifecycle) {
        let Lifecycle {
            path, kind, event, ..
        } = change;
        if matches!(event, LifecycleEvent::Restarting { .. }) && kind != NodeKind::Worker {
            let below = format!("{path}/");
            self.nodes.retain(|other, _| !other.starts_with(&below));
        }
        if event == LifecycleEvent::Removed {
            let below = format!("{path}/");
            self.nodes.retain(|other, _| !other.starts_with(&below));
            self.nodes.remove(&path);
            return;
        }
        let node = self.nodes.entry(path).or_insert(Node {
            kind,
            state: NodeState::Starting,
            restarts: 0,
            last_exit: None,
        });
        node.state = match event {
            LifecycleEvent::Started => NodeState::Running,
            LifecycleEvent::Restarting { attempt } => {
                node.restarts = attempt;
                NodeState::Restarting
            }
            LifecycleEvent::Stopped { reason } => {
                node.last_exit = Some(reason);
                NodeState::Stopped
            }
            LifecycleEvent::Exited { reason } | LifecycleEvent::StartFailed { reason } => {
                let clean = reason.is_clean();
                node.last_exit = Some(reason);
                if clean {
                    NodeState::Stopped
                } else {
                    NodeState::Failed
                }
            }
            LifecycleEvent::Ignored | LifecycleEvent::Added => NodeState::Stopped,
            LifecycleEvent::Resting { .. } => NodeState::Restarting,
            LifecycleEvent::Stalled => NodeState::Stopping,
            LifecycleEvent::Quarantined => NodeState::Quarantined,
            // Its exit follows; what is removed is gone already.
            LifecycleEvent::GaveUp { .. } | LifecycleEvent::Removed => node.state,
        };
    }
}

/// Workers of every kind that an exit can take along.
struct World {
    tree: Tree,
    lines: Vec<Line>,
    pool: DynamicHandle,
    board: Board,
}

async fn world() -> World {
    let (board, pool) = (Board::default(), DynamicHandle::new());
    let mut all: Vec<Line> = Vec::new();
    let mut one = |id: &str| {
        let line = line();
        all.push(line.clone());
        worker(id, &line, &board).shutdown(Shutdown::Timeout(SECOND))
    };
    let backoff = Backoff::exponential(MS, 8 * MS).jitter(0.5);
    let strict = Intensity::new(2, 10 * MS);
    let mut groups = patient(Strategy::RestForOne)
        .child(one("g").liveness(4 * MS))
        .child(one("h").backoff(backoff))
        .child(one("i"));
    groups.intensity = strict;
    let mut inner = patient(Strategy::OneForAll)
        .child(one("c").restart(Restart::Transient))
        .child(one("d"))
        .child(ChildSpec::supervisor("groups", groups));
    inner.intensity = Intensity::new(4, 10 * MS);
    let limits = DynamicSpec::new(strict, 100);
    let spec = patient(Strategy::OneForOne)
        .child(one("a").backoff(backoff))
        .child(one("b").liveness(4 * MS))
        .child(ChildSpec::supervisor("inner", inner))
        .child(ChildSpec::dynamic("pool", &pool, limits));
    World {
        tree: start(spec).await,
        lines: all,
        pool,
        board,
    }
}

impl World {
    /// Something happens.
    async fn stir(&mut self, rng: &mut fastrand::Rng, round: u32) {
        match rng.u8(..16) {
            0 => {
                let line = line();
                self.lines.push(line.clone());
                let id = format!("p{round}");
                let child = worker(&id, &line, &self.board);
                // Its supervisor may be on its way back.
                let _ = self.pool.start_child(child).await;
            }
            1 => {
                let paths = ["inner", "inner/groups", "inner/d", "pool", "a"];
                let path = format!("root/{}", paths[rng.usize(..paths.len())]);
                let _ = self.tree.kill(&path);
            }
            2 => {
                let ids = ["a", "g", "h", "c", "inner"];
                self.board
                    .spoil(ids[rng.usize(..ids.len())], [BadStart::Refuse]);
            }
            3..=5 => tokio::time::sleep(MS * rng.u32(..8)).await,
            draw => {
                let line = &self.lines[rng.usize(..self.lines.len())];
                let order = match draw {
                    6..=8 => Order::Panic,
                    9..=11 => Order::Fail,
                    12 | 13 => Order::Finish(None),
                    _ => Order::Hang,
                };
                let _ = line.cast(order);
            }
        }
        for _ in 0..rng.u8(..20) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_picture_kept_by_events_equals_a_fresh_snapshot_at_rest() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = world().await;
        let mut feed = Feed::of(&world.tree);
        // Taken at any moment, also in the middle of things.
        let early = rng.u32(..20);
        let mut picture = None;
        for round in 0..200 {
            if round == early {
                picture = Some(Picture::of(&world.tree));
            }
            world.stir(&mut rng, round).await;
        }
        pass(10 * SECOND).await;
        let mut picture = picture.unwrap();
        let begun = picture.seq;
        picture.replay(feed.all());
        let fresh = Picture::of(&world.tree);
        assert_eq!(picture.nodes, fresh.nodes, "seed {seed}");
        assert_eq!(picture.seq, fresh.seq);
        assert!(picture.seq > begun + 50, "too little happened");
        assert_eq!(world.board.overlaps(), 0);
        world.tree.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_picture_follows_a_tree_to_its_end() {
    let world = world().await;
    let mut feed = Feed::of(&world.tree);
    let mut picture = Picture::of(&world.tree);
    world.tree.shutdown().await;
    picture.replay(feed.all());
    assert_eq!(picture, Picture::of(&world.tree));
    let down = |node: &Node| node.state == NodeState::Stopped;
    assert!(picture.nodes.values().all(down));
}

/// A world at rest, its events and the picture that they are replayed on.
async fn watched() -> (World, Feed, Picture) {
    let world = world().await;
    let (feed, picture) = (Feed::of(&world.tree), Picture::of(&world.tree));
    (world, feed, picture)
}

/// Replays everything, compares, and ends the world.
async fn compare((world, mut feed, mut picture): (World, Feed, Picture)) -> Picture {
    settle().await;
    picture.replay(feed.all());
    assert_eq!(picture, Picture::of(&world.tree));
    world.tree.shutdown().await;
    picture
}

#[tokio::test(start_paused = true)]
async fn a_picture_gains_the_child_that_is_started_later() {
    let all = watched().await;
    let child = worker("later", &line(), &all.0.board);
    all.0.tree.root().start_child(child).await.unwrap();
    let later = &compare(all).await.nodes["root/later"];
    assert_eq!(later.state, NodeState::Running);
}

#[tokio::test(start_paused = true)]
async fn a_picture_does_not_keep_the_child_that_did_not_start() {
    let all = watched().await;
    let world = &all.0;
    for bad in [BadStart::Refuse, BadStart::Panic, BadStart::Ignore] {
        let child = || worker("x", &line(), &world.board).restart(Restart::Temporary);
        for _ in 0..2 {
            world.board.spoil("x", [bad]);
            let _ = world.tree.root().start_child(child()).await;
            world.board.spoil("x", [bad]);
            let _ = world.pool.start_child(child()).await;
        }
    }
    let picture = compare(all).await;
    assert!(!picture.nodes.keys().any(|path| path.ends_with("/x")));
}

#[tokio::test(start_paused = true)]
async fn a_picture_loses_the_child_that_is_deleted_or_temporary_and_over() {
    let all = watched().await;
    let (world, line) = (&all.0, line());
    let root = world.tree.root();
    root.terminate_child("a").await.unwrap();
    root.delete_child("a").await.unwrap();
    let once = worker("once", &line, &world.board).restart(Restart::Temporary);
    root.start_child(once).await.unwrap();
    crash(&line).await;
    let picture = compare(all).await;
    let gone = ["root/a", "root/once"];
    assert!(!gone.iter().any(|path| picture.nodes.contains_key(*path)));
}

#[tokio::test(start_paused = true)]
async fn a_picture_follows_a_change_of_the_specification() {
    let all = watched().await;
    let board = &all.0.board;
    let new = || patient(Strategy::OneForOne).child(worker("new", &line(), board));
    let below = new().remove("g").remove("h").remove("i");
    let groups = all.0.tree.supervisor("root/inner/groups").unwrap();
    groups.apply(below).await.unwrap();
    all.0.tree.root().code_change(new()).await.unwrap();
    let picture = compare(all).await;
    assert_eq!(picture.nodes["root/new"].state, NodeState::Stopped);
    assert_eq!(
        picture.nodes["root/inner/groups/new"].state,
        NodeState::Running
    );
    assert!(!picture.nodes.contains_key("root/inner/groups/g"));
}

#[tokio::test(start_paused = true)]
async fn a_picture_loses_all_below_a_supervisor_that_is_removed() {
    let all = watched().await;
    let root = all.0.tree.root();
    root.terminate_child("inner").await.unwrap();
    root.delete_child("inner").await.unwrap();
    let picture = compare(all).await;
    assert!(!picture.nodes.keys().any(|path| path.contains("inner")));
}
