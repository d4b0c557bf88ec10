//! The answer to who asks for an emergency card, and the one reply that a spool's receipt lets go.
//!
//! Everything else leaves with an [`AuditReceipt`](plantao_actors::audit::AuditReceipt). A card
//! that was read in an emergency may leave with a
//! [`SpoolReceipt`](plantao_actors::audit::SpoolReceipt) instead, and says so: in a header, in the
//! body, and in words for whoever reads it. A [`CardAnswer`] is made of a card and of nothing else.

use super::reply::{AUDIT_ENTRY, Answer, Body, JSON, finish};
use crate::pages;
use http::{HeaderName, Response, StatusCode, header};
use plantao_actors::audit::EmergencyReceipt;
use plantao_actors::patient::HeldCard;
use plantao_schema::emergency::CardItem;
use plantao_schema::id::{PatientId, RequestId};
use plantao_schema::locale::Locale;
use serde_json::{Value, json};
use std::sync::Arc;

/// The number in this node's spool of an entry that the trail does not have yet.
const AUDIT_SPOOL: HeaderName = HeaderName::from_static("plantao-audit-spool");

/// One patient's card, before it may leave.
#[derive(Debug)]
pub(super) struct CardAnswer {
    card: Arc<HeldCard>,
    patient: PatientId,
    locale: Locale,
}

impl CardAnswer {
    pub(super) const fn new(card: Arc<HeldCard>, patient: PatientId, locale: Locale) -> Self {
        Self {
            card,
            patient,
            locale,
        }
    }

    /// The answer to an ordinary reading, which leaves as everything else does.
    pub(super) fn ordinary(&self) -> Answer {
        self.answer("trail")
    }

    fn answer(&self, kept_in: &str) -> Answer {
        let card = &*self.card;
        let list = |items: &[CardItem]| items.iter().map(item).collect::<Vec<_>>();
        let source = if card.is_from_memory() {
            "session_memory"
        } else {
            "records"
        };
        let body = json!({
            "patient": self.patient.as_str(),
            "name": card.name.as_deref(),
            "birth_date": card.birth_date.as_deref(),
            "allergies": list(&card.card.allergies),
            "medication": list(&card.card.medication),
            "conditions": list(&card.card.conditions),
            "as_of": card.as_of.to_string(),
            "source": source,
            "complete": card.unreadable == 0 && !card.is_incomplete && !card.is_behind,
            "unreadable": card.unreadable,
            "changed_since": card.is_behind,
            "audit": kept_in,
            "notices": self.notices(kept_in),
        });
        Answer::json(StatusCode::OK, JSON, &body)
            .header(header::CONTENT_LANGUAGE, self.locale.as_str().to_owned())
            .header(header::VARY, "accept-language".to_owned())
    }

    /// What whoever reads the card has to know of it, in their language.
    fn notices(&self, kept_in: &str) -> Vec<&'static str> {
        let (card, words) = (&*self.card, pages::card_notices(self.locale));
        let notices = [
            (kept_in == SPOOL, words.spooled),
            (card.is_from_memory(), words.from_memory),
            (card.is_behind, words.behind),
            (card.unreadable > 0 || card.is_incomplete, words.incomplete),
        ];
        let said = notices.into_iter().filter(|(is_so, _)| *is_so);
        said.map(|(_, words)| words).collect()
    }
}

/// What is said of an entry that the trail does not have yet.
const SPOOL: &str = "emergency_spool";

fn item(item: &CardItem) -> Value {
    json!({
        "text": item.text,
        "detail": item.detail,
        "critical": item.critical,
        "since": item.since,
    })
}

/// Lets a card leave that was read in an emergency: with the receipt of the trail, or of the spool.
pub(super) fn emergency(
    card: &CardAnswer,
    receipt: &EmergencyReceipt,
    id: &RequestId,
) -> Response<Body> {
    let answer = match receipt {
        EmergencyReceipt::Trail(receipt) => card
            .answer("trail")
            .header(AUDIT_ENTRY, receipt.entry().to_string()),
        EmergencyReceipt::Spool(receipt) => card
            .answer(SPOOL)
            .header(AUDIT_ENTRY, receipt.entry().to_string())
            .header(AUDIT_SPOOL, receipt.number().to_string()),
    };
    finish(answer, id)
}
