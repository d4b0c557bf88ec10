//! From beds and bedsides to the ward's tree of values: pure but for what it remembers in order to
//! share rows that did not change, and to announce an alarm once.

use super::templates::{self, NOTE, ROOT, ROW, SCORE, WardShape};
use crate::pages::cells::{self, Cell, Worth};
use crate::pages::follow::Sight;
use crate::pages::lines::{self, Epoch, Span};
use crate::pages::score;
use crate::pages::words::{self, Words};
use plantao_actors::live::diff::{Item, Rendered, Slot};
use plantao_actors::patient::Bedside;
use plantao_schema::id::{BedId, PatientId, WardId};
use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;
use plantao_schema::vitals::VitalSign;
use plantao_schema::vitals::news2::Score;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Alarms named in one announcement; more are counted.
const ANNOUNCED: usize = 3;
/// A score from here on calls for an emergency response.
const HIGH_SCORE: u8 = 7;

/// One bed as the page knows it.
#[derive(Clone, Debug)]
pub(in crate::pages) struct BedView {
    /// Which.
    pub(in crate::pages) bed: BedId,
    /// Who lies in it.
    pub(in crate::pages) occupant: Occupant,
}

/// Who lies in a bed.
#[derive(Clone, Debug)]
pub(in crate::pages) enum Occupant {
    /// Nobody.
    Nobody,
    /// Somebody whose data may not be shown.
    Restricted,
    /// This patient.
    Patient(PatientId, Sight<Arc<Bedside>>),
}

/// The page, and what it showed last.
#[derive(Debug)]
pub(in crate::pages) struct WardView {
    ward: WardId,
    shape: WardShape,
    locale: Locale,
    epoch: Epoch,
    rows: BTreeMap<PatientId, Row>,
    /// Alarms shown before; nothing before the first render, which announces none.
    alarms: Option<BTreeSet<Alarm>>,
    announcement: String,
    /// Whose alarms the announcement tells, and in which beds.
    announced: BTreeMap<PatientId, BedId>,
    /// What it tells: it is taken back when one of these ends, so that the same is said again.
    said: BTreeSet<Alarm>,
}

/// Whose sign passed which limit.
type Alarm = (PatientId, VitalSign, Worth);

/// A row as it was drawn, with all it was drawn from.
#[derive(Debug)]
struct Row {
    bed: BedId,
    bedside: Option<Arc<Bedside>>,
    lost: bool,
    worths: Vec<Worth>,
    score: Option<Score>,
    span: Span,
    drawn: Arc<Rendered>,
}

/// What a bed is sorted by: who needs somebody, then the rest, then free beds; by bed in each.
type Rank = (u8, Reverse<u8>, Vec<(u64, String)>);

impl WardView {
    /// An empty page.
    pub(in crate::pages) fn new(
        ward: WardId,
        shape: WardShape,
        locale: Locale,
        epoch: Epoch,
    ) -> Self {
        Self {
            ward,
            shape,
            locale,
            epoch,
            rows: BTreeMap::new(),
            alarms: None,
            announcement: String::new(),
            announced: BTreeMap::new(),
            said: BTreeSet::new(),
        }
    }

    /// Whether it tells nothing of a patient but the bed.
    pub(in crate::pages) const fn is_bare(&self) -> bool {
        self.shape.is_bare()
    }

