//! `plantao consent`: what a patient consents to, by purpose of use.

use std::io::Write;

use serde_json::json;

use super::arguments::{Consent, ConsentCommand, ConsentOf};
use super::client::{Ask, segment};
use super::context::Context;
use super::error::CliError;
use super::outcome::at;

/// Who takes consents down in a demonstration.
const USUAL: &str = "recepcao";

pub(super) async fn consent(
    context: &Context,
    consent: &Consent,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let client = context.front_door(USUAL)?;
    let (of, status) = match &consent.command {
        ConsentCommand::Grant(of) => (of, Some("granted")),
        ConsentCommand::Revoke(of) => (of, Some("revoked")),
        ConsentCommand::Show(of) => (of, None),
    };
    let ConsentOf { patient, purpose } = of;
    if let Some(status) = status {
        let body = json!({ "status": status }).to_string();
        let ask = Ask::put(place(of), "application/json", body);
        client.ask(ask).await?;
        writeln!(out, "{patient}: {purpose} is {status}")?;
        return Ok(());
    }
    let answer = client.ask_json(Ask::get(place(of))).await?;
    let status =
        at(&answer, "/status").ok_or_else(|| client.unexpected("no status of the consent"))?;
    let said = status.replace('_', " ");
    match at(&answer, "/at") {
        Some(when) => writeln!(out, "{patient}: {purpose} is {said} since {when}")?,
        None => writeln!(out, "{patient}: {purpose} is {said}")?,
    }
    Ok(())
}

fn place(ConsentOf { patient, purpose }: &ConsentOf) -> String {
    format!(
        "/v1/patients/{}/consents/{}",
        segment(patient),
        segment(purpose)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consent_has_a_place_of_its_own() {
        let of = ConsentOf {
            patient: "maria".into(),
            purpose: "treatment".into(),
        };
        assert_eq!(place(&of), "/v1/patients/maria/consents/treatment");
    }
}
