//! `plantao ward`: who lies in which bed, by identifier.

use std::io::Write;

use serde_json::{Value, json};

use super::arguments::{Ward, WardCommand};
use super::client::{Ask, Client, segment};
use super::context::Context;
use super::error::CliError;
use super::outcome::at;

/// Who admits and moves patients in a demonstration.
const USUAL: &str = "recepcao";

pub(super) async fn ward(
    context: &Context,
    ward: &Ward,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let client = context.front_door(USUAL)?;
    match &ward.command {
        WardCommand::List { ward } => {
            let target = format!("/v1/wards/{}", segment(ward));
            let answer = client.ask_json(Ask::get(target)).await?;
            list(&answer, out).ok_or_else(|| client.unexpected("no list of beds"))?
        }
        WardCommand::Place { ward, bed, patient } => {
            place(&client, ward, bed, patient).await?;
            writeln!(out, "{patient} lies in {ward}/{bed}")?;
            Ok(())
        }
        WardCommand::Free { ward, bed } => {
            client.ask(Ask::delete(place_of(ward, bed))).await?;
            writeln!(out, "{ward}/{bed} is empty")?;
            Ok(())
        }
    }
}

/// Puts a patient into a bed.
pub(super) async fn place(
    client: &Client,
    ward: &str,
    bed: &str,
    patient: &str,
) -> Result<(), CliError> {
    let body = json!({ "patient": patient }).to_string();
    let ask = Ask::put(place_of(ward, bed), "application/json", body);
    client.ask(ask).await.map(drop)
}

fn place_of(ward: &str, bed: &str) -> String {
    format!("/v1/wards/{}/beds/{}", segment(ward), segment(bed))
}

fn list(answer: &Value, out: &mut impl Write) -> Option<Result<(), CliError>> {
    let beds = answer.get("beds").and_then(Value::as_array)?;
    let mut text = String::new();
    for bed in beds {
        let name = at(bed, "/bed").unwrap_or("unnamed");
        let restricted = bed.get("restricted").and_then(Value::as_bool);
        let nobody = match restricted {
            Some(true) => "(occupied, access restricted)",
            _ => "-",
        };
        let patient = at(bed, "/patient").unwrap_or(nobody);
        text.push_str(&format!("{name:<16} {patient}\n"));
    }
    if beds.is_empty() {
        text.push_str("no beds; `plantao ward place WARD BED PATIENT` makes one\n");
    }
    Some(out.write_all(text.as_bytes()).map_err(CliError::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beds_are_listed_with_who_lies_in_them() {
        let answer = json!({ "beds": [
            { "bed": "leito-1", "patient": "maria" }, { "bed": "leito-2", "patient": null },
        ]});
        let mut out = Vec::new();
        list(&answer, &mut out).unwrap().unwrap();
        let said = String::from_utf8(out).unwrap();
        assert_eq!(said, "leito-1          maria\nleito-2          -\n");
        assert!(list(&json!({}), &mut Vec::new()).is_none());
    }

    #[test]
    fn a_name_with_a_slash_stays_one_segment() {
        assert_eq!(place_of("uti", "../1"), "/v1/wards/uti/beds/..%2F1");
    }
}