    /// The page with these beds, and whose data it shows. `connected`: whether the values can be
    /// believed to be current as a whole.
    pub(in crate::pages) fn render(
        &mut self,
        beds: &[BedView],
        connected: bool,
        now: Timestamp,
    ) -> (Rendered, BTreeSet<PatientId>) {
        let span = self.span(beds, now);
        let mut patients = BTreeSet::new();
        let mut lines: Vec<(Rank, Item)> = Vec::with_capacity(beds.len());
        // Each with the bed it is in now.
        let mut alarms = BTreeMap::new();
        let mut high = 0_usize;
        let mut rows = std::mem::take(&mut self.rows);
        for BedView { bed, occupant } in beds {
            let words = Words::of(self.locale);
            let (rank, body) = match occupant {
                Occupant::Nobody => (2, note(bed, "free", words.bed_empty)),
                Occupant::Restricted => (1, note(bed, "closed-bed", words.bed_restricted)),
                Occupant::Patient(..) if self.shape.is_bare() => {
                    (1, note(bed, "", words.bed_occupied))
                }
                Occupant::Patient(patient, sight) => {
                    let row = self.row(bed, patient, sight, rows.remove(patient), span, now);
                    let body = Arc::clone(&row.drawn);
                    let scored = row.score.filter(|score| score.scored() > 0);
                    if row.bedside.is_some() {
                        patients.insert(patient.clone());
                    }
                    high += usize::from(scored.is_some_and(|score| score.total >= HIGH_SCORE));
                    alarms.extend(row.alarms(patient));
                    self.rows.insert(patient.clone(), row);
                    let total = scored.map_or(0, |score| score.total);
                    let rank = (u8::from(scored.is_none()), Reverse(total), natural(bed));
                    lines.push((rank, Item::new(bed.as_str(), body)));
                    continue;
                }
            };
            lines.push((
                (rank, Reverse(0), natural(bed)),
                Item::new(bed.as_str(), body),
            ));
        }
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
        let occupied = beds
            .iter()
            .filter(|bed| !matches!(bed.occupant, Occupant::Nobody));
        let mut slots = vec![
            Slot::text(if connected { "live" } else { "lost" }),
            Slot::text(self.ward.as_str()),
            Slot::text(format!("{}/{}", occupied.count(), beds.len())),
            Slot::List(lines.into_iter().map(|(_, item)| item).collect()),
        ];
        if self.shape.vitals {
            let in_alarm: BTreeSet<&BedId> = alarms.values().collect();
            slots.push(Slot::text(in_alarm.len().to_string()));
            slots.push(Slot::text(high.to_string()));
            self.announce(&alarms);
            slots.push(Slot::text(self.announcement.as_str()));
            slots.push(Slot::text(span.text()));
        }
        (Rendered::new(ROOT, slots), patients)
    }

    fn span(&self, beds: &[BedView], now: Timestamp) -> Span {
        let charts = beds.iter().filter_map(|bed| match &bed.occupant {
            Occupant::Patient(_, Sight::Now(bedside) | Sight::Lost(Some(bedside))) => {
                Some(&bedside.chart)
            }
            _ => None,
        });
        let spans = charts.map(|chart| Span::of(chart, now));
        spans.max().unwrap_or(Span::SHORTEST)
    }

    /// The row, drawn anew only when something of it is another.
    fn row(
        &self,
        bed: &BedId,
        patient: &PatientId,
        sight: &Sight<Arc<Bedside>>,
        before: Option<Row>,
        span: Span,
        now: Timestamp,
    ) -> Row {
        let (bedside, lost) = match sight {
            Sight::Opening => (None, false),
            Sight::Now(bedside) => (Some(bedside), bedside.storage_lost),
            Sight::Lost(bedside) => (bedside.as_ref(), true),
        };
        let chart = bedside
            .map(|bedside| &bedside.chart)
            .filter(|_| self.shape.vitals);
        let worths = VitalSign::ALL.iter();
        let worths: Vec<Worth> = chart.map_or_else(Vec::new, |chart| {
            worths.map(|sign| cells::worth(chart, *sign, now)).collect()
        });
        let score = chart.map(|chart| chart.news2(now));
        if let Some(before) = before
            && before.bed == *bed
            && before.lost == lost
            && before.span == span
            && before.score == score
            && before.worths == worths
            && same(before.bedside.as_ref(), bedside)
        {
            return before;
        }
        let words = Words::of(self.locale);
        let state = match sight {
            Sight::Opening => words.bed_opening,
            _ if lost => words.bed_lost,
            _ => "",
        };
        let mut slots = vec![
            Slot::text(if lost { "lost" } else { "" }),
            Slot::text(format!("/patients/{}", patient.as_str())),
            Slot::text(bed.as_str()),
            Slot::text(state),
        ];
        if self.shape.name {
            let name = bedside.map(|bedside| bedside.name.as_deref());
            slots.push(Slot::text(match name {
                Some(Some(name)) => name,
                Some(None) => words.name_absent,
                None => "",
            }));
        }
        if self.shape.vitals {
            slots.push(Slot::part(score::part(SCORE, score, self.locale)));
            let absent = plantao_schema::vitals::Chart::new();
            let chart = chart.unwrap_or(&absent);
            for &sign in VitalSign::ALL {
                let cell = cells::cell(chart, sign, now, self.locale);
                slots.push(Slot::part(self.cell_part(sign, &cell, chart, span)));
            }
        }
        let drawn = Arc::new(Rendered::new(ROW, slots));
        let (bed, bedside) = (bed.clone(), bedside.cloned());
        Row {
            bed,
            bedside,
            lost,
            worths,
            score,
            span,
            drawn,
        }
    }

