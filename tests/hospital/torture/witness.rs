//! What the trail says after a kill, held against what the clients were told.
//!
//! Reads every entry once, in order, hashes it anew and grows a Merkle log of its own over it: what
//! the node says of itself is believed nowhere.

use super::super::client::{Client, Reply};
use super::super::hospital::{Hospital, pause};
use plantao_actors::audit::transparency::{Algorithm, VerifierKey, check_note};
use plantao_schema::audit::merkle::{Edge, origin};
use plantao_schema::audit::{Chained, Entry, Hash, Outcome, Phase, Verifier};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use uuid::Uuid;

const PAGE: usize = 1_000;
/// By then every opened entry is completed, if only to say that nobody knows.
const SETTLED_DEADLINE: Duration = Duration::from_secs(30);

/// What the program logs of a refusal that it could not write into the trail.
const NOT_AUDITED: &str = "refusal not audited";

/// An answer that a client was given.
pub(super) struct Told {
    pub(super) request: String,
    /// The entry that the answer names.
    pub(super) entry: Option<Uuid>,
    pub(super) expected: Expected,
    pub(super) how: How,
}

/// What the trail has to say of it.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) who: &'static str,
    pub(super) action: &'static str,
    pub(super) kind: &'static str,
    /// Nothing where the server chose it.
    pub(super) resource: Option<String>,
    pub(super) patient: Option<String>,
}

/// How an access ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// One entry, which the answer names.
    Read,
    /// An opening and a completion, which the answer names.
    Changed,
    /// Allowed and answered with an error: one entry, which the answer does not name.
    Failed,
    /// Refused by the policy, which it is even where that could not be written down.
    Refused,
}

/// One chain, as far as it was read.
#[derive(Default)]
struct Log {
    edge: Edge,
    /// The root of each size, from 1.
    roots: Vec<Hash>,
}

pub(super) struct Witness {
    folder: PathBuf,
    keys: Vec<VerifierKey>,
    kept: tempfile::TempDir,
    verifier: Verifier,
    logs: BTreeMap<String, Log>,
    cursor: Option<(String, i64)>,
    known: HashSet<Uuid>,
    /// Opened entries, and whether they are completed.
    opened: HashMap<Uuid, bool>,
    open: usize,
    /// How often each resource was changed.
    successes: BTreeMap<String, u64>,
    shipped: u64,
    /// How much of the program's log was read.
    logged: u64,
}

impl Witness {
    /// Keeps the keys, as an auditor does while the node is new.
    pub(super) async fn start(hospital: &Hospital, folder: &Path) -> Self {
        let text = hospital.must(&["audit", "keys"]).await;
        let keys = text.lines().map(|line| VerifierKey::parse(line).unwrap());
        let mut keys: Vec<_> = keys.collect();
        keys.retain(|key| key.algorithm() != Algorithm::SlhDsa128s);
        let kept = tempfile::tempdir().unwrap();
        std::fs::write(kept.path().join("keys"), text).unwrap();
        Self {
            folder: folder.to_owned(),
            keys,
            kept,
            verifier: Verifier::new(),
            logs: BTreeMap::new(),
            cursor: None,
            known: HashSet::new(),
            opened: HashMap::new(),
            open: 0,
            successes: BTreeMap::new(),
            shipped: 0,
            logged: 0,
        }
    }

    /// Entries in the trail.
    pub(super) fn entries(&self) -> usize {
        self.known.len()
    }

    /// How often each resource was changed, as the trail tells it.
    pub(super) const fn successes(&self) -> &BTreeMap<String, u64> {
        &self.successes
    }

    /// Reads on, and finds everything that was told.
    pub(super) async fn testify(&mut self, hospital: &Hospital, told: &[Told]) {
        let auditor = hospital.as_principal("auditora").await;
        let end = Instant::now() + SETTLED_DEADLINE;
        let mut fresh = Vec::new();
        loop {
            self.read_on(&auditor, &mut fresh).await;
            if self.open == 0 {
                break;
            }
            let open = self.open;
            assert!(
                Instant::now() < end,
                "{open} entries stay open:\n{}",
                hospital.log()
            );
            pause().await;
        }
        let mut by_request: HashMap<&str, Vec<&Entry>> = HashMap::new();
        for entry in &fresh {
            by_request.entry(&entry.request_id).or_default().push(entry);
        }
        // Read once: the log is long after a while, and an outage leaves hundreds of these lines.
        let log = hospital.log_after(&mut self.logged);
        let logged = log.lines().filter(|line| line.contains(NOT_AUDITED));
        let logged: Vec<&str> = logged.collect();
        for told in told {
            let entries = by_request.get(told.request.as_str());
            let entries = entries.map_or(&[][..], Vec::as_slice);
            if entries.is_empty() && told.how == How::Refused {
                assert!(
                    logged.iter().any(|line| line.contains(&told.request)),
                    "a refusal is neither in the trail nor in the log: {:?}",
                    told.expected
                );
                continue;
            }
            agrees(told, entries);
        }
        // Whoever was not told anything may be in the trail too, and once.
        for (request, entries) in by_request {
            for phase in [Phase::Single, Phase::Opened, Phase::Completed] {
                let load = |entry: &&&Entry| {
                    entry.phase == phase && entry.role != "auditor" && entry.principal != "system"
                };
                let many = entries.iter().filter(load).count();
                assert!(
                    many <= 1,
                    "{many} of {phase:?} for request {request}: {entries:?}"
                );
            }
        }
        self.shipped_is_true(hospital).await;
    }

