//! `plantao audit search`, `open`, `export` with conditions, and `report`: the trail read as its
//! users do.
//!
//! Pages are followed by the place that each one ends with, so that what is recorded meanwhile
//! moves nothing. Nothing that an entry holds is obeyed by the terminal it is shown on.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use plantao_schema::audit::fhir::audit_event;
use plantao_schema::audit::{Outcome, Severity, Told};
use serde::{Deserialize, Serialize};

use super::arguments::{Format, Language, Which};
use super::client::{Ask, Client, segment};
use super::error::CliError;

/// Entries asked for at once.
const PAGE: u32 = 1_000;
/// The columns of a search but the last, which is not filled up.
const HEADINGS: [&str; 6] = ["WHEN", "WHO", "WHAT", "PATIENT", "WHY", "VERDICT"];

#[derive(Deserialize)]
struct Page {
    entries: Vec<Told>,
    next: Option<String>,
}

/// The newest entries, `most` of them or all.
pub(super) async fn search(
    client: &Client,
    which: &Which,
    most: Option<u32>,
    json: bool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let mut table = Table::default();
    let mut left = most;
    let mut pages = Pages::new(client, which, true);
    while let Some(page) = pages.next(left.unwrap_or(PAGE)).await? {
        if json {
            for told in &page {
                line(client, told, out)?;
            }
        } else {
            table.write(&page, out)?;
        }
        let taken = u32::try_from(page.len()).unwrap_or(u32::MAX);
        left = left.map(|left| left.saturating_sub(taken));
        if left == Some(0) {
            break;
        }
    }
    if pages.has_more() && !json {
        // Beside the answer and not in it.
        let said = "there are older ones: --all shows every one, --limit more";
        writeln!(std::io::stderr(), "plantao: {said}")?;
    }
    Ok(())
}

/// What was begun and never completed: whatever is told once and is pending still.
pub(super) fn open(since: Option<String>) -> Which {
    Which {
        outcome: Some(Outcome::Pending.as_str().to_owned()),
        since,
        ..Which::default()
    }
}

/// Every entry of the conditions, the newest first.
pub(super) async fn export(
    client: &Client,
    which: &Which,
    format: Format,
    out: &mut impl Write,
) -> Result<(), CliError> {
    // An AuditEvent is a whole access; an entry is what it is.
    let mut pages = Pages::new(client, which, format == Format::Fhir);
    while let Some(page) = pages.next(PAGE).await? {
        for told in &page {
            match format {
                Format::Jsonl => line(client, &told.item, out)?,
                Format::Fhir => line(client, &audit_event(told), out)?,
            }
        }
    }
    Ok(())
}

/// A patient's report, on the standard output or as a page into a file.
pub(super) async fn report(
    client: &Client,
    (patient, (since, until), language): (&str, (Option<&str>, Option<&str>), Language),
    html: Option<&Path>,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let language = match language {
        Language::PtBr => "pt-BR",
        Language::En => "en",
    };
    let mut target = format!(
        "/v1/audit/patients/{}/report?lang={language}",
        segment(patient)
    );
    for (name, value) in [("since", since), ("until", until)] {
        if let Some(value) = value {
            target.push_str(&format!("&{name}={}", segment(value)));
        }
    }
    let accept = match html {
        Some(_) => "text/html, application/problem+json",
        None => "text/plain, application/problem+json",
    };
    let answer = client
        .ask(Ask::get(target).header("accept", accept))
        .await?;
    let Some(path) = html else {
        out.write_all(&answer)?;
        return Ok(());
    };
    // It says who came near whose data: for nobody else on this machine.
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(&answer)?;
    writeln!(out, "the report is in `{}`", path.display())?;
    Ok(())
}

/// The pages of a search, followed to its end.
struct Pages<'a> {
    client: &'a Client,
    conditions: String,
    after: Option<String>,
    is_over: bool,
}

