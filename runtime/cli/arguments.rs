//! The arguments, and the help that teaches them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(super) use self::people::{
    Account, AccountCommand, Consent, ConsentCommand, ConsentOf, LogIn, Replay, Vitals,
    VitalsCommand, Ward, WardCommand,
};

pub(super) use self::author::{Attack, Author, Bench, Call, Keygen, New, Sign, Verify};
pub(super) use self::keys::{Vault, VaultCommand};
pub(super) use self::policy::{Explain, PolicyAsked, PolicyCommand};
pub(super) use self::storage::{Backup, BackupCommand, KeyFile, Migrate, Restore};
pub(super) use self::trail::{Audit, AuditCommand, Format, Language, Which};

mod author;
mod keys;
mod people;
mod policy;
mod storage;
mod trail;

const EXAMPLES: &str = "\
Examples:
  plantao run --demo                          bring a hospital up on this machine, with principals
  plantao content submit article.md           check an article for identifiers and LGPD risk
  plantao fhir load bundle.json               store a FHIR R4 bundle
  plantao fhir get Patient maria-exemplo      read one record
  plantao ward place uti leito-1 maria-exemplo
  plantao vitals replay config/demo/sinais.csv --patient maria-exemplo --speed 60
  plantao login                               a link that logs a browser in
  plantao tree                                the live supervision tree
  plantao kill plantao/trust/policy            end one actor and watch it come back
  plantao audit tail                          who did what
  plantao audit search --patient maria-exemplo
  plantao audit report maria-exemplo          who saw whose data, for the patient to read
  plantao doctor                              what is well here, what is not, what to do
  plantao plugin new reading-ease             begin a plugin of your own
  plantao audit verify                        prove that nobody edited the trail
  plantao policy explain medica read patient/maria-exemplo

Under `--demo` a principal acts for you unless you name another with --as or --token: `autora` for
content, `medica` for fhir and login, `enfermeiro` for vitals, `recepcao` for ward and consent,
`auditora` for audit and plugins.

Configuration: built-in defaults < file < environment (PLANTAO__FRONT_DOOR__LISTEN=...) < flags.";

/// Plantão, a fault-tolerant runtime for hospital software.
#[derive(Debug, Parser)]
#[command(name = "plantao", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub(super) struct Global {
    /// State directory [default: ./var; environment: PLANTAO__STATE_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) state_dir: Option<PathBuf>,
    /// Configuration file [default: plantao.toml in the state directory; environment:
    /// PLANTAO_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Sets one key of the configuration, such as `audit.queue=512`
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(super) set: Vec<(String, String)>,
    /// Act as this demonstration principal
    #[arg(
        long = "as",
        global = true,
        value_name = "NAME",
        conflicts_with = "token"
    )]
    pub(super) principal: Option<String>,
    /// Act by the bearer token in this file
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) token: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the hospital in the foreground; Ctrl-C drains and stops it
    Run(Run),
    /// Look at everything a start needs, and say what is missing
    Check,
    /// Look an installation over, running or not: what is well, what is not, what to do
    #[command(after_help = "\
Looks at: configuration, state directory, keys' modes, certificate, PostgreSQL and its programs,
schema, clocks, the audit trail's storage, partitions, guards, signatures and folders, open files,
disk, and what a running node says of itself. Changes nothing.

Exit code 0: nothing failed; 1: something did. Warnings do not fail.

Examples:
  plantao doctor                              as a table
  plantao doctor --json | jq '.findings[] | select(.status != \"ok\")'")]
    Doctor(Doctor),
    /// Sign a bearer token with this node's key and print it
    Token(Token),
    /// Hand in content for checking
    Content(Content),
    /// Store and read FHIR R4 resources
    Fhir(Fhir),
    /// Print a link that logs a browser in, once
    #[command(name = "login")]
    LogIn(LogIn),
    /// Make accounts that log in with a password and a one-time code
    Account(Account),
    /// See and change who lies in which bed
    Ward(Ward),
    /// Record what patients consent to
    Consent(Consent),
    /// Send vital signs
    Vitals(Vitals),
    /// Draw the live supervision tree
    Tree(Tree),
    /// Kill one actor of the running tree; its supervisor answers
    Kill(Kill),
    /// Read the policy's rules or a plugin's file again, without a restart
    Reload(Reload),
    /// Read and prove the audit trail
    Audit(Audit),
    /// Cosign the checkpoints of other nodes' trails, on a machine that they do not own
    Witness(Witness),
    /// See and replace keys, and erase a patient
    Vault(Vault),
    /// List the plugins and their state
    Plugins,
    /// Write a plugin: make, build, check, test, measure and attack one, without a node
    Plugin(Plugin),
    /// Ask what the policy allows, why, and what other rules would change
    Policy(PolicyAsked),
    /// Bring the database's schema to a version, forward or back
    Migrate(Migrate),
    /// Write the whole database into one encrypted file, and prove that it can be restored
    Backup(Backup),
    /// Restore a backup into an empty state directory, or prove that it could be
    Restore(Restore),
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Make demonstration principals with tokens on disk. Never in a hospital
    #[arg(long)]
    pub(super) demo: bool,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Print the findings as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  plantao token --sub dra-ana --role physician --tenant hospital-a --device managed --mfa > ana.jwt
  plantao --token ana.jwt fhir get Patient maria-exemplo")]
