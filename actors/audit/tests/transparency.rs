//! The transparency log on a real PostgreSQL: what it signs, what it refuses to sign, what it
//! proves.

use super::*;
use crate::audit::transparency::{
    Algorithm, Inclusion, InclusionError, LogKeys, NoteError, Sequencer, Shipping, TransparencyLog,
    VerifierKey, Witnesses, check_note,
};
use plantao_schema::audit::merkle::{Checkpoint, Edge};
use std::path::Path;

pub(super) struct Node {
    pub(super) test: TestDatabase,
    pub(super) audit: AuditLog,
    pub(super) log: TransparencyLog,
    pub(super) keys: LogKeys,
    pub(super) tree: Tree,
}

impl Node {
    pub(super) async fn start(test: TestDatabase, keys: LogKeys, folder: Option<&Path>) -> Self {
        let (audit, log) = (AuditLog::new(clock()), TransparencyLog::new());
        let sequencer = Sequencer {
            log: log.clone(),
            audit: audit.clone(),
            trail: test.config().into(),
            node: "node-1".into(),
            keys: keys.clone(),
            clock: clock(),
            shipping: Shipping::to(folder.map(Path::to_owned)),
            witnesses: Witnesses::new(Vec::new(), Shipping::default()),
        };
        let spec = SupervisorSpec::new(
            Strategy::OneForOne,
            Intensity::new(1_000, Duration::from_secs(1)),
        )
        .child(audit_child(&audit, test.config(), "node-1"))
        .child(sequencer.child());
        let tree = Tree::start("t", spec).await.unwrap();
        Self {
            test,
            audit,
            log,
            keys,
            tree,
        }
    }

    pub(super) async fn append(&self, tenant: &str, count: usize) -> Vec<AuditReceipt> {
        let entries = (0..count).map(|_| self.audit.append(entry(tenant)));
        future::try_join_all(entries).await.unwrap()
    }

    /// What is signed of a tenant's chain, checked with every key that signs each second.
    pub(super) async fn signed(&self, tenant: &str) -> Option<Checkpoint> {
        self.log.look().await.unwrap();
        let database = self.test.database();
        let heads = TransparencyLog::heads(&database, &scope(tenant)).await;
        let head = heads.unwrap().into_iter().next()?;
        let checkpoint = check_note(&head.note, &self.verifiers(tenant)).unwrap();
        assert_eq!(head.size, checkpoint.size);
        Some(checkpoint)
    }

    pub(super) fn verifiers(&self, tenant: &str) -> Vec<VerifierKey> {
        let mut keys = self.keys.verifiers(&format!("node-1/{tenant}"));
        keys.retain(|key| key.algorithm() != Algorithm::SlhDsa128s);
        keys
    }

    pub(super) async fn prove(&self, tenant: &str, entry: Uuid) -> Option<Inclusion> {
        let database = self.test.database();
        let proved = TransparencyLog::prove(&database, &scope(tenant), entry).await;
        proved.unwrap()
    }
}

pub(super) fn both() -> LogKeys {
    LogKeys::made(&[Algorithm::Ed25519, Algorithm::MlDsa65]).unwrap()
}

