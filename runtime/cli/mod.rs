//! The command line: one binary that runs the hospital and speaks to it.
//!
//! Reads go through the front door with a token, like anybody's; looking at the tree goes to the
//! admin listener; changes to the running tree go over its private socket. Nothing here reaches
//! into the state directory of a running node except for its CA, its socket and a token. Answers
//! go to the standard output, everything else to the standard error. Exit codes are those of
//! sysexits: 0 done, 1 refused, 64 usage, 66 no such input, 69 not running, 78 configuration.

mod account;
mod arguments;
mod audit;
mod backup;
mod check;
mod checking_keys;
mod client;
mod consent;
mod content;
mod context;
mod doctor;
mod error;
mod fhir;
mod kill;
mod login;
mod migrate;
mod outcome;
mod plugin;
mod plugins;
mod policy;
mod proof;
mod reload;
mod restore;
mod run;
mod server;
mod terminal;
mod token;
mod trail;
mod tree;
mod vault;
mod vitals;
mod ward;
mod witness;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use self::arguments::{Arguments, Command};
use self::context::Context;
pub use self::error::CliError;

/// Reads the arguments of this process, does what they say, and gives the exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(error::USAGE)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever closed the pipe has seen enough: `plantao audit tail | head`.
        Err(CliError::Output {
            kind: std::io::ErrorKind::BrokenPipe,
        }) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "plantao: {}", error.describe());
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<(), CliError> {
    let Arguments { global, command } = arguments;
    if let Command::Run(run) = command {
        return run::run(&global, &run);
    }
    let context = Context::load(&global)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Output { kind: error.kind() })?;
    let mut out = std::io::stdout().lock();
    runtime.block_on(async {
        match command {
            Command::Run(_) => Ok(()),
            Command::Check => check::check(&context, &mut out),
            Command::Doctor(doctor) => doctor::doctor(&context, &doctor, &mut out).await,
            Command::Token(token) => token::token(&context, &token, &mut out),
            Command::Content(content) => content::content(&context, &content, &mut out).await,
            Command::Fhir(fhir) => fhir::fhir(&context, &fhir, &mut out).await,
            Command::LogIn(log_in) => login::log_in(&context, &log_in, &mut out).await,
            Command::Account(account) => account::account(&context, &account, &mut out).await,
            Command::Ward(ward) => ward::ward(&context, &ward, &mut out).await,
            Command::Consent(consent) => consent::consent(&context, &consent, &mut out).await,
            Command::Vitals(vitals) => vitals::vitals(&context, &vitals, &mut out).await,
            Command::Tree(tree) => tree::tree(&context, &tree, &mut out).await,
            Command::Kill(kill) => kill::kill(&context, &kill, &mut out).await,
            Command::Reload(reload) => reload::reload(&context, &reload, &mut out).await,
            Command::Audit(audit) => audit::audit(&context, &audit, &mut out).await,
            Command::Witness(witness) => witness::witness(&context, &witness, &mut out).await,
            Command::Vault(vault) => vault::vault(&context, &vault, &mut out).await,
            Command::Plugin(order) => plugin::plugin(&context, &order.command, &mut out).await,
            Command::Plugins => plugins::plugins(&context, &mut out).await,
            Command::Policy(asked) => policy::policy(&context, &asked, &mut out),
            Command::Migrate(migrate) => migrate::migrate(&context, &migrate, &mut out).await,
            Command::Backup(order) => backup::backup(&context, &order, &mut out).await,
            Command::Restore(order) => restore::restore(&context, &order, &mut out).await,
        }
    })?;
    out.flush().map_err(CliError::from)
}
