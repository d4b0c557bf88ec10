//! Proofs of the audit trail that need nothing but what was kept: an export, signed checkpoints,
//! and the keys that check them.
//!
//! Believes none of a node's arithmetic: every hash and every root is computed again here. An
//! export that holds against a checkpoint of last night is, up to that checkpoint, what it was last
//! night.

use super::checking_keys::{Keys, read, read_keys};
use super::error::CliError;
use plantao_actors::audit::keeping::{ArchiveError, Place, entries_of, manifest_beside};
use plantao_actors::audit::transparency::{Inclusion, check_note};
use plantao_schema::audit::merkle::{Checkpoint, Edge, origin};
use plantao_schema::audit::{Chained, Verifier};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A checkpoint that the trail has to agree with.
struct Signed {
    path: PathBuf,
    checkpoint: Checkpoint,
    is_met: bool,
}

/// Takes a trail in, entry by entry, and says at the first that does not hold.
pub(super) struct Judge {
    verifier: Verifier,
    logs: BTreeMap<String, Edge>,
    signed: Vec<Signed>,
    archived: BTreeMap<String, i64>,
}

impl Judge {
    /// Holds a trail to these checkpoints; each has to be signed by every key of its log.
    pub(super) fn new(checkpoints: &[PathBuf], keys: Option<&Path>) -> Result<Self, CliError> {
        let keys = match keys {
            Some(path) => read_keys(path)?,
            None if checkpoints.is_empty() => Keys::default(),
            None => return Err(no_keys()),
        };
        let mut signed = Vec::new();
        for path in checkpoints {
            let note = read(path)?;
            let checkpoint = keys.check(&note).map_err(|error| refused(path, &error))?;
            signed.push(Signed {
                path: path.clone(),
                checkpoint,
                is_met: false,
            });
        }
        Ok(Self {
            verifier: Verifier::new(),
            logs: BTreeMap::new(),
            signed,
            archived: BTreeMap::new(),
        })
    }

    /// Takes a chain from behind its archived part. A place that is not true shows at the first
    /// entry after it, or in the root of the first checkpoint.
    pub(super) fn resume(&mut self, chain: &str, place: &Place) -> Result<(), CliError> {
        let edge = place.edge().map_err(|error| CliError::Refused {
            text: format!("the archived part of chain `{chain}` is no proof: {error}"),
        })?;
        self.verifier.resume(chain, place.head);
        self.logs.insert(chain.to_owned(), edge);
        self.archived.insert(chain.to_owned(), place.head.seq);
        Ok(())
    }

    /// Holds the trail to a checkpoint that lies in an archive's manifest.
    fn hold_to(&mut self, path: &Path, note: &str, keys: &Keys) -> Result<(), CliError> {
        let checkpoint = check_note(note, &keys.logs).map_err(|error| refused(path, &error))?;
        self.signed.push(Signed {
            path: path.to_owned(),
            checkpoint,
            is_met: false,
        });
        Ok(())
    }

    /// The next entry of its chain.
    pub(super) fn push(&mut self, item: &Chained) -> Result<(), CliError> {
        self.verifier
            .push(item)
            .map_err(|error| CliError::Refused {
                text: format!("the trail does not hold: {error}"),
            })?;
        let archived = self.archived.get(&item.chain);
        if self.signed.is_empty() || archived.is_some_and(|seq| item.seq <= *seq) {
            return Ok(());
        }
        if !self.logs.contains_key(&item.chain) {
            self.logs.insert(item.chain.clone(), Edge::new());
        }
        let Some(edge) = self.logs.get_mut(&item.chain) else {
            return Ok(());
        };
        edge.push(&item.hash);
        let here = |one: &&mut Signed| {
            one.checkpoint.size == edge.size() && one.checkpoint.origin == origin(&item.chain)
        };
        for one in self.signed.iter_mut().filter(here) {
            if one.checkpoint.root != edge.root() {
                let (size, path) = (one.checkpoint.size, one.path.display());
                let text = format!(
                    "the trail is not the one that was signed: up to entry {size} of chain `{}` \
                     `{path}` has another root",
                    item.chain
                );
                return Err(CliError::Refused { text });
            }
            one.is_met = true;
        }
        Ok(())
    }

