//! `plantao audit`: reads the trail, and proves it.
//!
//! Verifying asks the node for entries, or reads an export of them, and proves that what was read
//! is one unbroken chain; that it is the one that was signed, and its end the true end, is shown by
//! a checkpoint that was kept elsewhere.

use std::io::Write;

use plantao_actors::audit::keeping::ArchivedHead;
use plantao_actors::audit::transparency::{Algorithm, LogHead, VerifierKey};
use plantao_schema::audit::{Chained, Severity};
use serde::Deserialize;

use super::arguments::{Audit, AuditCommand, Format};
use super::client::{Ask, Client, segment};
use super::context::Context;
use super::error::CliError;
use super::proof::{self, Judge};
use super::trail;

/// Who reads the trail in a demonstration.
const USUAL: &str = "auditora";
const PAGE: usize = 1_000;

#[derive(Deserialize)]
struct Page {
    entries: Vec<Chained>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Checkpoints {
    checkpoints: Vec<LogHead>,
    seals: Vec<LogHead>,
    keys: Vec<String>,
    #[serde(default)]
    cosigned: Vec<Cosigned>,
    #[serde(default)]
    archived: Vec<ArchivedHead>,
}

#[derive(Deserialize)]
struct Cosigned {
    witness: String,
    note: Option<String>,
    failing: Option<String>,
}

pub(super) async fn audit(
    context: &Context,
    audit: &Audit,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let client = || context.front_door(USUAL);
    match &audit.command {
        AuditCommand::Tail { number, json } => tail(&client()?, *number, *json, out).await,
        AuditCommand::Verify {
            proof: Some(path),
            keys,
            ..
        } => proof::verify_inclusion(path, keys.as_deref(), out),
        AuditCommand::Verify {
            export,
            checkpoint,
            keys,
            ..
        } => {
            let judge = Judge::new(checkpoint, keys.as_deref())?;
            match export {
                Some(path) => proof::verify_export(judge, path, keys.as_deref(), out),
                None => verify(&client()?, judge, out).await,
            }
        }
        AuditCommand::Checkpoint {
            witness: Some(witness),
            ..
        } => cosigned(&client()?, witness, out).await,
        AuditCommand::Checkpoint { daily, .. } => checkpoint(&client()?, *daily, out).await,
        AuditCommand::Search {
            which,
            limit,
            all,
            json,
        } => {
            let most = if *all { None } else { Some(*limit) };
            trail::search(&client()?, which, most, *json, out).await
        }
        AuditCommand::Open { since, json } => {
            let which = trail::open(since.clone());
            trail::search(&client()?, &which, None, *json, out).await
        }
        AuditCommand::Export { which, format } => match (format, which.given().as_slice()) {
            (Format::Jsonl, []) => export(&client()?, out).await,
            _ => trail::export(&client()?, which, *format, out).await,
        },
        AuditCommand::Report {
            patient,
            since,
            until,
            language,
            html,
        } => {
            let period = (since.as_deref(), until.as_deref());
            let wanted = (patient.as_str(), period, *language);
            trail::report(&client()?, wanted, html.as_deref(), out).await
        }
        AuditCommand::Keys { daily } => keys(&client()?, *daily, out).await,
        AuditCommand::Content { entry } => content(&client()?, entry, out).await,
        AuditCommand::Prove { entry } => prove(&client()?, entry, out).await,
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

async fn verify(client: &Client, mut judge: Judge, out: &mut impl Write) -> Result<(), CliError> {
    for head in checkpoints(client).await?.archived {
        judge.resume(&head.chain, &head.place)?;
    }
    each(client, |item| judge.push(item)).await?;
    judge.finish(out)
}

async fn export(client: &Client, out: &mut impl Write) -> Result<(), CliError> {
    each(client, |item| {
        let line = serde_json::to_string(item);
        let line = line.map_err(|error| client.unexpected(error.to_string()))?;
        writeln!(out, "{line}").map_err(CliError::from)
    })
    .await
}

/// Every entry, chain by chain and in order.
async fn each(
    client: &Client,
    mut take: impl FnMut(&Chained) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut after: Option<String> = None;
    loop {
        let from = after
            .as_deref()
            .map(|place| format!("&after={}", escaped(place)));
        let from = from.unwrap_or_default();
        let target = format!("/v1/audit/entries?order=asc&limit={PAGE}{from}");
        let Page { entries, next } = page(client, target).await?;
        for item in &entries {
            take(item)?;
        }
        // A page that is not full was the end when it was read; this reading is itself an entry,
        // and chasing that one would never end.
        if next.is_none() || entries.len() < PAGE {
            return Ok(());
        }
        if next == after {
            return Err(client.unexpected("a page that leads back to itself"));
        }
        after = next;
    }
}

async fn checkpoints(client: &Client) -> Result<Checkpoints, CliError> {
    let answer = client.ask(Ask::get("/v1/audit/checkpoints")).await?;
    serde_json::from_slice(&answer).map_err(|error| client.unexpected(error.to_string()))
}

async fn checkpoint(client: &Client, daily: bool, out: &mut impl Write) -> Result<(), CliError> {
    let Checkpoints {
        checkpoints, seals, ..
    } = checkpoints(client).await?;
    let from = if daily { seals } else { checkpoints };
    let head = from.first().ok_or_else(unsigned)?;
    write!(out, "{}", head.note)?;
    Ok(())
}

async fn cosigned(client: &Client, witness: &str, out: &mut impl Write) -> Result<(), CliError> {
    let all = checkpoints(client).await?.cosigned;
    let refused = |text: String| Err(CliError::Refused { text });
    let Some(one) = all.iter().find(|one| one.witness == witness) else {
        let mut names: Vec<&str> = all.iter().map(|one| one.witness.as_str()).collect();
        names.dedup();
        let known = names.join(", ");
        return refused(format!(
            "no witness `{witness}` was asked yet; there are: {known}"
        ));
    };
    match (&one.note, &one.failing) {
        (Some(note), _) => Ok(write!(out, "{note}")?),
        (None, Some(reason)) => refused(format!("`{witness}` has not cosigned: {reason}")),
        (None, None) => refused(format!("`{witness}` has not cosigned yet")),
    }
}

async fn keys(client: &Client, daily: bool, out: &mut impl Write) -> Result<(), CliError> {
    let Checkpoints { keys, .. } = checkpoints(client).await?;
    if keys.is_empty() {
        return Err(unsigned());
    }
    for key in keys {
        let parsed = VerifierKey::parse(&key);
        let parsed = parsed.map_err(|error| client.unexpected(error.to_string()))?;
        if daily || parsed.algorithm() != Algorithm::SlhDsa128s {
            writeln!(out, "{key}")?;
        }
    }
    Ok(())
}

fn unsigned() -> CliError {
    CliError::Refused {
        text: "nothing is signed yet; try again in a second".to_owned(),
    }
}

async fn prove(client: &Client, entry: &str, out: &mut impl Write) -> Result<(), CliError> {
    let target = format!("/v1/audit/proofs/{}", segment(entry));
    let proof = client.ask_json(Ask::get(target)).await?;
    writeln!(out, "{proof:#}")?;
    Ok(())
}

#[derive(Deserialize)]
struct Contents {
    content: String,
    records: Vec<String>,
}

async fn content(client: &Client, entry: &str, out: &mut impl Write) -> Result<(), CliError> {
    let target = format!("/v1/audit/contents/{}", segment(entry));
    let Contents { content, records } =
        serde_json::from_value(client.ask_json(Ask::get(target)).await?)
            .map_err(|error| client.unexpected(error.to_string()))?;
    let records = records.join(", ");
    let said = match content.as_str() {
        "holds" => format!("holds: {records} are kept as the entry committed to them"),
        "nothing" => "the entry is about no content that is kept here".to_owned(),
        "not_kept" => "nothing was kept: the change was not made".to_owned(),
        "sealed" => "it does not open: the patient's key was destroyed, or what is kept was \
                     changed (the node's log then holds an incident)"
            .to_owned(),
        _ => {
            let text = format!("{records}: not kept as the entry committed to them");
            return Err(CliError::Refused { text });
        }
    };
    writeln!(out, "{said}")?;
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
