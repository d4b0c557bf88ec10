//! A reader of frames that shares no code with the engine: it does to plain values what `live.js`
//! does to elements, from the text of the wire format alone.

use proptest::prelude::*;
use serde_json::Value;

use super::trees::{tree, trees};
use crate::live::diff::{Diff, Rendered, Slot, diff, wire};

/// What a browser has in its hands.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    Text(String),
    Line(Vec<(i64, Option<f64>)>),
    Element(u64, Vec<Shown>),
    List(Vec<(String, Shown)>),
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(format!("{}", number.as_f64().unwrap())),
        _ => None,
    }
}

fn slot(value: &Value) -> Shown {
    if let Some(text) = text(value) {
        return Shown::Text(text);
    }
    if value.is_array() {
        return element(value);
    }
    if let Some(points) = value.get("v") {
        let mut line = Vec::new();
        append(&mut line, points.as_array().unwrap());
        return Shown::Line(line);
    }
    let flat = value["l"].as_array().unwrap();
    let items = flat
        .chunks(2)
        .map(|pair| (key(&pair[0]), element(&pair[1])));
    Shown::List(items.collect())
}

fn element(tree: &Value) -> Shown {
    let tree = tree.as_array().unwrap();
    let slots = tree[1..].iter().map(slot).collect();
    Shown::Element(tree[0].as_u64().unwrap(), slots)
}

fn key(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn append(line: &mut Vec<(i64, Option<f64>)>, mut flat: &[Value]) {
    let mut at = line.last().map_or(0, |(at, _)| *at);
    if flat.len() % 2 == 1 {
        line.drain(..usize::try_from(flat[0].as_u64().unwrap()).unwrap());
        flat = &flat[1..];
    }
    for pair in flat.chunks(2) {
        at += pair[0].as_i64().unwrap();
        line.push((at, pair[1].as_f64()));
    }
}

fn change(shown: &mut Shown, by: &Value) {
    if let Some(text) = text(by) {
        *shown = Shown::Text(text);
        return;
    }
    if let Some(whole) = by.get("r") {
        *shown = slot(whole);
        return;
    }
    let flat = by.as_array().unwrap();
    match shown {
        Shown::Element(_, slots) => {
            for pair in flat.chunks(2) {
                let place = usize::try_from(pair[0].as_u64().unwrap()).unwrap();
                change(&mut slots[place], &pair[1]);
            }
        }
        Shown::Line(line) => append(line, flat),
        Shown::List(items) => amend(items, flat),
        Shown::Text(_) => panic!("a text is replaced, never changed"),
    }
}

fn amend(items: &mut Vec<(String, Shown)>, mut flat: &[Value]) {
    if let Some(Value::Array(steps)) = flat.first() {
        steps.iter().for_each(|taken| step(items, taken));
        flat = &flat[1..];
    }
    for pair in flat.chunks(2) {
        let key = key(&pair[0]);
        let item = items.iter_mut().find(|(name, _)| *name == key).unwrap();
        change(&mut item.1, &pair[1]);
    }
}

fn step(items: &mut Vec<(String, Shown)>, step: &Value) {
    let place = |items: &[(String, Shown)], key: &str| {
        items.iter().position(|(name, _)| name == key).unwrap()
    };
    let Value::Array(step) = step else {
        items.remove(place(items, step.as_str().unwrap()));
        return;
    };
    let name = key(&step[0]);
    let item = match step.get(2) {
        Some(tree) => (name, element(tree)),
        None => items.remove(place(items, &name)),
    };
    let to = match step[1].as_str() {
        Some(behind) => place(items, behind) + 1,
        None => 0,
    };
    items.insert(to, item);
}

/// What a browser shows of this tree: the same, said in the reader's own types.
fn shown(tree: &Rendered) -> Shown {
    let slots = tree.slots.iter().map(|slot| match slot {
        Slot::Text(text) => Shown::Text(text.to_string()),
        Slot::Part(part) => shown(part),
        Slot::List(items) => Shown::List(
            items
                .iter()
                .map(|item| (item.key.to_string(), shown(&item.body)))
                .collect(),
        ),
        Slot::Series(series) => Shown::Line(
            series
                .points()
                .iter()
                .map(|(at, value)| (*at, value.map(|v| format!("{v}").parse().unwrap())))
                .collect(),
        ),
    });
    Shown::Element(u64::from(tree.template.0), slots.collect())
}

fn read(frame: &[u8]) -> Value {
    serde_json::from_slice(frame).unwrap()
}

fn after(old: &Rendered, change_to: &Diff) -> Shown {
    let mut page = shown(old);
    let frame = read(&wire::diff_frame(7, change_to));
    assert_eq!(frame[0], 7);
    change(&mut page, &frame[1]);
    page
}

proptest! {
    #[test]
    fn a_browser_that_reads_a_difference_shows_the_new_tree([old, new] in trees()) {
        prop_assert_eq!(after(&old, &diff(&old, &new)), shown(&new));
    }

    #[test]
    fn a_browser_that_missed_a_tree_shows_the_one_after_it([old, between, new] in trees()) {
        let both = diff(&old, &between).then(diff(&between, &new)).unwrap();
        prop_assert_eq!(after(&old, &both), shown(&new));
    }

    #[test]
    fn a_browser_that_reads_a_full_tree_shows_it(tree in tree(), seq in any::<u32>()) {
        let frame = read(&wire::full_frame("b7\"\\", seq.into(), &tree));
        prop_assert_eq!(frame["e"].as_str(), Some("b7\"\\"));
        prop_assert_eq!(frame["s"].as_u64(), Some(seq.into()));
        prop_assert_eq!(slot(&frame["r"]), shown(&tree));
    }

    /// The pattern is the naive model: what JavaScript prints as it was written.
    #[test]
    fn any_text_survives_the_way(text in "\\PC*|-?[0-9]{0,12}(\\.[0-9]{0,12})?|[\\x00-\\x20]*") {
        let tree = super::page(vec![Slot::text(&*text)]);
        let frame = read(&wire::full_frame("e", 1, &tree));
        prop_assert_eq!(slot(&frame["r"]), shown(&tree));
    }
}
