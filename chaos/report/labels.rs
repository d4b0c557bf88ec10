//! Where a timeline's texts stand, so that none covers another.

use super::timeline::WIDTH;

/// Rows of names over a timeline.
pub(super) const ROWS: u8 = 3;
/// What a letter takes, generously.
const LETTER: f64 = 7.0;
/// Between a line and its name, and between two names.
const GAP: f64 = 4.0;
/// Numbers closer than that are written as one.
const CLOSE: f64 = 18.0;

/// Where a name stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row {
    /// From above, the first is 0.
    pub(super) number: f64,
    pub(super) x: f64,
}

/// A row for each name, given where it belongs and how many letters it has, from left to right;
/// nothing where no row has room.
pub(super) fn rows(names: impl Iterator<Item = (f64, usize)>) -> Vec<Option<Row>> {
    let mut ends = [f64::MIN; ROWS as usize];
    names
        .map(|(at, letters)| {
            let letters = u32::try_from(letters).unwrap_or(u32::MAX);
            let width = f64::from(letters) * LETTER;
            let x = (at + GAP).min(WIDTH - width);
            let (number, end) = (0_u8..).zip(&mut ends).find(|(_, end)| **end + GAP <= x)?;
            *end = x + width;
            Some(Row {
                number: f64::from(number),
                x,
            })
        })
        .collect()
}

/// Numbers from left to right, those that stand close together as one text over their middle.
pub(super) fn clusters(numbers: impl Iterator<Item = (f64, usize)>) -> Vec<(f64, String)> {
    let mut clusters: Vec<(f64, f64, Vec<usize>)> = Vec::new();
    for (x, number) in numbers {
        match clusters.last_mut() {
            Some((_, last, members)) if x - *last < CLOSE => {
                *last = x;
                members.push(number);
            }
            _ => clusters.push((x, x, vec![number])),
        }
    }
    let named = clusters.into_iter().map(|(first, last, mut members)| {
        members.sort_unstable();
        (f64::midpoint(first, last), text(&members))
    });
    named.collect()
}

/// `4`, `4, 6` or `4–7`.
fn text(sorted: &[usize]) -> String {
    match sorted {
        [first, .., last] if last - first + 1 == sorted.len() => format!("{first}–{last}"),
        _ => {
            let all: Vec<String> = sorted.iter().map(ToString::to_string).collect();
            all.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_follow_at_once_stand_under_each_other_and_a_fourth_finds_no_room() {
        let rows = rows([(100.0, 8), (101.0, 8), (102.0, 8), (103.0, 8), (300.0, 8)].into_iter());
        let numbers: Vec<Option<f64>> = rows.iter().map(|row| row.map(|row| row.number)).collect();
        assert_eq!(numbers, [Some(0.0), Some(1.0), Some(2.0), None, Some(0.0)]);
    }

    #[test]
    fn numbers_that_stand_close_are_written_as_one() {
        let at = [
            (10.0, 2),
            (12.0, 1),
            (14.0, 3),
            (100.0, 4),
            (110.0, 6),
            (500.0, 5),
        ];
        let texts: Vec<String> = clusters(at.into_iter())
            .into_iter()
            .map(|one| one.1)
            .collect();
        assert_eq!(texts, ["1–3", "4, 6", "5"]);
    }

    proptest! {
        #[test]
        fn no_two_names_of_a_row_cover_each_other(
            mut places in prop::collection::vec((100.0..1150.0f64, 1..20usize), 0..20)
        ) {
            places.sort_by(|one, other| one.0.total_cmp(&other.0));
            let rows = rows(places.iter().copied());
            let mut drawn: Vec<(f64, f64, f64)> = Vec::new();
            for (row, (_, letters)) in rows.iter().zip(&places) {
                let Some(row) = row else { continue };
                let end = row.x + f64::from(u32::try_from(*letters).unwrap()) * LETTER;
                prop_assert!(end <= WIDTH + 1e-9);
                for (number, x, other) in &drawn {
                    prop_assert!(*number != row.number || end <= *x || *other <= row.x);
                }
                drawn.push((row.number, row.x, end));
            }
        }
    }
}