    fn cell_part(
        &self,
        sign: VitalSign,
        cell: &Cell,
        chart: &plantao_schema::vitals::Chart,
        span: Span,
    ) -> Rendered {
        let at = cell.at.map(|at| self.epoch.seconds(at).to_string());
        let mut slots = vec![
            Slot::text(cell.value.as_str()),
            Slot::text(at.unwrap_or_default()),
            Slot::text(cell.worth.class()),
            Slot::text(cell.tag),
            Slot::text(cell.limits.as_str()),
            Slot::text(cell.unit),
        ];
        if let Some(range) = lines::small_range(sign) {
            slots.push(Slot::text(lines::view_box(span, range)));
            slots.push(Slot::Series(lines::sparkline(
                chart, sign, span, self.epoch,
            )));
        }
        Rendered::new(templates::cell(sign), slots)
    }

    /// Puts the alarms that were not there before into words. Keeps the words until the next, or
    /// until somebody whom they tell of is no longer shown there: neither who stays nor who comes
    /// to look is told of one who left, or who may not be shown any more.
    fn announce(&mut self, alarms: &BTreeMap<Alarm, BedId>) {
        let there = |(patient, bed): (&PatientId, &BedId)| {
            let row = self.rows.get(patient).filter(|row| row.bedside.is_some());
            row.is_some_and(|row| row.bed == *bed)
        };
        let unseen = |alarm: &Alarm| self.rows.get(&alarm.0).is_some_and(|row| row.lost);
        let over = |alarm: &Alarm| !alarms.contains_key(alarm) && !unseen(alarm);
        if !self.announced.iter().all(there) || self.said.iter().any(over) {
            self.announcement.clear();
            self.announced.clear();
            self.said.clear();
        }
        let Some(before) = self.alarms.replace(alarms.keys().cloned().collect()) else {
            return;
        };
        let new = alarms.iter().filter(|(alarm, _)| !before.contains(*alarm));
        let new: Vec<(&Alarm, &BedId)> = new.collect();
        if new.is_empty() {
            return;
        }
        let words = Words::of(self.locale);
        let told = || new.iter().take(ANNOUNCED);
        let said = told().map(|((_, sign, worth), bed)| {
            let name = words::sign(*sign, self.locale).name;
            let worth = cells::alarm_word(*sign, *worth, words);
            format!("{} {bed}: {name} {worth}", words.bed)
        });
        let mut text = format!(
            "{}. {}",
            words.alarm_announced,
            said.collect::<Vec<_>>().join("; ")
        );
        if let Some(more) = new.len().checked_sub(ANNOUNCED).filter(|more| *more > 0) {
            let tail = format!("; {} {more} {}", words.and_more, words.and_more_end);
            text.push_str(tail.trim_end());
        }
        let beds = told().map(|((patient, ..), bed)| (patient.clone(), (*bed).clone()));
        self.announced = beds.collect();
        self.said = told().map(|(alarm, _)| (*alarm).clone()).collect();
        self.announcement = text;
    }
}

impl Row {
    fn alarms<'a>(&'a self, patient: &'a PatientId) -> impl Iterator<Item = (Alarm, BedId)> + 'a {
        let signs = VitalSign::ALL.iter().zip(&self.worths);
        let alarms = signs.filter(|(_, worth)| worth.is_alarm() && !self.lost);
        alarms.map(|(sign, worth)| ((patient.clone(), *sign, *worth), self.bed.clone()))
    }
}

fn same(one: Option<&Arc<Bedside>>, other: Option<&Arc<Bedside>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

fn note(bed: &BedId, class: &str, text: &str) -> Arc<Rendered> {
    let slots = vec![
        Slot::text(class),
        Slot::text(bed.as_str()),
        Slot::text(text),
    ];
    Arc::new(Rendered::new(NOTE, slots))
}

/// A bed's name so that `uti-2` comes before `uti-10`: runs of digits by their value.
fn natural(bed: &BedId) -> Vec<(u64, String)> {
    let mut parts: Vec<(u64, String)> = Vec::new();
    let mut in_number = false;
    for letter in bed.as_str().chars() {
        let digit = letter.to_digit(10);
        match (digit, parts.last_mut()) {
            (Some(digit), Some((number, _))) if in_number => {
                *number = number.saturating_mul(10).saturating_add(u64::from(digit));
            }
            (Some(digit), _) => parts.push((u64::from(digit), String::new())),
            (None, Some((_, text))) if !in_number => text.push(letter),
            // Words after numbers: a bed that is only a number comes first.
            (None, _) => parts.push((u64::MAX, letter.to_string())),
        }
        in_number = digit.is_some();
    }
    parts
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
