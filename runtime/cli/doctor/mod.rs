//! `plantao doctor`: looks an installation over and says of each thing whether it is well, and what
//! to do where it is not.
//!
//! Works with the node running or not; what only a running one can show is then left out and said
//! to be. Looks and changes nothing. Prints paths, versions, counts and names of chains: no entry
//! of the trail and nothing of a patient.

mod database;
mod external;
mod host;
mod provenance;
mod running;

use super::arguments::Doctor;
use super::context::Context;
use super::error::CliError;
use plantao_actors::clock::WallClock;
use serde::Serialize;
use std::io::Write;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work, or a guard is down.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    what: &'static str,
    status: Status,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    todo: Option<String>,
}

impl Finding {
    fn ok(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            what,
            status: Status::Ok,
            found: found.into(),
            todo: None,
        }
    }

    fn warn(what: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self {
            status: Status::Warn,
            todo: Some(todo.into()),
            ..Self::ok(what, found)
        }
    }

    fn fail(what: &'static str, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self {
            status: Status::Fail,
            ..Self::warn(what, found, todo)
        }
    }
}

pub(super) async fn doctor(
    context: &Context,
    doctor: &Doctor,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let now_us = WallClock::system().now().micros();
    let is_running = running::is_running(context);
    let mut findings = host::look(context, now_us);
    findings.extend(database::look(context, is_running, now_us).await);
    findings.extend(running::look(context, is_running).await);
    if doctor.json {
        let text = serde_json::json!({ "version": 1, "running": is_running, "findings": findings });
        writeln!(out, "{text:#}")?;
    } else {
        print(&findings, out)?;
    }
    let failed = findings.iter().filter(|one| one.status == Status::Fail);
    match failed.count() {
        0 => Ok(()),
        missing => Err(CliError::Checks { missing }),
    }
}

fn print(findings: &[Finding], out: &mut impl Write) -> Result<(), CliError> {
    let width = findings
        .iter()
        .map(|one| one.what.len())
        .max()
        .unwrap_or_default();
    let (mut warnings, mut failures) = (0, 0);
    for one in findings {
        let mark = match one.status {
            Status::Ok => "ok  ",
            Status::Warn => {
                warnings += 1;
                "WARN"
            }
            Status::Fail => {
                failures += 1;
                "FAIL"
            }
        };
        writeln!(out, "{mark}  {:width$}  {}", one.what, one.found)?;
        if let Some(todo) = &one.todo {
            writeln!(out, "      {:width$}  > {todo}", "")?;
        }
    }
    let looked = findings.len();
    writeln!(
        out,
        "{looked} looked at: {warnings} warnings, {failures} failures"
    )?;
    Ok(())
}

/// A length of time for people: the largest unit that fits.
fn span(microseconds: i64) -> String {
    let seconds = microseconds.unsigned_abs() / 1_000_000;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_stands_out_and_says_what_to_do() {
        let findings = [
            Finding::ok("clock", "as the server's"),
            Finding::warn("certificate", "ends in 9 days", "put a new one there"),
            Finding::fail(
                "guards",
                "plantao_app has TRUNCATE on audit_entry",
                "revoke it",
            ),
        ];
        let mut out = Vec::new();
        print(&findings, &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "ok    clock        as the server's");
        assert_eq!(lines[2], "                   > put a new one there");
        assert!(lines[3].starts_with("FAIL  guards"), "{said}");
        assert_eq!(lines[5], "3 looked at: 1 warnings, 1 failures");
    }

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        let said = [1, 300, 7_200, 900_000].map(|seconds| span(-seconds * 1_000_000));
        assert_eq!(said, ["1 s", "5 min", "2 h", "10 days"]);
    }
}
