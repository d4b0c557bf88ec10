//! `PartitionSupervisor`: one kind of child many times over, and who serves a key.

use plantao_supervisors::{
    ChildCounts, ChildKind, ChildSpec, DynamicHandle, DynamicSpec, Envelope, Handle, Limits,
    PartitionSupervisor, Presence, Reply, Restart, SpecError, StartError, Started, Strategy,
    SupervisorError, SupervisorSpec, Tree,
};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::BTreeSet;

use crate::pool::{UNLIMITED, limits};
use crate::support::{SECOND, patient, start};

const IN_FLIGHT: Limits = Limits::in_flight(128);

/// A partition: it knows its number, and keeps the keys that it is given.
struct Shelf;

enum Ask {
    Number(Reply<usize>),
    Put(u64),
    Keys(Reply<Vec<u64>>),
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Shelf {
    type Msg = Envelope<Ask>;
    type State = (usize, Vec<u64>);
    type Arguments = usize;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        number: usize,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok((number, Vec::new()))
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        (number, keys): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (ask, _in_flight) = message.open();
        match ask {
            Ask::Number(reply) => reply.send(*number),
            Ask::Put(key) => keys.push(key),
            Ask::Keys(reply) => reply.send(keys.clone()),
        }
        Ok(())
    }
}

fn shelves(partitions: usize) -> PartitionSupervisor<Ask> {
    PartitionSupervisor::new(partitions, IN_FLIGHT, |number, handle| {
        ChildSpec::worker(number.to_string(), handle, move || (Shelf, number))
    })
}

fn root(shelves: &PartitionSupervisor<Ask>, id: &str) -> SupervisorSpec {
    patient(Strategy::OneForOne).child(shelves.child(id, limits(3)))
}

/// `root/shelves`, so many of them.
async fn open(partitions: usize) -> (Tree, PartitionSupervisor<Ask>) {
    let shelves = shelves(partitions);
    (start(root(&shelves, "shelves")).await, shelves)
}

/// Who answers: the number of the partition that serves this one.
async fn number_at(shelves: &PartitionSupervisor<Ask>, number: u64) -> Option<usize> {
    let partition = shelves.at(number);
    partition.call(SECOND, Ask::Number).await.ok()
}

fn counts(specs: usize, active: usize, kind: ChildKind) -> Result<ChildCounts, SupervisorError> {
    let (supervisors, workers) = match kind {
        ChildKind::Supervisor => (specs, 0),
        ChildKind::Worker => (0, specs),
    };
    Ok(ChildCounts {
        specs,
        active,
        supervisors,
        workers,
    })
}

#[tokio::test(start_paused = true)]
async fn child_spec_uses_the_atom_name_as_id() {
    let shelves = shelves(2);
    let tree = start(root(&shelves, "foo")).await;
    let said = tree.root().child_spec("foo").unwrap();
    assert_eq!(said.kind, ChildKind::Supervisor);
    assert_eq!(said.restart, Restart::Permanent);
    assert!(tree.supervisor("root/foo").is_some());
}

#[tokio::test(start_paused = true)]
async fn start_link_1_on_success_with_atom_name() {
    let (_tree, shelves) = open(4).await;
    assert_eq!(shelves.partitions(), 4);
    let keys: Vec<u64> = (0..100).collect();
    for key in &keys {
        shelves.of(("ward", key)).cast(Ask::Put(*key)).unwrap();
    }
    let (mut kept, mut used) = (Vec::new(), 0);
    for number in 0..4 {
        let own = shelves.at(number).call(SECOND, Ask::Keys).await.unwrap();
        for key in &own {
            let again = shelves.of(("ward", key)).call(SECOND, Ask::Number).await;
            assert_eq!(again, Ok(usize::try_from(number).unwrap()));
        }
        used += usize::from(!own.is_empty());
        kept.extend(own);
    }
    kept.sort_unstable();
    assert_eq!((kept, used), (keys, 4));
}

