//! The patient's report, drawn: one page to print and keep, or a text, in the patient's language.
//!
//! It is read by someone who knows neither this program nor the trade: roles, purposes and results
//! are said in plain words, an emergency is marked and explained, a refused attempt is shown, and
//! at the end stands what the reader may do next. The page is one file that loads nothing, so that
//! it can be sent and kept. Its words are in `words`, its numbers in the trail.
//!
//! PHI: that there is a record of this patient, and who came near it; no content of it.
//! - Purpose: accountability to the patient (LGPD Art. 6 VI and X, 9, 18 and 19).
//! - Legal basis: legal obligation (LGPD Art. 7 II, 11 II a).
//! - Retention: none here; whoever is given the file keeps it.
//! - Access: by a permit on the audit trail. Encryption: in transit by the front door's TLS.
//! - Audit: each report is an entry of the trail, and of this patient's.

mod page;
mod text;
mod words;

pub use page::{headers, page};
pub use text::text;

use self::words::Words;
use plantao_schema::access::Role;
use plantao_schema::audit::report::{Access, Line, Manner, Report};
use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;
use time::{OffsetDateTime, Weekday};

/// Everything that a report says.
#[derive(Clone, Debug)]
pub struct Told {
    /// What happened.
    pub report: Report,
    /// In which institution.
    pub tenant: String,
    /// To whose data: the pseudonym.
    pub patient: String,
    /// From when on; from the beginning where nobody said.
    pub since: Option<Timestamp>,
    /// Before when; up to now where nobody said.
    pub until: Option<Timestamp>,
    /// When it was made.
    pub made: Timestamp,
    /// How far the institution's clocks are ahead of UTC, seconds.
    pub offset_s: i64,
    /// Whether older accesses did not fit in.
    pub is_cut: bool,
    /// Whom to ask, as the institution says it.
    pub contact: Option<String>,
    /// The reader's language.
    pub locale: Locale,
}

impl Told {
    fn words(&self) -> &'static Words {
        Words::of(self.locale)
    }

    /// The facts above everything else: name and value.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let words = self.words();
        let from = self.since.map(|at| self.moment(at));
        let until = self.until.unwrap_or(self.made);
        let from = from.unwrap_or_else(|| words.beginning.to_owned());
        let period = format!("{from} {} {}", words.to, self.moment(until));
        vec![
            (words.institution, self.tenant.clone()),
            (words.patient, self.patient.clone()),
            (words.period, period),
            (words.made, self.moment(self.made)),
        ]
    }

    /// The counts: number, and what it is of.
    fn counts(&self) -> [(u64, &'static str); 4] {
        let (words, report) = (self.words(), &self.report);
        let one = |count, one, many| (count, if count == 1 { one } else { many });
        [
            one(report.accesses, words.access, words.accesses),
            one(report.people, words.account, words.accounts),
            one(report.emergencies, words.emergency_one, words.emergencies),
            one(report.refused, words.attempt, words.attempts),
        ]
    }

    /// A moment by the institution's clocks: `27/11/2026 09:12`.
    fn moment(&self, at: Timestamp) -> String {
        let local = at.plus_seconds(self.offset_s);
        let minute = local.seconds().rem_euclid(86_400) / 60;
        let date = date(local.seconds().div_euclid(86_400));
        let (day, month) = (date.day(), u8::from(date.month()));
        let day = match self.locale {
            Locale::PtBr => format!("{day:02}/{month:02}/{}", date.year()),
            Locale::En => format!("{}-{month:02}-{day:02}", date.year()),
        };
        format!("{day} {}", clock(minute))
    }

    /// A day, as people say it.
    fn day(&self, number: i64) -> String {
        let (date, words) = (date(number), self.words());
        let weekday = match date.weekday() {
            Weekday::Monday => words.monday,
            Weekday::Tuesday => words.tuesday,
            Weekday::Wednesday => words.wednesday,
            Weekday::Thursday => words.thursday,
            Weekday::Friday => words.friday,
            Weekday::Saturday => words.saturday,
            Weekday::Sunday => words.sunday,
        };
        let (day, year) = (date.day(), date.year());
        let month = words::month(date.month(), self.locale);
        match self.locale {
            Locale::PtBr => format!("{weekday}, {day} de {month} de {year}"),
            Locale::En => format!("{weekday}, {day} {month} {year}"),
        }
    }

    /// What was done with what, and how often.
    fn deed(&self, line: &Line) -> String {
        let Access { action, kind, .. } = &line.access;
        let what = words::action(action, self.locale);
        let of = words::kind(kind, self.locale);
        let times = match line.count {
            1 => String::new(),
            many => format!(" ({many} {})", self.words().times),
        };
        format!("{what}: {of}{times}")
    }

    /// In which role, by which account.
    fn role<'a>(&self, access: &'a Access) -> std::borrow::Cow<'a, str> {
        match Role::parse(&access.role) {
            Ok(role) => words::role(&role, self.locale).to_owned().into(),
            Err(_) => access.role.as_str().into(),
        }
    }

    fn purpose<'a>(&self, access: &'a Access) -> &'a str {
        words::purpose(&access.purpose, self.locale)
    }

    const fn manner(words: &Words, manner: Manner) -> &'static str {
        match manner {
            Manner::Done => words.done,
            Manner::Emergency => words.emergency,
            Manner::Refused => words.refused,
            Manner::Failed => words.failed,
            Manner::Underway => words.underway,
            Manner::Unknown => words.unknown,
        }
    }
}

fn date(days: i64) -> time::Date {
    let moment = OffsetDateTime::from_unix_timestamp(days.saturating_mul(86_400));
    moment.unwrap_or(OffsetDateTime::UNIX_EPOCH).date()
}

fn clock(minute: i64) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// From the first to the last.
fn span(line: &Line) -> String {
    let (first, last) = (line.first_minute.into(), line.last_minute.into());
    if first == last {
        clock(first)
    } else {
        format!("{}–{}", clock(first), clock(last))
    }
}

#[cfg(test)]
mod tests;
