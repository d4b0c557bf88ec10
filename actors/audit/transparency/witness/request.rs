//! What a log asks of a witness: the body of `POST /add-checkpoint` (C2SP tlog-witness).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plantao_schema::audit::Hash;
use std::fmt::Write as _;

/// Most hashes of a proof: the specification's bound.
const PROOF_MAX: usize = 63;

/// A checkpoint to be cosigned, and the proof that it continues the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// How long the log was when the witness last cosigned it; 0 when it never has.
    pub old: u64,
    /// That the log of that length is the beginning of this one.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub note: String,
}

impl AddCheckpoint {
    /// The body.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", STANDARD.encode(hash));
        }
        text.push('\n');
        text.push_str(&self.note);
        text
    }

    /// Reads one; nothing when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (head, note) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = lines.next()?.strip_prefix("old ")?;
        // No sign, no leading zero, as it is written in a checkpoint.
        let number: u64 = old.parse().ok()?;
        if number.to_string() != old {
            return None;
        }
        let hash = |line: &str| -> Option<Hash> { STANDARD.decode(line).ok()?.try_into().ok() };
        let proof: Vec<Hash> = lines.map(hash).collect::<Option<_>>()?;
        (proof.len() <= PROOF_MAX).then(|| Self {
            old: number,
            proof,
            note: note.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::AddCheckpoint;

    #[test]
    fn what_is_written_is_read_and_anything_else_is_none() {
        for proof in [vec![], vec![[3; 32], [4; 32]]] {
            let asked = AddCheckpoint {
                old: 20,
                proof,
                note: "log\n21\nAAA=\n\n— log sig\n".to_owned(),
            };
            assert_eq!(AddCheckpoint::parse(&asked.to_text()), Some(asked));
        }
        for bad in [
            "",
            "old 1",
            "old -1\n\nx",
            "old 01\n\nx",
            "new 1\n\nx",
            "old 1\nAA\n\nx",
        ] {
            assert_eq!(AddCheckpoint::parse(bad), None, "{bad}");
        }
        let many = format!(
            "old 1\n{}\nx",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".repeat(64)
        );
        assert_eq!(AddCheckpoint::parse(&many), None);
    }
}
