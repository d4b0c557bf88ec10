//! Proofs of the audit trail that need nothing but what was kept: an export, signed checkpoints,
//! and the keys that check them.
//!
//! Believes none of a node's arithmetic: every hash and every root is computed again here. An
//! export that holds against a checkpoint of last night is, up to that checkpoint, what it was last
//! night.

use super::error::CliError;
use plantao_actors::audit::transparency::{
    CosignerKey, Inclusion, NoteError, VerifierKey, check_cosigned, check_note,
};
use plantao_schema::audit::merkle::{Checkpoint, Edge, origin};
use plantao_schema::audit::{Chained, Verifier};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
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
        })
    }

    /// The next entry of its chain.
    pub(super) fn push(&mut self, item: &Chained) -> Result<(), CliError> {
        self.verifier
            .push(item)
            .map_err(|error| CliError::Refused {
                text: format!("the trail does not hold: {error}"),
            })?;
        if self.signed.is_empty() {
            return Ok(());
        }
        let edge = self.logs.entry(item.chain.clone()).or_default();
        edge.push(&item.hash);
        let log = origin(&item.chain);
        let here =
            |one: &&mut Signed| one.checkpoint.origin == log && one.checkpoint.size == edge.size();
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
            let text = format!(
                "the end of chain `{chain}` was cut off: `{path}` signed {size} entries and \
                 {there} are there"
            );
            return Err(CliError::Refused { text });
        }
        writeln!(
            out,
            "verified {checked} entries in {chains} chains: every hash holds"
        )?;
        for (chain, head) in self.verifier.heads() {
            writeln!(out, "  {chain}:{} {}", head.seq, hex(&head.hash))?;
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

/// Verifies an export, one entry on a line.
pub(super) fn verify_export(
    mut judge: Judge,
    path: &Path,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let input = |reason: String| CliError::Input {
        path: path.to_owned(),
        reason,
    };
    let file = std::fs::File::open(path).map_err(|error| input(error.kind().to_string()))?;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| input(error.kind().to_string()))?;
        if line.is_empty() {
            continue;
        }
        // The parser's own words may repeat what stands there.
        let item: Chained = serde_json::from_str(&line).map_err(|error| {
            let (line, column) = (number + 1, error.column());
            input(format!(
                "line {line}, column {column}: expected an audit entry"
            ))
        })?;
        judge.push(&item)?;
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

fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::Input {
        path: path.to_owned(),
        reason: error.kind().to_string(),
    })
}

/// What checks a checkpoint: the keys of its log, and the witnesses that have to have seen it.
#[derive(Default)]
struct Keys {
    logs: Vec<VerifierKey>,
    witnesses: Vec<CosignerKey>,
}

impl Keys {
    fn check(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let checkpoint = check_note(note, &self.logs)?;
        for witness in &self.witnesses {
            check_cosigned(note, witness)?;
        }
        Ok(checkpoint)
    }
}

/// A key on a line.
fn read_keys(path: &Path) -> Result<Keys, CliError> {
    let mut keys = Keys::default();
    for line in read(path)?.lines().filter(|line| !line.is_empty()) {
        let read = if CosignerKey::is_meant(line) {
            CosignerKey::parse(line).map(|key| keys.witnesses.push(key))
        } else {
            VerifierKey::parse(line).map(|key| keys.logs.push(key))
        };
        read.map_err(|error| CliError::Input {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(keys)
}

/// The keys of logs alone.
pub(super) fn log_keys(path: &Path) -> Result<Vec<VerifierKey>, CliError> {
    Ok(read_keys(path)?.logs)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
