//! One patient's feed: each row one Observation, a panel, stored once however often sent.
//!
//! Every Observation has an id of its own and is stored by PUT, so that a row whose answer was lost
//! is sent again without becoming two. Times are those at which rows are due: what waits for a
//! server that is away is told as old as it is when it arrives.

use std::time::Duration;

use http::StatusCode;
use plantao_schema::id::PatientId;
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::{Reading, observation};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::super::client::{Ask, Kept};
use super::super::error::CliError;
use super::super::outcome;
use super::schedule::{Schedule, Step};
use super::tally::Tally;

const FHIR_JSON: &str = "application/fhir+json";
const RETRY_MIN: Duration = Duration::from_millis(250);
/// A server that says later than this is asked again anyway.
const RETRY_MAX: Duration = Duration::from_secs(5);
/// A restart of the whole hospital takes less; after this nobody is there.
const GIVE_UP_AFTER: Duration = Duration::from_secs(300);

/// What all feeds of a replay share.
pub(super) struct Replay<'a> {
    pub(super) kept: &'a Kept,
    pub(super) schedule: Schedule<'a>,
    /// When it began, by both clocks.
    pub(super) began: Instant,
    pub(super) began_at: Timestamp,
    /// Distinguishes the ids of this replay from those of every other.
    pub(super) run: String,
    pub(super) tally: &'a Tally,
    pub(super) stop: &'a CancellationToken,
}

impl Replay<'_> {
    /// Sends patient `number` of `count` every row that is due, until the end or until stopped.
    pub(super) async fn feed(
        &self,
        patient: &PatientId,
        number: usize,
        count: usize,
    ) -> Result<(), CliError> {
        for step in self.schedule.of(number, count) {
            let due = self.began + step.due;
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(()),
                () = sleep_until(due) => {}
            }
            let readings = self.readings(step);
            // An hour without a sensor is an hour without Observations.
            if !readings.is_empty() {
                let name = format!("{}-{number}-{}", self.run, step.number);
                // A name of its own, so that sending it again stores nothing twice.
                let body = observation(patient, &name, &readings).to_string();
                let address = format!("/fhir/Observation/{name}");
                if !self.deliver(Ask::put(address, FHIR_JSON, body)).await? {
                    return Ok(());
                }
            }
            self.tally.sent(step, readings.len(), due.elapsed());
        }
        Ok(())
    }

    fn readings(&self, step: Step<'_>) -> Vec<Reading> {
        let micros = i64::try_from(step.due.as_micros()).unwrap_or(i64::MAX);
        let at = Timestamp::from_micros(self.began_at.micros().saturating_add(micros));
        let signs = step.row.signs.iter();
        signs
            .map(|&(sign, value)| Reading { sign, value, at })
            .collect()
    }

    /// Sends until it is stored; `false` when told to stop before that.
    async fn deliver(&self, ask: Ask) -> Result<bool, CliError> {
        let (since, mut pause) = (Instant::now(), RETRY_MIN);
        loop {
            let (wait, error) = match self.kept.ask(ask.clone()).await {
                Ok(answer) if answer.status.is_success() => return Ok(true),
                Ok(answer) => {
                    let text = outcome::refusal(answer.status, &answer.body);
                    if !is_passing(answer.status) {
                        return Err(CliError::Refused { text });
                    }
                    let wait = answer.retry_after.unwrap_or(pause);
                    (wait, CliError::Busy { text })
                }
                Err(error @ CliError::Unavailable { .. }) => (pause, error),
                Err(error) => return Err(error),
            };
            if since.elapsed() >= GIVE_UP_AFTER {
                return Err(error);
            }
            self.tally.retried();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(false),
                () = sleep(wait.min(RETRY_MAX)) => {}
            }
            pause = (pause * 2).min(RETRY_MAX);
        }
    }
}

/// Whether a later attempt may be taken.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::GATEWAY_TIMEOUT
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantao_schema::vitals::{VitalSign, readings};

    #[test]
    fn a_row_is_one_panel_with_everything_that_was_measured() {
        let patient = PatientId::parse("maria").unwrap();
        let at = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let sent: Vec<Reading> = VitalSign::ALL
            .iter()
            .map(|&sign| Reading {
                sign,
                value: 2.0,
                at,
            })
            .collect();
        let panel = observation(&patient, "0123456789ab-49-1051199", &sent);
        let mut taken = readings(panel.as_object().unwrap());
        taken.sort_by_key(|reading| reading.sign);
        let mut expected = sent;
        expected.sort_by_key(|reading| reading.sign);
        assert_eq!(taken, expected);
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        assert!(is_passing(StatusCode::SERVICE_UNAVAILABLE));
        assert!(!is_passing(StatusCode::FORBIDDEN));
        assert!(!is_passing(StatusCode::UNPROCESSABLE_ENTITY));
    }
}
