//! `plantao audit`: reads the trail, and proves it.
//!
//! Verifying asks the node for entries and believes none of its arithmetic: every hash is computed
//! again here. It proves that what was read is one unbroken chain; that its end is the true end is
//! shown by comparing the printed heads with ones kept elsewhere.

use std::io::Write;

use plantao_schema::audit::{Chained, Severity, Verifier};
use serde::Deserialize;

use super::arguments::{Audit, AuditCommand};
use super::client::{Ask, Client};
use super::context::Context;
use super::error::CliError;

/// Who reads the trail in a demonstration.
const USUAL: &str = "auditora";
const PAGE: usize = 1_000;

#[derive(Deserialize)]
struct Page {
    entries: Vec<Chained>,
    next: Option<String>,
}

pub(super) async fn audit(
    context: &Context,
    audit: &Audit,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let client = context.front_door(USUAL)?;
    match &audit.command {
        AuditCommand::Tail { number, json } => tail(&client, *number, *json, out).await,
        AuditCommand::Verify => verify(&client, out).await,
    }
}

async fn tail(
    client: &Client,
    number: u32,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let target = format!("/v1/audit/entries?order=desc&limit={number}");
    for item in page(client, target).await?.entries.iter().rev() {
        if json {
            let line = serde_json::to_string(item);
            writeln!(
                out,
                "{}",
                line.map_err(|error| client.unexpected(error.to_string()))?
            )?;
        } else {
            writeln!(out, "{}", one_line(item))?;
        }
    }
    Ok(())
}

async fn verify(client: &Client, out: &mut impl Write) -> Result<(), CliError> {
    let mut verifier = Verifier::new();
    let mut after: Option<String> = None;
    loop {
        let from = after
            .as_deref()
            .map(|place| format!("&after={}", escaped(place)));
        let target = format!("/v1/audit/entries?limit={PAGE}{}", from.unwrap_or_default());
        let Page { entries, next } = page(client, target).await?;
        for item in &entries {
            verifier.push(item).map_err(|error| CliError::Refused {
                text: format!("the trail does not hold: {error}"),
            })?;
        }
        // A page that is not full was the end when it was read; this reading is itself an entry,
        // and chasing that one would never end.
        if next.is_none() || entries.len() < PAGE {
            break;
        }
        if next == after {
            return Err(client.unexpected("a page that leads back to itself"));
        }
        after = next;
    }
    let (checked, chains) = (verifier.checked(), verifier.heads().len());
    writeln!(
        out,
        "verified {checked} entries in {chains} chains: every hash holds"
    )?;
    for (chain, head) in verifier.heads() {
        let hash: String = head.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "  {chain}:{} {hash}", head.seq)?;
    }
    Ok(())
}

async fn page(client: &Client, target: String) -> Result<Page, CliError> {
    let answer = client.ask(Ask::get(target)).await?;
    serde_json::from_slice(&answer).map_err(|error| client.unexpected(error.to_string()))
}

/// When, who as what, did what for what, and what came of it.
fn one_line(item: &Chained) -> String {
    let entry = &item.entry;
    let mut line = format!(
        "{} #{} {}/{}",
        entry.at, item.seq, entry.principal, entry.role
    );
    line.push_str(&format!(" {} {}", entry.action, entry.resource_kind));
    if let Some(id) = &entry.resource_id {
        line.push_str(&format!("/{id}"));
    }
    line.push_str(&format!(" for {}: {} ", entry.purpose, entry.verdict));
    line.push_str(&format!("{} {}", entry.score, entry.outcome.as_str()));
    if let Some(plugin) = &entry.plugin {
        line.push_str(&format!(" by {plugin}"));
    }
    match entry.severity {
        Severity::Info => {}
        Severity::Warning => line.push_str(" [warning]"),
        Severity::Critical => line.push_str(" [CRITICAL]"),
    }
    if !matches!(entry.severity, Severity::Info) {
        line.push_str(&format!(" {}", entry.explanation));
    }
    line
}

/// A query value: a chain's name has a slash, which is plain here, and must not have more.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' | b':' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
