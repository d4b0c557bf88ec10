//! NEWS2 as people read it: the sum, the band in a word, and how much of it was measured.

use super::template::{Template, TemplateError};
use super::words::Words;
use maud::html;
use plantao_actors::live::diff::{Rendered, Slot, TemplateId};
use plantao_schema::locale::Locale;
use plantao_schema::vitals::news2::{Risk, Score};

/// A score's badge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Badge {
    /// The classes that a stylesheet knows it by.
    pub(super) class: &'static str,
    /// The sum; a dash when nothing was measured.
    pub(super) total: String,
    /// The band.
    pub(super) risk: &'static str,
    /// How many of the seven parameters it is made of; empty when of all.
    pub(super) known: String,
}

/// The badge of a score, or of none.
pub(super) fn badge(score: Option<Score>, locale: Locale) -> Badge {
    let words = Words::of(locale);
    let Some(score) = score.filter(|score| score.scored() > 0) else {
        return Badge {
            class: "score r-none",
            total: "–".to_owned(),
            risk: words.news2_none,
            known: String::new(),
        };
    };
    let (class, risk) = match score.risk {
        Risk::Low => ("score r-low", words.risk_low),
        Risk::LowMedium => ("score r-lowmed", words.risk_low_medium),
        Risk::Medium => ("score r-med", words.risk_medium),
        Risk::High => ("score r-high", words.risk_high),
    };
    let known = match score.is_complete() {
        true => String::new(),
        false => format!(
            "{} {}/{}",
            words.incomplete,
            score.scored(),
            score.parts.len()
        ),
    };
    Badge {
        class,
        total: score.total.to_string(),
        risk,
        known,
    }
}

/// The badge's cell in a table. Slots: class, total, risk, how many parameters.
pub(super) fn template(id: TemplateId, columns: usize) -> Result<Template, TemplateError> {
    Template::new(id, |s| {
        html! {
            td colspan=(columns) {
                div class=(s.text(0)) {
                    b { (s.text(1)) } " "
                    span { span { (s.text(2)) } " " span { (s.text(3)) } }
                }
            }
        }
    })
}

/// The cell for a score, or for none.
pub(super) fn part(id: TemplateId, score: Option<Score>, locale: Locale) -> Rendered {
    let badge = badge(score, locale);
    let texts = [badge.class, &badge.total, badge.risk, &badge.known];
    Rendered::new(id, texts.into_iter().map(Slot::text).collect())
}

/// What the Royal College of Physicians asks for at a score (NEWS2, 2017, chart 4).
pub(super) fn response(score: Option<Score>, locale: Locale) -> &'static str {
    let words = Words::of(locale);
    let Some(score) = score.filter(|score| score.scored() > 0) else {
        return words.response_none;
    };
    match score.risk {
        // What is not known may hide points: then no interval of twelve hours.
        Risk::Low if score.total == 0 && score.is_complete() => words.response_zero,
        Risk::Low => words.response_low,
        Risk::LowMedium => words.response_low_medium,
        Risk::Medium => words.response_medium,
        Risk::High => words.response_high,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTHING: Score = Score {
        total: 0,
        parts: [None; 7],
        risk: Risk::Low,
    };

    #[test]
    fn nothing_measured_is_no_score_of_zero() {
        for score in [None, Some(NOTHING)] {
            let badge = badge(score, Locale::PtBr);
            assert_eq!((badge.total.as_str(), badge.risk), ("–", "sem dados"));
            assert!(response(score, Locale::PtBr).starts_with("Faltam"));
        }
    }

    #[test]
    fn a_partial_score_says_of_how_many_and_never_waits_twelve_hours() {
        let mut parts = [Some(0); 7];
        let complete = Score { parts, ..NOTHING };
        assert_eq!(badge(Some(complete), Locale::En).known, "");
        assert!(response(Some(complete), Locale::En).contains("12 hours"));
        parts[3] = None;
        let partial = Score { parts, ..NOTHING };
        assert_eq!(badge(Some(partial), Locale::En).known, "partial 6/7");
        assert!(response(Some(partial), Locale::En).contains("4 to 6 hours"));
    }

    proptest! {
        #[test]
        fn a_badge_shows_the_sum_and_names_its_band(
            total in 0_u8..=20,
            parts in proptest::array::uniform7(proptest::option::of(0_u8..=3)),
            risk in proptest::sample::select(
                [Risk::Low, Risk::LowMedium, Risk::Medium, Risk::High].as_slice()),
        ) {
            let score = Score { total, parts, risk };
            let badge = badge(Some(score), Locale::PtBr);
            if score.scored() > 0 {
                prop_assert_eq!(badge.total, total.to_string());
                prop_assert_eq!(badge.known.is_empty(), score.is_complete());
            }
            prop_assert!(!badge.risk.is_empty() && badge.class.starts_with("score r-"));
        }
    }
}
