//! `plantao plugin`: from nothing to one that is built, checked, tested, measured and signed.
//!
//! Everything here runs the real plugin host in this process, with no node, no network and no
//! record of anybody: what an author sees is what a hospital would see.

mod attack;
mod bench;
mod build;
mod call;
mod case;
mod check;
mod difference;
mod gallery;
mod meter;
mod native;
mod new;
mod packages;
mod recorder;
mod stand;
mod subject;
mod test;

use std::io::Write;

use super::arguments::{Author, PluginCommand};
use super::context::Context;
use super::error::CliError;

pub(super) async fn plugin(
    context: &Context,
    command: &PluginCommand,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let PluginCommand::Author(author) = command;
    match author {
        Author::New(order) => new::new(order, out),
        Author::Build(order) => build::build(&order.path, out).await,
        Author::Check(order) => check::check(&order.path, out).await,
        Author::Call(order) => call::call(order, out).await,
        Author::Test(order) => test::test(&order.path, out).await,
        Author::Bench(order) => bench::bench(order, out).await,
        Author::Attack(order) => attack::attack(order, out).await,
        Author::Keygen(order) => packages::keygen(order, out),
        Author::Sign(order) => packages::sign(order, out),
        Author::Verify(order) => packages::verify(context, order, out),
    }
}

/// The plugin, or what was asked of it, is not in order.
fn refused(text: impl Into<String>) -> CliError {
    CliError::Refused { text: text.into() }
}

/// A file as text.
fn read(path: &std::path::Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::Input {
        path: path.into(),
        reason: error.to_string(),
    })
}

/// A file as bytes.
fn read_bytes(path: &std::path::Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|error| CliError::Input {
        path: path.into(),
        reason: error.to_string(),
    })
}

/// Writes a file, or says which one could not be.
fn write(path: &std::path::Path, content: &[u8]) -> Result<(), CliError> {
    std::fs::write(path, content)
        .map_err(|error| refused(format!("cannot write `{}`: {error}", path.display())))
}