impl<'a> Pages<'a> {
    fn new(client: &'a Client, which: &Which, once: bool) -> Self {
        let mut conditions = format!("order=desc&once={once}");
        for (name, value) in which.given() {
            conditions.push_str(&format!("&{name}={}", segment(value)));
        }
        Self {
            client,
            conditions,
            after: None,
            is_over: false,
        }
    }

    /// At most so many more; `None` after the last.
    async fn next(&mut self, limit: u32) -> Result<Option<Vec<Told>>, CliError> {
        if self.is_over {
            return Ok(None);
        }
        let (conditions, limit) = (&self.conditions, limit.clamp(1, PAGE));
        let mut target = format!("/v1/audit/entries?{conditions}&limit={limit}");
        if let Some(after) = &self.after {
            target.push_str(&format!("&after={after}"));
        }
        let answer = self.client.ask(Ask::get(target)).await?;
        let page: Result<Page, _> = serde_json::from_slice(&answer);
        let page = page.map_err(|error| self.client.unexpected(error.to_string()))?;
        if page.next.is_some() && page.next == self.after {
            return Err(self.client.unexpected("a page that leads back to itself"));
        }
        self.is_over = page.next.is_none();
        self.after = page.next;
        Ok(Some(page.entries))
    }

    const fn has_more(&self) -> bool {
        !self.is_over
    }
}

fn line(client: &Client, what: &impl Serialize, out: &mut impl Write) -> Result<(), CliError> {
    let line = serde_json::to_string(what);
    let line = line.map_err(|error| client.unexpected(error.to_string()))?;
    writeln!(out, "{line}").map_err(CliError::from)
}

/// Columns that are as wide as what has been in them so far.
#[derive(Default)]
struct Table {
    widths: [usize; HEADINGS.len()],
    is_begun: bool,
}

impl Table {
    fn write(&mut self, page: &[Told], out: &mut impl Write) -> Result<(), CliError> {
        let rows: Vec<_> = page.iter().map(cells).collect();
        let headings = HEADINGS.map(str::to_owned);
        let all = rows.iter().map(|(cells, _)| cells).chain([&headings]);
        for cells in all {
            for (width, cell) in self.widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if !self.is_begun {
            self.row(&headings, "OUTCOME", out)?;
            self.is_begun = true;
        }
        for (cells, last) in &rows {
            self.row(cells, last, out)?;
        }
        Ok(())
    }

    fn row(
        &self,
        cells: &[String; HEADINGS.len()],
        last: &str,
        out: &mut impl Write,
    ) -> Result<(), CliError> {
        for (cell, width) in cells.iter().zip(self.widths) {
            write!(out, "{cell:<width$}  ")?;
        }
        writeln!(out, "{last}").map_err(CliError::from)
    }
}

/// What stands in a row: the columns, and what became of it with the reason where it matters.
fn cells(told: &Told) -> ([String; HEADINGS.len()], String) {
    let entry = &told.item.entry;
    let on = entry.resource_id.as_ref().map(|id| format!("/{id}"));
    let (action, kind) = (&entry.action, &entry.resource_kind);
    let seconds = plantao_schema::time::Timestamp::from_micros(
        told.from().seconds().saturating_mul(1_000_000),
    );
    let columns = [
        seconds.to_string(),
        format!("{}/{}", entry.principal, entry.role),
        format!("{action} {kind}{}", on.unwrap_or_default()),
        entry.patient.clone().unwrap_or_else(|| "-".to_owned()),
        entry.purpose.clone(),
        format!("{} {}", entry.verdict, entry.score),
    ];
    let mut last = entry.outcome.as_str().to_owned();
    let loud = match entry.severity {
        Severity::Info => None,
        Severity::Warning => Some("warning"),
        Severity::Critical => Some("CRITICAL"),
    };
    if let Some(loud) = loud {
        last.push_str(&format!(" [{loud}] {}", entry.explanation));
    }
    (columns.map(|text| plain(&text)), plain(&last))
}

fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