    /// Everything since the last look.
    async fn read_on(&mut self, auditor: &Client, fresh: &mut Vec<Entry>) {
        loop {
            let after = self.cursor.as_ref().map(|(chain, seq)| {
                let chain = chain.replace('/', "%2F");
                format!("&after={chain}:{seq}")
            });
            let after = after.unwrap_or_default();
            let path = format!("/v1/audit/entries?limit={PAGE}{after}");
            let mut page = served(auditor, &path).await.json();
            let items: Vec<Chained> = serde_json::from_value(page["entries"].take()).unwrap();
            let many = items.len();
            for item in items {
                self.take(&item);
                fresh.push(item.entry);
            }
            if many < PAGE {
                return;
            }
        }
    }

    fn take(&mut self, item: &Chained) {
        let (entry, id) = (&item.entry, item.entry.id);
        assert!(self.known.insert(id), "entry {id} is there twice");
        self.verifier.push(item).unwrap();
        self.cursor = Some((item.chain.clone(), item.seq));
        let log = self.logs.entry(item.chain.clone()).or_default();
        log.edge.push(&item.hash);
        log.roots.push(log.edge.root());
        match (entry.phase, entry.opens) {
            (Phase::Opened, _) => {
                self.opened.insert(id, false);
                self.open += 1;
            }
            (Phase::Completed, Some(opens)) => {
                let was = self.opened.insert(opens, true);
                assert_eq!(
                    was,
                    Some(false),
                    "{opens} is completed twice, or was never opened"
                );
                self.open -= 1;
                if let (Outcome::Success, Some(id)) = (entry.outcome, &entry.resource_id) {
                    *self.successes.entry(id.clone()).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    /// The checkpoint that left the host is of this very trail, and never of less than before.
    async fn shipped_is_true(&mut self, hospital: &Hospital) {
        // A fresh connection: one that asks nothing for a while is closed.
        let auditor = &hospital.as_principal("auditora").await;
        // Asking lets the sequencer catch up with what was committed by now.
        served(auditor, "/v1/audit/checkpoints").await;
        let chains: BTreeSet<String> = self.logs.keys().cloned().collect();
        for chain in chains {
            let note = self.folder.join(&chain).join("checkpoint");
            let note = std::fs::read_to_string(&note).unwrap();
            let checkpoint = check_note(&note, &self.keys).unwrap();
            assert_eq!(checkpoint.origin, origin(&chain));
            let mut rest = Vec::new();
            self.read_on(auditor, &mut rest).await;
            let roots = &self.logs[&chain].roots;
            let place = usize::try_from(checkpoint.size).unwrap() - 1;
            let root = roots.get(place);
            assert_eq!(
                root,
                Some(&checkpoint.root),
                "a checkpoint of {}",
                checkpoint.size
            );
            assert!(checkpoint.size >= self.shipped, "a shorter log was shipped");
            self.shipped = checkpoint.size;
        }
    }

    /// The whole trail by the program itself, held to what was shipped.
    pub(super) async fn verify(&self, hospital: &Hospital) {
        let path = |name: &str| self.kept.path().join(name).to_str().unwrap().to_owned();
        let chain = self.logs.keys().next().unwrap();
        std::fs::copy(
            self.folder.join(chain).join("checkpoint"),
            path("checkpoint"),
        )
        .unwrap();
        let (checkpoint, keys) = (path("checkpoint"), path("keys"));
        let arguments = [
            "audit",
            "verify",
            "--checkpoint",
            &checkpoint,
            "--keys",
            &keys,
        ];
        let said = hospital.must(&arguments).await;
        assert!(said.contains("every hash holds"), "{said}");
    }
}

/// Whether the trail holds what a client was told, once.
fn agrees(told: &Told, entries: &[&Entry]) {
    let Told { expected, how, .. } = told;
    let of = |phase: Phase| -> Vec<&Entry> {
        let found = entries.iter().filter(|entry| entry.phase == phase);
        found.copied().collect()
    };
    let (single, opened, completed) = (of(Phase::Single), of(Phase::Opened), of(Phase::Completed));
    let counts = (single.len(), opened.len(), completed.len());
    let (wanted, outcome) = match how {
        How::Read => ((1, 0, 0), Outcome::Success),
        How::Failed | How::Refused => ((1, 0, 0), Outcome::Refused),
        How::Changed => ((0, 1, 1), Outcome::Success),
    };
    assert_eq!(counts, wanted, "{how:?} {expected:?}: {entries:?}");
    for entry in entries {
        assert_eq!(entry.principal, expected.who, "{entry:?}");
        assert_eq!(entry.action, expected.action, "{entry:?}");
        assert_eq!(entry.resource_kind, expected.kind, "{entry:?}");
        if let Some(resource) = &expected.resource {
            assert_eq!(entry.resource_id.as_ref(), Some(resource), "{entry:?}");
        }
        if let Some(patient) = &expected.patient {
            assert_eq!(entry.patient.as_ref(), Some(patient), "{entry:?}");
        }
    }
    let last = completed.first().or(single.first()).unwrap();
    assert_eq!(last.outcome, outcome, "{last:?}");
    if let Some(opening) = opened.first() {
        assert_eq!(last.opens, Some(opening.id), "{last:?}");
    }
    if matches!(how, How::Read | How::Changed) {
        assert_eq!(told.entry, Some(last.id), "{how:?} {expected:?}");
    }
}

/// Asks until it is answered: something may still recover.
async fn served(client: &Client, path: &str) -> Reply {
    let end = Instant::now() + SETTLED_DEADLINE;
    loop {
        let reply = client.get(path).await.unwrap();
        if reply.status == 200 {
            return reply;
        }
        let text = reply.text();
        assert!(
            matches!(reply.status, 503 | 504) && Instant::now() < end,
            "{path}: {text}"
        );
        pause().await;
    }
}
