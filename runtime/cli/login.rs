//! `plantao login`: a link that logs a browser in, once.
//!
//! Whoever reads the link before its owner opens it is logged in as its owner: it goes to the
//! standard output alone, is good for minutes, and works once.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::arguments::LogIn;
use super::client::Ask;
use super::context::Context;
use super::error::CliError;
use super::outcome::at;

/// Who looks at patients in a demonstration.
const USUAL: &str = "medica";
/// The desktop's way to its browser.
const OPENER: &str = "xdg-open";

pub(super) async fn log_in(
    context: &Context,
    log_in: &LogIn,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let client = context.front_door(USUAL)?;
    let ask = Ask::post("/v1/login/links", "application/json", "{}");
    let answer = client.ask_json(ask).await?;
    let home = format!("https://{}/login/", context.door());
    let (url, expires_s) =
        link(&answer, &home).ok_or_else(|| client.unexpected("no link to log in with"))?;
    writeln!(out, "{url}")?;
    match expires_s {
        Some(s) => writeln!(out, "good once, for {}", span(s))?,
        None => writeln!(out, "good once")?,
    }
    if log_in.open {
        open(url)?;
    }
    Ok(())
}

/// The link and how long it is good for. An answer never sends a browser to another host.
fn link<'a>(answer: &'a Value, home: &str) -> Option<(&'a str, Option<u64>)> {
    let url = at(answer, "/url").filter(|url| url.starts_with(home))?;
    Some((url, answer.get("expires_s").and_then(Value::as_u64)))
}

fn span(s: u64) -> String {
    match (s / 60, s % 60) {
        (0, s) => format!("{s} s"),
        (min, 0) => format!("{min} min"),
        (min, s) => format!("{min} min {s} s"),
    }
}

fn open(url: &str) -> Result<(), CliError> {
    let started = Command::new(OPENER)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    started.map(drop).map_err(|error| CliError::Usage {
        text: format!("--open: `{OPENER}` does not start ({error}); open the link yourself"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_link_leads_to_the_log_in_of_this_hospital_and_nowhere_else() {
        let home = "https://127.0.0.1:8443/login/";
        let url = "https://127.0.0.1:8443/login/abc";
        let answer = json!({ "url": url, "expires_s": 300 });
        assert_eq!(link(&answer, home), Some((url, Some(300))));
        let elsewhere = json!({ "url": "https://elsewhere.example/login/abc" });
        assert_eq!(link(&elsewhere, home), None);
        assert_eq!(link(&json!({ "code": "abc" }), home), None);
    }

    #[test]
    fn spans_are_told_in_minutes() {
        assert_eq!(span(300), "5 min");
        assert_eq!(span(90), "1 min 30 s");
        assert_eq!(span(45), "45 s");
    }
}