    /// The trail is over.
    pub(super) fn finish(self, out: &mut impl Write) -> Result<(), CliError> {
        let (checked, chains) = (self.verifier.checked(), self.verifier.heads().len());
        if let Some(missed) = self.signed.iter().find(|one| !one.is_met) {
            let Checkpoint { origin, size, .. } = &missed.checkpoint;
            let chain = origin.trim_start_matches("plantao/");
            let there = self.logs.get(chain).map_or(0, Edge::size);
            let path = missed.path.display();
            let archived = self
                .archived
                .get(chain)
                .map_or(0, |seq| u64::try_from(*seq).unwrap_or(0));
            let text = if *size <= archived {
                format!(
                    "what `{path}` signed, the first {size} entries of chain `{chain}`, is in \
                     archives: hold those to it, with `--export`"
                )
            } else {
                format!(
                    "the end of chain `{chain}` was cut off: `{path}` signed {size} entries and \
                     {there} are there"
                )
            };
            return Err(CliError::Refused { text });
        }
        writeln!(
            out,
            "verified {checked} entries in {chains} chains: every hash holds"
        )?;
        for (chain, head) in self.verifier.heads() {
            let from = self.archived.get(chain).filter(|seq| **seq > 0);
            let from = from.map_or(String::new(), |seq| format!(", up to {seq} in archives"));
            writeln!(out, "  {chain}:{} {}{from}", head.seq, hex(&head.hash))?;
        }
        for Signed {
            path, checkpoint, ..
        } in &self.signed
        {
            let (path, size) = (path.display(), checkpoint.size);
            writeln!(
                out,
                "as `{path}` signed it: the first {size} entries of its chain"
            )?;
        }
        Ok(())
    }
}

/// Verifies an export, one entry on a line, compressed or not. An archive is held to the manifest
/// beside it, and to the daily checkpoint in that when there are keys.
pub(super) fn verify_export(
    mut judge: Judge,
    path: &Path,
    keys: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let input = |error: ArchiveError| CliError::Input {
        path: path.to_owned(),
        reason: match error {
            ArchiveError::Form { line, expected, .. } => {
                format!("line {line}: expected {expected}")
            }
            ArchiveError::Io { kind, .. } => kind.to_string(),
            other => other.to_string(),
        },
    };
    let manifest = manifest_beside(path).map_err(input)?;
    if let Some(manifest) = &manifest {
        let held = manifest.check_digest(path);
        held.map_err(|error| refused(path, &error))?;
        let keys = keys.map_or_else(|| Ok(Keys::default()), read_keys)?;
        for piece in &manifest.pieces {
            judge.resume(&piece.chain, &piece.after)?;
            let seal = piece.seal.as_deref().filter(|_| !keys.logs.is_empty());
            seal.map_or(Ok(()), |note| judge.hold_to(path, note, &keys))?;
        }
    }
    for item in entries_of(path).map_err(input)? {
        judge.push(&item.map_err(input)?)?;
    }
    if let Some(manifest) = &manifest {
        let folder = path.parent().unwrap_or(Path::new("."));
        let held = manifest.check(folder);
        held.map_err(|error| refused(path, &error))?;
    }
    judge.finish(out)
}

/// Verifies the proof of one entry.
pub(super) fn verify_inclusion(
    path: &Path,
    keys: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let keys = read_keys(keys.ok_or_else(no_keys)?)?;
    let read: Result<Inclusion, _> = serde_json::from_str(&read(path)?);
    let proof = read.map_err(|error| CliError::Input {
        path: path.to_owned(),
        reason: format!(
            "line {}: expected what `plantao audit prove` prints",
            error.line()
        ),
    })?;
    let checkpoint = proof
        .check(&keys.logs)
        .map_err(|error| refused(path, &error))?;
    let Chained { chain, seq, .. } = &proof.entry;
    writeln!(
        out,
        "entry {seq} of chain `{chain}` is under the signed checkpoint of {} entries",
        checkpoint.size
    )?;
    Ok(())
}

fn no_keys() -> CliError {
    CliError::Usage {
        text: "a checkpoint proves nothing without the keys that check it: give `--keys FILE`, as \
               `plantao audit keys` printed it when the node was new"
            .to_owned(),
    }
}

