//! One patient's emergency card.

use super::super::card::CardAnswer;
use super::super::problems;
use super::super::refused::Refused;
use super::super::services::Services;
use super::{Handled, looked_at, pages};
use http::request::Parts;
use plantao_actors::policy::Permit;
use plantao_schema::id::PatientId;

/// The card, from the records or, in an emergency, from the patient's live session.
pub(super) async fn card(
    services: &Services,
    permit: Permit,
    patient: PatientId,
    head: &Parts,
) -> Result<Handled, Refused> {
    let read = services.records.card(permit).await;
    let read = read.map_err(|error| problems::record(&error))?;
    let answer = CardAnswer::new(read.card, patient, pages::locale(head));
    Ok(match read.emergency {
        None => looked_at(answer.ordinary()),
        Some(emergency) => {
            let emergency = Box::new(emergency);
            Handled::Emergency { answer, emergency }
        }
    })
}
