//! The arguments of what people at the bedside use: log-ins, wards, consent, vital signs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "\
The link logs a browser in as whoever asks for it, once: the principal of --as or --token.

Examples:
  plantao login                               a link for the demonstration's physician
  plantao login --as enfermeiro --open        for its nurse, opened in this desktop's browser
  plantao --token ana.jwt login               for whoever the token says")]
pub(in crate::cli) struct LogIn {
    /// Open the link in this desktop's browser (xdg-open) as well
    #[arg(long)]
    pub(in crate::cli) open: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Account {
    #[command(subcommand)]
    pub(in crate::cli) command: AccountCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AccountCommand {
    /// Make an account that logs in with a password and a one-time code
    #[command(after_help = "\
The password is asked for twice and not shown; it is never an argument, which every user of the
machine could read. What comes back is shown once: an otpauth address and its QR code, for the
authenticator application of the account's owner.

Examples:
  plantao account add dra-ana --role physician
  pass show plantao/ana | plantao account add dra-ana --role physician --password-file -")]
    Add {
        /// The account's name: an identifier, never a document number
        name: String,
        /// As what it acts: a role of the configuration
        #[arg(long)]
        role: String,
        /// Read the password from the first line of this file, or of the standard input (`-`)
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plantao ward place uti leito-1 maria-exemplo
  plantao ward list uti
  plantao ward free uti leito-1")]
pub(in crate::cli) struct Ward {
    #[command(subcommand)]
    pub(in crate::cli) command: WardCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum WardCommand {
    /// List a ward's beds and who lies in them, by identifier
    List {
        /// The ward
        ward: String,
    },
    /// Put a patient into a bed; who lay in another bed is transferred
    Place {
        /// The ward; its first bed makes it
        ward: String,
        /// The bed
        bed: String,
        /// The patient's id
        patient: String,
    },
    /// Leave a bed empty
    Free {
        /// The ward
        ward: String,
        /// The bed
        bed: String,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
A revoked consent closes every open view of the patient at once. Emergency access stays possible,
and is audited as such.

Examples:
  plantao consent show maria-exemplo
  plantao consent revoke maria-exemplo
  plantao consent grant maria-exemplo --purpose research")]
pub(in crate::cli) struct Consent {
    #[command(subcommand)]
    pub(in crate::cli) command: ConsentCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConsentCommand {
    /// Record that the patient consents
    Grant(ConsentOf),
    /// Record that the patient does not, or no longer
    Revoke(ConsentOf),
    /// Print what is recorded
    Show(ConsentOf),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ConsentOf {
    /// The patient's id
    pub(in crate::cli) patient: String,
    /// The purpose of use: treatment, operations, publication, audit or research
    #[arg(long, default_value = "treatment")]
    pub(in crate::cli) purpose: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Vitals {
    #[command(subcommand)]
    pub(in crate::cli) command: VitalsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum VitalsCommand {
    /// Send a monitor's recording as if it happened now
    Replay(Replay),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The file is CSV with a header. `minute` is required; understood beside it are HR, PULSE, RESP, SpO2,
ABPSys, ABPDias, ABPMean, NBPSys, NBPDias, NBPMean, TEMP (Celsius), ACVPU (a letter) and O2 (l/min).
An empty cell was not measured. Zeros are sent as they are: telling artefacts from readings is the
server's work. The whole file is read before anything is sent.

Examples:
  plantao vitals replay config/demo/sinais.csv --patient maria-exemplo --speed 60
  plantao vitals replay sinais.csv --patient maria-exemplo --ward uti --bed leito-1 --speed 60
  plantao vitals replay sinais.csv --patient maria --patient joao --from 30 --speed 60 --loop")]
pub(in crate::cli) struct Replay {
    /// The recording (CSV)
    pub(in crate::cli) file: PathBuf,
    /// The patient's id. Given again: one more patient, who starts elsewhere in the recording
    #[arg(long, value_name = "ID", required = true)]
    pub(in crate::cli) patient: Vec<String>,
    /// Put the patients into this ward first
    #[arg(long)]
    pub(in crate::cli) ward: Option<String>,
    /// Their beds, one for each patient, in the same order; without it they are numbered
    #[arg(long, requires = "ward")]
    pub(in crate::cli) bed: Vec<String>,
    /// How many minutes of the recording pass in one minute
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    pub(in crate::cli) speed: f64,
    /// Start at this minute of the recording
    #[arg(long, value_name = "MINUTE", default_value_t = 0)]
    pub(in crate::cli) from: u32,
    /// Send this many rows for each patient [default: as many as there are from the start on]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) rows: Option<u64>,
    /// Begin again at the end, until Ctrl-C or --rows
    #[arg(long = "loop")]
    pub(in crate::cli) endless: bool,
}

/// Beyond this a minute takes under a millisecond and nothing is paced any more.
const SPEED_MAX: f64 = 60_000.0;

fn speed(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    number
        .filter(|speed: &f64| speed.is_finite() && *speed > 0.0 && *speed <= SPEED_MAX)
        .ok_or_else(|| format!("expected a number above 0 and up to {SPEED_MAX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_positive_and_bounded() {
        assert_eq!(speed("60"), Ok(60.0));
        assert_eq!(speed("0.5"), Ok(0.5));
        for bad in ["0", "-1", "inf", "NaN", "fast", "1e9"] {
            speed(bad).unwrap_err();
        }
    }
}