pub(super) fn root_of(items: &[Chained]) -> Checkpoint {
    let mut edge = Edge::new();
    for item in items {
        edge.push(&item.hash);
    }
    Checkpoint::of(&items[0].chain, &edge)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_is_signed_and_each_of_it_is_proved() {
    let node = Node::start(TestDatabase::create().await, both(), None).await;
    assert_eq!(node.signed("north").await, None);
    node.append("north", 300).await;
    node.append("south", 3).await;
    for tenant in ["north", "south"] {
        let items = verified(&node.test.database(), tenant).await;
        assert_eq!(node.signed(tenant).await.unwrap(), root_of(&items));
        for item in &items {
            let proved = node.prove(tenant, item.entry.id).await.unwrap();
            let checkpoint = proved.check(&node.verifiers(tenant)).unwrap();
            assert_eq!(checkpoint.size, u64::try_from(items.len()).unwrap());
        }
    }
    let elsewhere = node.prove("south", Uuid::from_u128(1)).await;
    assert!(elsewhere.is_none());
    // Not signed yet is not proved yet, and another tenant's is nobody's.
    let receipt = node.append("north", 1).await.remove(0);
    assert!(node.prove("south", receipt.entry()).await.is_none());
    node.tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_sequencer_goes_on_where_its_log_was() {
    let node = Node::start(TestDatabase::create().await, both(), None).await;
    for _ in 0..6 {
        node.append("north", 130).await;
        node.signed("north").await;
        node.tree.kill("t/sequencer").unwrap();
    }
    node.append("north", 1).await;
    let items = verified(&node.test.database(), "north").await;
    assert_eq!(items.len(), 781);
    let checkpoint = loop {
        match node.log.look().await {
            Ok(()) => break node.signed("north").await.unwrap(),
            Err(error) => assert!(error.is_unavailable(), "{error}"),
        }
    };
    assert_eq!(checkpoint, root_of(&items));
    assert!(node.log.broken().is_empty());
    node.tree.shutdown().await;
}

/// As the owner of the tables, past every trigger: what no role of the product can.
async fn behind_its_back(test: &TestDatabase, statement: &str) {
    let owner = test.session(Login::Owner).await;
    let sql = format!(
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL; \
         ALTER TABLE audit_entry NO FORCE ROW LEVEL SECURITY; {statement}; \
         ALTER TABLE audit_entry ENABLE TRIGGER ALL"
    );
    owner.batch_execute(&sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trail_that_was_changed_behind_its_back_is_signed_no_further() {
    let changes = [
        // The end is cut off.
        "DELETE FROM audit_entry WHERE chain = 'node-1/north' AND seq > 150",
        // An entry under the last tile is exchanged for another, with a hash of its own.
        "UPDATE audit_entry SET hash = sha256(hash) WHERE chain = 'node-1/north' AND seq = 159",
    ];
    for change in changes {
        let node = Node::start(TestDatabase::create().await, both(), None).await;
        node.append("north", 160).await;
        let before = node.signed("north").await.unwrap();
        behind_its_back(&node.test, change).await;
        node.tree.kill("t/sequencer").unwrap();
        node.append("south", 1).await;
        let last = loop {
            match node.log.look().await {
                Ok(()) => break node.signed("north").await.unwrap(),
                Err(error) => assert!(error.is_unavailable(), "{error}"),
            }
        };
        assert_eq!(last, before, "{change}");
        let broken: Vec<String> = node.log.broken().into_iter().collect();
        assert_eq!(broken, ["node-1/north"], "{change}");
        // Others go on.
        assert_eq!(node.signed("south").await.unwrap().size, 1);
        node.tree.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_does_not_follow_is_not_signed() {
    let node = Node::start(TestDatabase::create().await, both(), None).await;
    node.append("north", 5).await;
    node.signed("north").await.unwrap();
    let forged = "INSERT INTO audit_entry SELECT chain, 6, gen_random_uuid(), at_us, phase, opens, \
         severity, tenant, principal, role, action, resource_kind, resource_id, patient, purpose, \
         verdict, score, explanation, request_id, outcome, plugin, sha256(hash), sha256(hash) \
         FROM audit_entry WHERE chain = 'node-1/north' AND seq = 5";
    behind_its_back(&node.test, forged).await;
    assert_eq!(node.signed("north").await.unwrap().size, 5);
    assert!(node.log.broken().contains("node-1/north"));
    node.tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_is_of_one_entry_of_one_log_by_its_keys() {
    let node = Node::start(TestDatabase::create().await, both(), None).await;
    let receipts = node.append("north", 20).await;
    node.append("south", 20).await;
    node.signed("north").await.unwrap();
    let keys = node.verifiers("north");
    let proof = node.prove("north", receipts[7].entry()).await.unwrap();
    let text = serde_json::to_string(&proof).unwrap();
    let proof: Inclusion = serde_json::from_str(&text).unwrap();
    assert!(proof.check(&keys).is_ok());

    let mut edited = proof.clone();
    edited.entry.entry.score = 1;
    assert_eq!(edited.check(&keys), Err(InclusionError::Content));
    let mut moved = proof.clone();
    moved.proof.reverse();
    assert_eq!(moved.check(&keys), Err(InclusionError::Proof));
    // The hash is right again, and in the log there is another.
    let mut forged = proof.clone();
    forged.entry = Chained::after(
        "node-1/north",
        &ChainHead {
            seq: forged.entry.seq - 1,
            hash: forged.entry.previous,
        },
        edited.entry.entry,
    );
    assert_eq!(forged.check(&keys), Err(InclusionError::Proof));

    let others = both().verifiers("node-1/north");
    let algorithm = "ed25519";
    let origin = "plantao/node-1/north".to_owned();
    let refused = NoteError::Unsigned { origin, algorithm };
    assert_eq!(proof.check(&others), Err(refused.into()));
    // One of two good signatures is not enough.
    let mut mixed = keys.clone();
    mixed.truncate(1);
    mixed.extend(others.into_iter().skip(1));
    assert!(matches!(
        proof.check(&mixed),
        Err(InclusionError::Note(NoteError::Unsigned {
            algorithm: "ml-dsa-65",
            ..
        }))
    ));
    let south = node.prove("south", receipts[7].entry()).await;
    assert!(south.is_none());
    let elsewhere = node.verifiers("south");
    let origin = "plantao/node-1/north".to_owned();
    let refused = NoteError::NoKey { origin };
    assert_eq!(proof.check(&elsewhere), Err(refused.into()));
    node.tree.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_are_shipped_and_the_first_of_a_day_has_the_third_signature() {
    let keys = LogKeys::made(&Algorithm::ALL).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(TestDatabase::create().await, keys, Some(folder.path())).await;
    node.append("north", 2).await;
    node.log.look().await.unwrap();
    node.append("north", 2).await;
    node.log.look().await.unwrap();
    let shipped = |name: &str| {
        let path = folder.path().join("node-1/north").join(name);
        std::fs::read_to_string(path).unwrap()
    };
    let all = node.keys.verifiers("node-1/north");
    let newest = shipped("checkpoint");
    assert_eq!(
        check_note(&newest, &node.verifiers("north")).unwrap().size,
        4
    );
    // Whoever asks for the third has to take the day's.
    assert!(check_note(&newest, &all).is_err());
    let seals = TransparencyLog::seals(&node.test.database(), &scope("north")).await;
    let seals = seals.unwrap();
    assert_eq!(seals.len(), 1, "{seals:?}");
    let sealed = check_note(&seals[0].note, &all).unwrap();
    assert_eq!(shipped(&format!("seal-{}", sealed.size)), seals[0].note);
    node.tree.shutdown().await;
}

#[test]
fn keys_survive_writing_and_what_is_no_key_is_refused_by_its_line() {
    let keys = LogKeys::made(&Algorithm::ALL).unwrap();
    let text = keys.to_text();
    let again = LogKeys::parse(&text).unwrap();
    let verifiers = keys.verifiers("n/t");
    assert_eq!(again.verifiers("n/t"), verifiers);
    for key in &verifiers {
        assert_eq!(VerifierKey::parse(&key.to_string()).as_ref(), Ok(key));
        let other = key.to_string().replacen("n/t", "n/u", 1);
        assert!(VerifierKey::parse(&other).is_err(), "the id is of the name");
    }
    let printed = format!("{keys:?}");
    assert_eq!(printed, r#"["ed25519", "ml-dsa-65", "slh-dsa-sha2-128s"]"#);
    for (text, line) in [("", 1), ("ed25519 AAAA AAAA", 1), ("rsa AAAA AAAA", 1)] {
        assert!(
            LogKeys::parse(text)
                .unwrap_err()
                .to_string()
                .contains(&format!("line {line}"))
        );
    }
    let broken = text.replacen("ml-dsa-65 ", "ml-dsa-65  ", 1);
    assert!(
        LogKeys::parse(&broken)
            .unwrap_err()
            .to_string()
            .starts_with("line 2")
    );
    for key in ["", "a+b", "plantao/n/t+00000000+AAAA"] {
        assert!(VerifierKey::parse(key).is_err());
    }
}