#[tokio::test(start_paused = true)]
async fn start_link_1_on_success_with_via_name() {
    let (tree, shelves) = open(4).await;
    let found = tree.supervisor("root/shelves").unwrap();
    assert_eq!(found.which_children(), shelves.which_children());
    let reached = shelves.clone();
    let elsewhere = tokio::spawn(async move { number_at(&reached, 0).await });
    assert_eq!(elsewhere.await.unwrap(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn start_link_1_with_arguments() {
    let (_tree, shelves) = open(3).await;
    assert_eq!(shelves.partitions(), 3);
    for (key, partition) in [(0, 0), (1, 1), (2, 2), (3, 0), (4, 1)] {
        assert_eq!(number_at(&shelves, key).await, Some(partition), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn start_link_1_raises_without_name() {
    let refused = Tree::start("root", root(&shelves(2), "")).await.err();
    let defect = SpecError::Id {
        path: "root/".into(),
        detail: "it is empty",
    };
    assert_eq!(refused, Some(StartError::Spec(defect)));
}

#[tokio::test(start_paused = true)]
async fn start_link_1_raises_on_bad_partitions() {
    let refused = Tree::start("root", root(&shelves(0), "shelves")).await;
    assert!(
        matches!(refused, Err(StartError::Spec(_))),
        "no partitions are not refused"
    );
}

#[tokio::test(start_paused = true)]
async fn start_link_1_raises_with_bad_auto_shutdown() {
    let significant = PartitionSupervisor::new(2, IN_FLIGHT, |number, handle| {
        ChildSpec::worker(number.to_string(), handle, move || (Shelf, number))
            .restart(Restart::Transient)
            .significant(true)
    });
    let refused = Tree::start("root", root(&significant, "shelves"))
        .await
        .err();
    let path = "root/shelves/0".to_owned();
    let defect = SpecError::SignificantNever { path };
    assert_eq!(refused, Some(StartError::Spec(defect)));
}

#[tokio::test(start_paused = true)]
async fn stop_1_is_synchronous() {
    let (tree, shelves) = open(4).await;
    let served = shelves.at(1);
    assert_eq!(tree.root().terminate_child("shelves").await, Ok(()));
    assert_eq!(shelves.which_children(), Err(SupervisorError::Unavailable));
    assert!(!served.is_up());
    assert_eq!(tree.root().delete_child("shelves").await, Ok(()));
    assert!(tree.supervisor("root/shelves").is_none());
}

#[tokio::test(start_paused = true)]
async fn stop_1_with_via_tuple() {
    let (tree, shelves) = open(4).await;
    let found = tree.supervisor("root/shelves").unwrap();
    let served: Vec<_> = (0..4).map(|number| shelves.at(number)).collect();
    assert_eq!(found.count_children().map(|counted| counted.active), Ok(4));
    assert_eq!(tree.root().terminate_child("shelves").await, Ok(()));
    assert_eq!(found.count_children(), Err(SupervisorError::Unavailable));
    assert!(!served.iter().any(Handle::is_up));
}

/// The smallest number first, then the greatest, then both in turns.
fn sizes() -> Vec<usize> {
    let (down, up) = ((0..=8).rev(), 0..=8);
    let jumps = [3, 8, 0, 5, 1, 7, 2, 6, 4];
    down.chain(up).chain(jumps).collect()
}

#[tokio::test(start_paused = true)]
async fn resize_2_resizes_the_number_of_children() {
    let (_tree, shelves) = open(8).await;
    let mut before = 8;
    for size in sizes() {
        assert_eq!(shelves.resize(size).await, Ok(before));
        before = size;
        assert_eq!(shelves.partitions(), size);
        let mut serving = BTreeSet::new();
        for number in 0..8 {
            serving.extend(number_at(&shelves, number).await);
        }
        assert_eq!(serving, (0..size).collect(), "who serves of {size}");
        let counted = shelves.count_children();
        assert_eq!(counted, counts(8, size, ChildKind::Worker), "of {size}");
    }
}

#[tokio::test(start_paused = true)]
async fn resize_2_raises_on_lookup_after_resizing_to_zero() {
    let (_tree, shelves) = open(8).await;
    assert_eq!(shelves.resize(0).await, Ok(8));
    assert_eq!(
        number_at(&shelves, 0).await,
        None,
        "nobody is left to serve"
    );
    assert_eq!(shelves.resize(8).await, Ok(0));
    assert_eq!(number_at(&shelves, 0).await, Some(0));
}

#[tokio::test(start_paused = true)]
async fn resize_2_raises_if_trying_to_increase_the_number_of_partitions() {
    let (_tree, shelves) = open(8).await;
    let refused = SupervisorError::MaxChildren { limit: 8 };
    assert_eq!(shelves.resize(9).await, Err(refused));
    assert_eq!(shelves.partitions(), 8);
    assert_eq!(shelves.count_children(), counts(8, 8, ChildKind::Worker));
}

#[tokio::test(start_paused = true)]
async fn which_children_1_returns_all_partitions() {
    let (_tree, shelves) = open(4).await;
    assert_eq!(shelves.partitions(), 4);
    let children = shelves.which_children().unwrap();
    assert_eq!(children.len(), 4);
    for (number, child) in (0..).zip(&children) {
        let shown = (child.id.as_str(), child.presence, child.kind);
        let expected = (&*number.to_string(), Presence::Up, ChildKind::Worker);
        assert_eq!(shown, expected);
        let serving = number_at(&shelves, number).await.unwrap();
        assert_eq!(serving.to_string(), child.id);
    }
}

#[tokio::test(start_paused = true)]
async fn count_children_1_with_workers() {
    let (_tree, shelves) = open(4).await;
    assert_eq!(shelves.count_children(), counts(4, 4, ChildKind::Worker));
}

#[tokio::test(start_paused = true)]
async fn count_children_1_with_supervisors() {
    let pools = [(); 4].map(|()| DynamicHandle::new());
    let given = pools.clone();
    let shelves: PartitionSupervisor<Ask> = PartitionSupervisor::new(4, IN_FLIGHT, {
        let spec = DynamicSpec::new(limits(3), UNLIMITED);
        move |number, _| ChildSpec::dynamic(number.to_string(), &given[number], spec)
    });
    let _tree = start(root(&shelves, "pools")).await;
    let counted = shelves.count_children();
    assert_eq!(counted, counts(4, 4, ChildKind::Supervisor));
    for pool in &pools {
        let handle = Handle::new(IN_FLIGHT);
        let spec = ChildSpec::worker("x", &handle, || (Shelf, 7));
        assert_eq!(pool.start_child(spec).await, Ok(Started::Up));
    }
}

#[tokio::test(start_paused = true)]
async fn count_children_1_raises_noproc_for_unknown_partition_supervisor() {
    let unknown = shelves(4);
    let nobody = Err(SupervisorError::Unavailable);
    assert_eq!(unknown.count_children(), nobody);
    assert_eq!(number_at(&unknown, 0).await, None);
}

#[tokio::test(start_paused = true)]
async fn count_children_1_with_via_tuple() {
    let (tree, _shelves) = open(4).await;
    let found = tree.supervisor("root/shelves").unwrap();
    assert_eq!(found.count_children(), counts(4, 4, ChildKind::Worker));
}
