//! The arguments of what is asked about the policy.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "\
Works on the configuration alone, without a node that runs: the same rules, the same code.

Examples:
  plantao policy matrix                       what every role may do, and from which score on
  plantao policy matrix --markdown            the same for a document that somebody signs
  plantao policy explain medica read patient/maria-exemplo
  plantao policy explain plantonista read patient/maria-exemplo --network foreign
  plantao policy explain ana write consent/maria --role ward_clerk --purpose operations
  plantao policy diff candidate.toml --export trail.jsonl")]
pub(in crate::cli) struct PolicyAsked {
    #[command(subcommand)]
    pub(in crate::cli) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PolicyCommand {
    /// Print everything that is allowed to anybody: what is not in the table is denied
    Matrix {
        /// As a Markdown table
        #[arg(long)]
        markdown: bool,
    },
    /// Decide one imagined request and print the whole reasoning
    #[command(after_help = "\
Exit code 0: it would be allowed; 1: it would not, or only after a stronger authentication.
What is not said is taken as unknown, and what is unknown scores low.")]
    Explain(Box<Explain>),
    /// Weigh the decisions of a trail by other rules and print those that would change
    #[command(after_help = "\
CANDIDATE holds a [policy.rules] section like that of the configuration, whole: thresholds and
roles. The trail is an export (`plantao audit export > trail.jsonl`). Scores are those that were
reached; sessions, credentials and consents stay what they were; emergencies are weighed by role.
Exit code 0: nothing would change; 1: something would.")]
    Diff {
        /// The other rules
        candidate: PathBuf,
        /// The trail
        #[arg(long, value_name = "FILE")]
        export: PathBuf,
        /// How many changed decisions are printed one by one
        #[arg(long, default_value_t = 20, value_name = "N")]
        show: usize,
    },
}

/// One imagined request.
#[derive(Debug, Args)]
pub(in crate::cli) struct Explain {
    /// Who: a demonstration principal, or any name with --role
    pub(in crate::cli) principal: String,
    /// What: read, search, write, submit, operate
    pub(in crate::cli) action: String,
    /// On what: a kind, or kind/id as in patient/maria-exemplo
    pub(in crate::cli) resource: String,
    /// Why [default: the first that the role has for this]
    #[arg(long)]
    pub(in crate::cli) purpose: Option<String>,
    /// The role it acts in
    #[arg(long)]
    pub(in crate::cli) role: Option<String>,
    /// The device: managed, unknown, compromised
    #[arg(long)]
    pub(in crate::cli) device: Option<String>,
    /// The network: trusted, foreign, threat
    #[arg(long, default_value = "trusted")]
    pub(in crate::cli) network: String,
    /// Authenticated with more than one factor
    #[arg(long)]
    pub(in crate::cli) mfa: bool,
    /// Seconds since it authenticated
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub(in crate::cli) age: u32,
    /// Its requests in the last minute
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(in crate::cli) requests: u32,
    /// Its refusals in the last ten minutes
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(in crate::cli) refusals: u32,
    /// Outside the institution's usual hours
    #[arg(long)]
    pub(in crate::cli) off_hours: bool,
    /// What the patient has said: not_asked, granted, revoked
    #[arg(long, default_value = "not_asked")]
    pub(in crate::cli) consent: String,
    /// As an emergency, with this reason
    #[arg(long, value_name = "REASON")]
    pub(in crate::cli) break_glass: Option<String>,
    /// Print the decision as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}
