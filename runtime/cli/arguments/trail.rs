//! `plantao audit`: what is read of the trail, and how.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub(in crate::cli) struct Audit {
    #[command(subcommand)]
    pub(in crate::cli) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AuditCommand {
    /// Print the newest entries, oldest of them first
    Tail {
        /// How many
        #[arg(short, long, default_value_t = 20, value_parser = page_size)]
        number: u32,
        /// Print them as JSON, one a line
        #[arg(long)]
        json: bool,
    },
    /// Read the whole trail, or an export of it, and compute every hash again, here
    ///
    /// With a checkpoint that was kept elsewhere, it shows too that nothing up to there was edited,
    /// removed, reordered or exchanged since.
    #[command(after_help = "\
Example, without a node:
  plantao audit verify --export trail.jsonl --checkpoint last-night.txt --keys log.keys
  plantao audit verify --proof entry.json --keys log.keys")]
    Verify {
        /// The trail in a file, as `export` printed it or as it was archived (`.jsonl.gz`, with its
        /// manifest beside it), instead of the node's
        #[arg(long, value_name = "FILE", conflicts_with = "proof")]
        export: Option<PathBuf>,
        /// A signed checkpoint that the trail has to agree with; may be given again
        #[arg(long, value_name = "FILE", conflicts_with = "proof")]
        checkpoint: Vec<PathBuf>,
        /// The proof of one entry, as `prove` printed it, instead of a trail
        #[arg(long, value_name = "FILE")]
        proof: Option<PathBuf>,
        /// The keys that check signatures, as `keys` printed them; with the key of a witness in
        /// the file, it has to have cosigned as well
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
    },
    /// Search the trail, newest first
    ///
    /// Everything that is given must hold. A change, or a view, is one line, of when it began.
    #[command(after_help = "\
Examples:
  plantao audit search --patient maria-exemplo --since 2026-11-01
  plantao audit search --principal medica --action write --all --json
  plantao audit search --severity critical          emergencies, to be reviewed")]
    Search {
        /// How many at most
        #[arg(short, long, default_value_t = 50, value_parser = at_least_one)]
        limit: u32,
        /// All of them, page by page
        #[arg(long, conflicts_with = "limit")]
        all: bool,
        /// Print them as JSON, one a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: Which,
    },
    /// List what was begun and never completed, newest first
    ///
    /// A change that is under way now, and a page that somebody looks at, are open too. A node
    /// completes its own from what the database knows, once it runs.
    Open {
        /// From when on: a day such as 2026-01-31, or a date-time of RFC 3339 [default: the first]
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Print them as JSON, one a line
        #[arg(long)]
        json: bool,
    },
    /// Print the trail, one JSON document a line
    ///
    /// Without conditions and as `jsonl` it is the whole trail in the order of its chains, which
    /// `verify --export` takes. With conditions, and as FHIR, it is the newest first.
    #[command(after_help = "\
Examples:
  plantao audit export > trail.jsonl
  plantao audit export --format fhir --since 2026-11-01 > AuditEvent.ndjson
  plantao audit export --format fhir --patient maria-exemplo")]
    Export {
        /// `jsonl`, the entries as they are; or `fhir`, AuditEvent R4 (IHE BALP) as NDJSON
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
        #[command(flatten)]
        which: Which,
    },
    /// Print a patient's report: who saw their data, when and why, in plain words
    ///
    /// To be given to the patient who asks (LGPD Art. 18 and 19). It holds no content of records.
    #[command(after_help = "\
Examples:
  plantao audit report maria-exemplo
  plantao audit report maria-exemplo --since 2026-01-01 --html relatorio.html
  plantao audit report maria-exemplo --language en")]
    Report {
        /// The patient's id
        patient: String,
        /// From when on: a day such as 2026-01-31, or a date-time of RFC 3339 [default: the first]
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Before when [default: now]
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
        /// The patient's language
        #[arg(long, value_enum, default_value_t = Language::PtBr)]
        language: Language,
        /// Write a page to print or send, instead of a text. It needs no other file
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Print the newest signed checkpoint; keep it where nobody of this host can write
    Checkpoint {
        /// The newest daily one, which has the hash-based signature as well
        #[arg(long, conflicts_with = "witness")]
        daily: bool,
        /// The newest that this witness has cosigned
        #[arg(long, value_name = "NAME")]
        witness: Option<String>,
    },
    /// Print the keys that check checkpoints, one a line; keep them with the checkpoints
    ///
    /// A newest checkpoint is signed with the first two, a daily one with all three.
    Keys {
        /// Those of a daily one: the hash-based key too
        #[arg(long)]
        daily: bool,
    },
    /// Print the proof that an entry is under a checkpoint
    Prove {
        /// The entry's key: `Plantao-Audit-Entry` of the answer that it is about
        entry: String,
    },
    /// Check that the content kept of a change is what its entry committed to
    ///
    /// An entry holds no content, but a salted hash of it. The node opens the salt and the records,
    /// computes the hash again and says whether it is the same; it gives no content out. Once a
    /// patient's key is destroyed nobody can open it, and the hash says nothing.
    Content {
        /// The entry's key: `Plantao-Audit-Entry` of the answer that it is about
        entry: String,
    },
}

/// Which entries; everything that is given must hold.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which entries")]
pub(in crate::cli) struct Which {
    /// Whose data: a patient's id
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) patient: Option<String>,
    /// Who acted: a principal's id
    // Of a name of its own: `principal` is who asks.
    #[arg(id = "of_principal", long = "principal", value_name = "ID")]
    pub(in crate::cli) principal: Option<String>,
    /// What was done: read, search, write, submit or operate
    #[arg(long)]
    pub(in crate::cli) action: Option<String>,
    /// What became of it: success, refused, failed, unknown or pending
    #[arg(long)]
    pub(in crate::cli) outcome: Option<String>,
    /// How loudly it speaks: info, warning or critical
    #[arg(long)]
    pub(in crate::cli) severity: Option<String>,
    /// From when on: a day such as 2026-01-31, or a date-time of RFC 3339
    #[arg(long, value_name = "WHEN")]
    pub(in crate::cli) since: Option<String>,
    /// Before when
    #[arg(long, value_name = "WHEN")]
    pub(in crate::cli) until: Option<String>,
}

impl Which {
    /// What is given, by the names of the address.
    pub(in crate::cli) fn given(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("patient", &self.patient),
            ("principal", &self.principal),
            ("action", &self.action),
            ("outcome", &self.outcome),
            ("severity", &self.severity),
            ("since", &self.since),
            ("until", &self.until),
        ];
        let given = all.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .collect()
    }
}

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// Entries, one JSON object a line.
    Jsonl,
    /// FHIR R4 AuditEvent, as NDJSON.
    Fhir,
}

/// The language of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Language {
    /// Portuguese of Brazil.
    #[value(name = "pt-BR")]
    PtBr,
    /// English.
    En,
}

/// The trail is read in pages of a thousand; `tail` is one page.
fn page_size(text: &str) -> Result<u32, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=1_000).contains(number));
    number.ok_or_else(|| "expected a number from 1 to 1000".into())
}

fn at_least_one(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "expected a number from 1".into())
}
