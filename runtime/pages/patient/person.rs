//! Dates of FHIR as a reader writes them, and how many years ago one was.

use plantao_schema::locale::Locale;
use plantao_schema::time::Timestamp;

/// A date of FHIR (`YYYY`, `YYYY-MM`, `YYYY-MM-DD`, or with a time, which is left out) as the
/// language writes it; a text that is none is given back.
pub(super) fn date(text: &str, locale: Locale) -> String {
    let day = text.split('T').next().unwrap_or(text);
    let parts: Vec<&str> = day.split('-').collect();
    let digits = |part: &&str| part.bytes().all(|b| b.is_ascii_digit());
    if !parts.iter().all(digits) {
        return text.to_owned();
    }
    match (parts.as_slice(), locale) {
        ([year, month, day], Locale::PtBr) => format!("{day}/{month}/{year}"),
        ([year, month], Locale::PtBr) => format!("{month}/{year}"),
        _ => day.to_owned(),
    }
}

/// Whole years from a date of birth to now; nothing when the day is not known to the day.
pub(super) fn years(birth: &str, now: Timestamp) -> Option<u32> {
    let today = now.to_string();
    let (born, today) = (birth.get(..10)?, today.get(..10)?);
    let year = |date: &str| date.get(..4)?.parse::<u32>().ok();
    let had_birthday = today.get(5..)? >= born.get(5..)?;
    let years = year(today)?.checked_sub(year(born)?)?;
    years.checked_sub(u32::from(!had_birthday))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_far_as_it_is_known() {
        for (text, pt, en) in [
            ("1950-03-12", "12/03/1950", "1950-03-12"),
            ("1950-03", "03/1950", "1950-03"),
            ("1950", "1950", "1950"),
            ("2020-05-06T10:00:00Z", "06/05/2020", "2020-05-06"),
            ("<b>", "<b>", "<b>"),
        ] {
            assert_eq!(
                (date(text, Locale::PtBr).as_str(), date(text, Locale::En)),
                (pt, en.into())
            );
        }
    }

    #[test]
    fn a_year_is_over_on_the_birthday() {
        let now = Timestamp::parse("2026-03-12T00:00:00Z").unwrap();
        assert_eq!(years("1950-03-12", now), Some(76));
        assert_eq!(years("1950-03-13", now), Some(75));
        assert_eq!(years("2026-03-12", now), Some(0));
        assert_eq!(years("2026-03-13", now), None, "not born yet");
        assert_eq!(years("1950-03", now), None);
        assert_eq!(years("não sei ao certo", now), None);
    }
}
