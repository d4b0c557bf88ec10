//! What an update costs on the wire, on a ward of 50 beds with 8 cells each.

use std::sync::Arc;

use super::page;
use crate::live::diff::{Item, Rendered, Series, Slot, TemplateId, diff, wire};

const BEDS: usize = 50;
const CELLS: usize = 8;
/// A frame of 64 bytes: two of them are the WebSocket's header.
const ONE_CELL_PAYLOAD_MAX: usize = 62;
/// A sequence number of six digits, and seconds of a topic that has been up for more than a day.
const SEQ: u64 = 987_654;
const NOW_S: i64 = 123_456;

fn cell(value: &str, at: i64, first: i64) -> Rendered {
    let points = (first..60).map(|n| (at - 5 * (59 - n), Some(97.5)));
    let slots = vec![
        Slot::text(value),
        Slot::text("%"),
        Slot::text("normal"),
        Slot::text(at.to_string()),
        Slot::text("92–100"),
        Slot::Series(Series::new(points)),
    ];
    Rendered::new(TemplateId(2), slots)
}

fn bed(bed: usize, cells: Vec<Slot>) -> Item {
    let name = Slot::text("Maria das Dores");
    let mut slots = vec![Slot::text(format!("Leito {bed}")), name, Slot::text("5")];
    slots.extend(cells);
    Item::new(format!("bed-{bed}"), Rendered::new(TemplateId(1), slots))
}

fn ward() -> Vec<Item> {
    let cell = Arc::new(cell("98.5", NOW_S, 0));
    let cells = || vec![Slot::Part(Arc::clone(&cell)); CELLS];
    (0..BEDS).map(|number| bed(number, cells())).collect()
}

fn whole(beds: Vec<Item>) -> Rendered {
    page(vec![
        Slot::text("live"),
        Slot::text("UTI 1"),
        Slot::List(beds),
    ])
}

/// The ward after one cell of one bed took a reading: value, time and point of the line change,
/// and the line's oldest point leaves its window.
fn after_a_reading() -> Vec<Item> {
    let mut beds = ward();
    let mut body = Rendered::clone(&beds[27].body);
    let mut next = cell("97.5", NOW_S + 5, 0);
    let Slot::Part(old) = &body.slots[10] else {
        panic!("a cell")
    };
    let Slot::Series(line) = &old.slots[5] else {
        panic!("a line")
    };
    let points = line.points().iter().skip(1).copied();
    next.slots[5] = Slot::Series(Series::new(points.chain([(NOW_S + 5, Some(97.5))])));
    body.slots[10] = Slot::part(next);
    beds[27].body = Arc::new(body);
    beds
}

#[test]
fn a_cell_that_takes_a_reading_costs_at_most_62_bytes() {
    let change = diff(&whole(ward()), &whole(after_a_reading()));
    let frame = wire::diff_frame(SEQ, &change);
    let text = std::str::from_utf8(&frame).unwrap();
    assert_eq!(
        text,
        "[987654,[2,[\"bed-27\",[10,[0,97.5,3,123461,5,[1,5,97.5]]]]]]"
    );
    assert!(frame.len() <= ONE_CELL_PAYLOAD_MAX, "{} bytes", frame.len());
}

#[test]
fn a_ward_sorted_anew_sends_one_move_and_no_item() {
    let mut sorted = ward();
    let worse = sorted.remove(40);
    sorted.insert(0, worse);
    let frame = wire::diff_frame(SEQ, &diff(&whole(ward()), &whole(sorted)));
    assert_eq!(&frame[..], b"[987654,[2,[[[\"bed-40\",0]]]]]");
}

#[test]
fn another_template_at_the_root_is_sent_whole() {
    let other = Rendered::new(TemplateId(9), vec![Slot::text("1e3"), Slot::text("12")]);
    let frame = wire::diff_frame(1, &diff(&page(vec![]), &other));
    assert_eq!(&frame[..], b"[1,{\"r\":[9,\"1e3\",12]}]");
}

#[test]
fn a_full_tree_says_its_epoch_and_number() {
    let part = Slot::part(page(vec![Slot::text("a\"b")]));
    let line = Slot::Series(Series::new([(10, Some(98.0)), (15, None)]));
    let list = Slot::List(vec![Item::new("k", page(vec![]))]);
    let frame = wire::full_frame("x1", 3, &page(vec![part, line, list]));
    let expected = r#"{"e":"x1","s":3,"r":[0,[0,"a\"b"],{"v":[10,98,5,null]},{"l":["k",[0]]}]}"#;
    assert_eq!(std::str::from_utf8(&frame).unwrap(), expected);
}
