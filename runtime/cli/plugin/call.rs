//! `plantao plugin call`: one function, one input, on the real host.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::super::arguments::Call;
use super::super::error::CliError;
use super::stand::Stand;
use super::subject::Plugin;
use super::{read, refused};

/// More is no input of any plugin.
const INPUT_MAX_BYTES: u64 = 16 * 1024 * 1024;

pub(super) async fn call(order: &Call, out: &mut impl Write) -> Result<(), CliError> {
    let input = given(&order.input)?;
    let plugin = Plugin::open(&order.path).await?;
    let stand = Stand::of(&plugin, &order.values.iter().cloned().collect())?;
    let heard = stand.call(&order.function, &input).await;
    for line in &heard.lines {
        let _ = writeln!(std::io::stderr(), "log: {line}");
    }
    let answer = heard.answer.map_err(|error| refused(error.to_string()))?;
    writeln!(out, "{answer}")?;
    Ok(())
}

fn given(input: &str) -> Result<String, CliError> {
    if let Some(file) = input.strip_prefix('@') {
        return read(Path::new(file));
    }
    if input != "-" {
        return Ok(input.to_owned());
    }
    let mut text = String::new();
    let read = std::io::stdin()
        .take(INPUT_MAX_BYTES)
        .read_to_string(&mut text);
    read.map_err(|error| CliError::Input {
        path: PathBuf::from("-"),
        reason: error.to_string(),
    })?;
    Ok(text)
}