fn refused(path: &Path, error: &impl std::fmt::Display) -> CliError {
    CliError::Refused {
        text: format!("`{}` is no proof: {error}", path.display()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_actors::audit::keeping::{Manifest, Piece};
    use plantao_schema::audit::{ChainHead, Entry, Outcome, Phase, Severity};
    use plantao_schema::id::Tenant;
    use plantao_schema::time::Timestamp;
    use std::process::Command;
    use uuid::Uuid;

    const CHAIN: &str = "node/demo";

    fn chain(length: i64) -> Vec<Chained> {
        let mut head = ChainHead::EMPTY;
        let next = |number: i64| {
            let entry = Entry {
                id: Uuid::from_u128(u128::try_from(number).unwrap()),
                at: Timestamp::from_micros(number),
                phase: Phase::Single,
                opens: None,
                severity: Severity::Info,
                tenant: Tenant::parse("demo").unwrap(),
                principal: "medica".into(),
                role: "physician".into(),
                action: "read".into(),
                resource_kind: "patient".into(),
                resource_id: None,
                patient: None,
                purpose: "treatment".into(),
                verdict: "allow".into(),
                score: 88,
                explanation: String::new(),
                request_id: "r".into(),
                outcome: Outcome::Success,
                plugin: None,
                commitment: None,
            };
            let item = Chained::after(CHAIN, &head, entry);
            head = item.head();
            item
        };
        (1..=length).map(next).collect()
    }

    fn place(items: &[Chained]) -> Place {
        let mut edge = Edge::new();
        items.iter().for_each(|item| drop(edge.push(&item.hash)));
        Place::of(items.last().map_or(ChainHead::EMPTY, Chained::head), &edge)
    }

    /// Entries 4 to 6 as they are archived.
    fn archive(folder: &Path, items: &[Chained]) -> PathBuf {
        let plain = folder.join("part.jsonl");
        let lines = items.get(3..6).unwrap().iter();
        let lines = lines.map(|item| serde_json::to_string(item).unwrap() + "\n");
        std::fs::write(&plain, lines.collect::<String>()).unwrap();
        assert!(Command::new("gzip").arg(&plain).status().unwrap().success());
        let path = folder.join("part.jsonl.gz");
        let bytes = std::fs::read(&path).unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        let piece = Piece {
            chain: CHAIN.to_owned(),
            after: place(items.get(..3).unwrap()),
            last: place(items.get(..6).unwrap()),
            seal: None,
            checkpoint: String::new(),
        };
        let manifest = Manifest {
            version: 1,
            tenant: "demo".into(),
            part: "part".into(),
            from_us: 0,
            until_us: 10,
            file: "part.jsonl.gz".into(),
            sha256: hex(digest.as_ref()),
            entries: 3,
            pieces: vec![piece],
        };
        let text = serde_json::to_vec(&manifest).unwrap();
        std::fs::write(folder.join("part.manifest.json"), text).unwrap();
        path
    }

    fn verify(path: &Path) -> Result<String, CliError> {
        let (judge, mut out) = (Judge::new(&[], None)?, Vec::new());
        verify_export(judge, path, None, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn an_archive_from_the_middle_of_a_chain_holds_with_its_manifest_and_not_without() {
        let temp = tempfile::tempdir().unwrap();
        let items = chain(9);
        let path = archive(temp.path(), &items);
        let said = verify(&path).unwrap();
        assert!(said.starts_with("verified 3 entries in 1 chains"), "{said}");
        std::fs::remove_file(temp.path().join("part.manifest.json")).unwrap();
        let said = verify(&path).unwrap_err().to_string();
        assert!(said.contains("expected entry 1"), "{said}");
    }

    #[test]
    fn what_is_left_in_the_database_holds_from_the_archived_place_and_from_no_other() {
        let items = chain(9);
        let rest = |place: &Place| {
            let mut judge = Judge::new(&[], None)?;
            judge.resume(CHAIN, place)?;
            // One of the archived month that stayed.
            judge.push(&items[2])?;
            items
                .get(6..)
                .unwrap()
                .iter()
                .try_for_each(|item| judge.push(item))?;
            let mut out = Vec::new();
            judge.finish(&mut out)?;
            Ok::<_, CliError>(String::from_utf8(out).unwrap())
        };
        let said = rest(&place(&items[..6])).unwrap();
        assert!(
            said.contains("node/demo:9") && said.contains("up to 6 in archives"),
            "{said}"
        );
        let said = rest(&place(&items[..5])).unwrap_err().to_string();
        assert!(said.contains("expected entry 6"), "{said}");
        let mut untrue = place(&items[..6]);
        untrue.head.hash = [7; 32];
        assert!(
            rest(&untrue)
                .unwrap_err()
                .to_string()
                .contains("predecessor")
        );
        untrue.edge.pop();
        rest(&untrue).unwrap_err();
    }
}
