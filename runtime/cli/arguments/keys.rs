//! The arguments of what is done to keys.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "\
Three levels: the master key wraps each tenant's key, a tenant's key wraps the data keys of its
patients, and a data key seals one patient's records. Each is replaced while the system serves; a
rotation that is cut short by a crash goes on at the next start.

Examples:
  plantao vault status
  plantao vault rotate tenant --wait
  plantao vault rotate data --patient maria-exemplo --wait
  plantao vault erase maria-exemplo --reason lgpd_art18")]
pub(in crate::cli) struct Vault {
    #[command(subcommand)]
    pub(in crate::cli) command: VaultCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum VaultCommand {
    /// Show which keys there are, and how far a rotation is
    Status {
        /// Of this institution [default: identity.tenant of the configuration]
        #[arg(long)]
        tenant: Option<String>,
        /// Print the whole answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Replace keys: everything that the old ones wrap or seal is wrapped or sealed anew
    #[command(after_help = "\
`master` makes a new key beside `keys/master.key` and puts it in its place at the end; the old one
stays aside as `master.retired-NAME`, for backups of before. Keep a copy of the new one elsewhere.
A key from a token or from systemd is replaced by the one that the configuration names, the present
one being under [vault.previous]. Where several nodes share a database, do it that way with a file
too: each of them has to hold both keys before the rotation, for a new file is on one node alone.

Keys for look-ups by identifier are not replaced by `data`: their indexes would have to be made
again from every record.")]
    Rotate {
        /// Which keys
        #[arg(value_enum)]
        level: VaultLevel,
        /// Of this institution [default: identity.tenant of the configuration]
        #[arg(long)]
        tenant: Option<String>,
        /// Only this patient's data key
        #[arg(long, value_name = "ID")]
        patient: Option<String>,
        /// Wait for its end and print how far it is
        #[arg(long)]
        wait: bool,
    },
    /// Destroy every key of a patient: the records stay and never open again
    #[command(after_help = "\
Cannot be undone, by nobody: not by a restored backup of the database either, because a tombstone
is kept outside of it (keys/tombstones.log of the state directory; back it up with the host).
The reason is a code of lowercase letters, digits and `_`, never a text about a person.")]
    Erase {
        /// The patient's id
        patient: String,
        /// In this institution [default: identity.tenant of the configuration]
        #[arg(long)]
        tenant: Option<String>,
        /// Why, as a code: lgpd_art18, court_order
        #[arg(long)]
        reason: String,
    },
}

/// Which keys are replaced.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(in crate::cli) enum VaultLevel {
    /// The master key
    Master,
    /// A tenant's key
    Tenant,
    /// The period's key, and with it every tenant's: what older copies of the key store hold opens
    /// no more. By itself every `vault.period_hours`
    Period,
    /// Data keys
    Data,
}

impl VaultLevel {
    pub(in crate::cli) const fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Tenant => "tenant",
            Self::Period => "period",
            Self::Data => "data",
        }
    }
}
