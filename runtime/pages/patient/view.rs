//! From a bedside to the patient page's tree of values.

use super::templates::{ROOT, note, nothing};
use super::{card, person, vitals};
use crate::pages::cells::{self, Worth};
use crate::pages::follow::Sight;
use crate::pages::lines::Epoch;
use crate::pages::words::Words;
use plantao_actors::live::diff::{Rendered, Slot};
use plantao_actors::patient::Bedside;
use plantao_schema::access::Fields;
use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::news2::Score;
use plantao_schema::vitals::{Chart, VitalSign};
use std::sync::Arc;

/// The page, and what it showed last.
#[derive(Debug)]
pub(in crate::pages) struct PatientView {
    fields: Fields,
    locale: Locale,
    epoch: Epoch,
    drawn: Option<Drawn>,
}

/// The parts that change with the bedside, and what they were drawn from.
#[derive(Debug)]
struct Drawn {
    bedside: Arc<Bedside>,
    worths: Vec<Worth>,
    score: Score,
    span: crate::pages::lines::Span,
    card: Option<Arc<Rendered>>,
    vitals: Option<Arc<Rendered>>,
}

impl PatientView {
    /// An empty page for a viewer with these fields.
    pub(in crate::pages) const fn new(fields: Fields, locale: Locale, epoch: Epoch) -> Self {
        Self {
            fields,
            locale,
            epoch,
            drawn: None,
        }
    }

    /// The page, and whether it shows anything of the patient. `connected`: whether the values can
    /// be believed to be current; without consent nothing of them is there.
    pub(in crate::pages) fn render(
        &mut self,
        sight: &Sight<Arc<Bedside>>,
        consented: bool,
        connected: bool,
        now: Timestamp,
    ) -> (Rendered, bool) {
        let words = Words::of(self.locale);
        let (bedside, lost) = match sight {
            Sight::Opening => (None, false),
            Sight::Now(bedside) => (Some(bedside), bedside.storage_lost),
            Sight::Lost(bedside) => (bedside.as_ref(), true),
        };
        let bedside = bedside.filter(|_| consented);
        let warning = match sight {
            _ if !consented => words.patient_restricted,
            Sight::Opening => words.bed_opening,
            _ if lost => words.patient_lost,
            _ => "",
        };
        let named = bedside.filter(|_| self.fields.contains(Fields::NAME));
        let heading = match named {
            Some(bedside) => bedside.name.as_deref().unwrap_or(words.name_absent),
            None => words.patient_heading,
        };
        let born = named.and_then(|bedside| self.born(bedside.birth_date.as_deref()?, now));
        let (card, vitals) = match bedside {
            Some(bedside) => self.parts(bedside, now),
            None => {
                self.drawn = None;
                (None, None)
            }
        };
        let clinical = card.is_some() || vitals.is_some();
        let refused = (bedside.is_some() && !clinical).then(|| note(words.not_allowed));
        let slots = vec![
            Slot::text(if connected && !lost { "live" } else { "lost" }),
            Slot::text(if lost { "patient lost" } else { "patient" }),
            Slot::text(heading),
            Slot::text(born.unwrap_or_default()),
            Slot::text(warning),
            card.map_or_else(nothing, Slot::Part),
            vitals.or(refused).map_or_else(nothing, Slot::Part),
        ];
        (Rendered::new(ROOT, slots), named.is_some() || clinical)
    }

    fn born(&self, date: &str, now: Timestamp) -> Option<String> {
        let words = Words::of(self.locale);
        let written = person::date(date, self.locale);
        let years = person::years(date, now);
        let years = years.map_or_else(String::new, |years| format!(" · {years} {}", words.years));
        Some(format!("{} {written}{years}", words.born))
    }

    /// Card and vitals, drawn anew only when something of them is another.
    fn parts(
        &mut self,
        bedside: &Arc<Bedside>,
        now: Timestamp,
    ) -> (Option<Arc<Rendered>>, Option<Arc<Rendered>>) {
        let chart = &bedside.chart;
        let worths = worths(chart, now);
        let score = chart.news2(now);
        let span = crate::pages::lines::Span::of(chart, now);
        let before = self.drawn.take();
        let (fields, locale) = (self.fields, self.locale);
        let same_card = before.as_ref().filter(|before| {
            Arc::ptr_eq(&before.bedside.card, &bedside.card)
                && before.bedside.unreadable == bedside.unreadable
        });
        let card = match same_card {
            Some(before) => before.card.clone(),
            None => card::part(
                &bedside.card,
                bedside.unreadable + usize::from(bedside.card_incomplete),
                fields,
                locale,
            ),
        };
        let same_vitals = before.as_ref().filter(|before| {
            Arc::ptr_eq(&before.bedside, bedside)
                && before.worths == worths
                && before.score == score
                && before.span == span
        });
        let vitals = match same_vitals {
            Some(before) => before.vitals.clone(),
            None => fields
                .contains(Fields::VITALS)
                .then(|| Arc::new(vitals::part(chart, now, self.epoch, locale))),
        };
        self.drawn = Some(Drawn {
            bedside: Arc::clone(bedside),
            worths,
            score,
            span,
            card: card.clone(),
            vitals: vitals.clone(),
        });
        (card, vitals)
    }
}

fn worths(chart: &Chart, now: Timestamp) -> Vec<Worth> {
    let signs = VitalSign::ALL.iter();
    signs.map(|sign| cells::worth(chart, *sign, now)).collect()
}