pub(super) struct Token {
    /// Who: an identifier, never a name or a document number
    #[arg(long)]
    pub(super) sub: String,
    /// As what: a role of the configuration
    #[arg(long)]
    pub(super) role: String,
    /// In which institution [default: identity.tenant of the configuration]
    #[arg(long)]
    pub(super) tenant: Option<String>,
    /// What is known of the device: managed or unknown
    #[arg(long, default_value = "unknown")]
    pub(super) device: String,
    /// More than one factor authenticated the principal
    #[arg(long)]
    pub(super) mfa: bool,
    /// Good for: seconds, or a number with s, m, h or d
    #[arg(long, default_value = "8h", value_parser = seconds)]
    pub(super) ttl: u32,
}

#[derive(Debug, Args)]
pub(super) struct Content {
    #[command(subcommand)]
    pub(super) command: ContentCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ContentCommand {
    /// Submit an article (Markdown) and print the findings, never the text found
    Submit {
        /// The article
        file: PathBuf,
        /// Print the whole answer as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Fhir {
    #[command(subcommand)]
    pub(super) command: FhirCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum FhirCommand {
    /// Store a bundle. Entries that carry an id are stored under it, so loading again is harmless
    Load {
        /// The bundle (JSON)
        file: PathBuf,
        /// Print the whole answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print one resource as JSON
    Get {
        /// Its type, such as Patient
        #[arg(value_name = "TYPE")]
        kind: String,
        /// Its id
        id: String,
        /// Emergency access: why. Critical in the audit trail, and reviewed
        #[arg(long, value_name = "REASON")]
        break_glass: Option<String>,
        /// The purpose of use: treatment, operations, publication, audit or research
        #[arg(long)]
        purpose: Option<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
A witness (C2SP tlog-witness) signs a checkpoint only when it continues the last one it signed, so
that nobody who owns a node, its keys and its database can rewrite what was witnessed. It sees
names, sizes and digests, no entry. Put a TLS proxy before it where its network is not trusted; what
it signs cannot be forged either way.

Example, on another machine:
  plantao witness --name witness.example.org --keys log.keys --listen 10.0.0.7:8470 \\
    --folder /var/lib/plantao-witness")]
pub(super) struct Witness {
    /// Its name for good, such as `witness.example.org`
    #[arg(long)]
    pub(super) name: String,
    /// The keys of a node's logs, as `plantao audit keys` printed them; may be given again
    #[arg(long, value_name = "FILE", required = true)]
    pub(super) keys: Vec<PathBuf>,
    /// What it signed last and its own key; nobody else's folder, and never a node's
    #[arg(long, value_name = "DIR", default_value = "./witness")]
    pub(super) folder: PathBuf,
    /// Where it listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8470")]
    pub(super) listen: std::net::SocketAddr,
}

#[derive(Debug, Args)]
pub(super) struct Tree {
    /// Print the snapshot as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Draw it again every second until Ctrl-C
    #[arg(long, conflicts_with = "json")]
    pub(super) watch: bool,
}

#[derive(Debug, Args)]
pub(super) struct Kill {
    /// The actor's path, parents and all, as the tree draws them: plantao/trust/policy
    pub(super) path: String,
}

#[derive(Debug, Args)]
pub(super) struct Plugin {
    #[command(subcommand)]
    pub(super) command: PluginCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    #[command(flatten)]
    Author(Author),
}

#[derive(Debug, Args)]
pub(super) struct Reload {
    #[command(subcommand)]
    pub(super) target: ReloadTarget,
}

#[derive(Debug, Subcommand)]
pub(super) enum ReloadTarget {
    /// Read roles and thresholds again; a policy that is refused changes nothing
    Policy,
    /// Read a plugin's file again; a file that is refused leaves the old one running
    Plugin {
        /// Its name
        name: String,
    },
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, such as `audit.queue=512`".into()),
    }
}

fn seconds(text: &str) -> Result<u32, String> {
    let expected = || "expected a number of seconds, or one with s, m, h or d".to_owned();
    let (digits, unit_s) = match text.chars().last() {
        Some('s') => (text.trim_end_matches('s'), 1),
        Some('m') => (text.trim_end_matches('m'), 60),
        Some('h') => (text.trim_end_matches('h'), 3_600),
        Some('d') => (text.trim_end_matches('d'), 86_400),
        _ => (text, 1),
    };
    let number: u32 = digits.parse().map_err(|_| expected())?;
    number
        .checked_mul(unit_s)
        .filter(|seconds| *seconds > 0)
        .ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn flags_may_stand_after_the_command() {
        let arguments =
            Arguments::try_parse_from(["plantao", "audit", "tail", "-n", "5", "--as", "auditora"])
                .unwrap();
        assert_eq!(arguments.global.principal.as_deref(), Some("auditora"));
    }

    #[test]
    fn whose_entries_are_asked_for_is_not_who_asks() {
        let arguments = [
            "plantao",
            "audit",
            "search",
            "--principal",
            "ana",
            "--as",
            "bia",
        ];
        let arguments = Arguments::try_parse_from(arguments).unwrap();
        assert_eq!(arguments.global.principal.as_deref(), Some("bia"));
        let Command::Audit(Audit {
            command: AuditCommand::Search { which, .. },
        }) = arguments.command
        else {
            panic!("a search")
        };
        assert_eq!(which.given(), [("principal", "ana")]);
    }

    #[test]
    fn a_principal_and_a_token_are_not_given_together() {
        Arguments::try_parse_from(["plantao", "tree", "--as", "medica", "--token", "t.jwt"])
            .unwrap_err();
    }

    #[test]
    fn times_have_units() {
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("8h"), Ok(28_800));
        assert_eq!(seconds("2d"), Ok(172_800));
        for bad in ["", "0", "h", "1w", "-1", "99999999d"] {
            seconds(bad).unwrap_err();
        }
    }
}
