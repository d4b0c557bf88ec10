//! Random trees, out of so few texts, keys and templates that two of them have much in common.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::live::diff::{Item, Rendered, Series, Slot, TemplateId};

const TEXTS: [&str; 12] = [
    "",
    "98",
    "36.8",
    "0",
    "-0",
    "1e3",
    "007",
    "1.50",
    "-2.5",
    "Ana \"Z\" <b>",
    "\u{1}\n\\é",
    "—",
];
const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "12", "0", "x.y_z-1"];
const TEMPLATES: u16 = 3;

pub(super) fn tree() -> impl Strategy<Value = Rendered> {
    rendered(slot().boxed())
}

/// Trees of one page as it goes on.
pub(super) fn trees<const N: usize>() -> impl Strategy<Value = [Rendered; N]> {
    let wards = vec(ward(), N).prop_map(|wards| wards.try_into().unwrap());
    prop_oneof![kin(), wards]
}

/// A page that never changes its shape: a list of rows, each with a text, a line and a part.
fn ward() -> impl Strategy<Value = Rendered> {
    let text = || proptest::sample::select(&TEXTS[..3]).prop_map(Slot::text);
    let part = (0..TEMPLATES, text())
        .prop_map(|(id, text)| Slot::part(Rendered::new(TemplateId(id), vec![text])));
    let row = (text(), series(), part)
        .prop_map(|(text, line, part)| vec![text, Slot::Series(line), part]);
    let keys = proptest::sample::subsequence(&KEYS[..5], 0..=5).prop_shuffle();
    (keys, vec(row, 5)).prop_map(|(keys, rows)| {
        let rows = rows
            .into_iter()
            .map(|row| Rendered::new(TemplateId(1), row));
        let items = keys.into_iter().zip(rows);
        let list = items.map(|(key, row)| Item::new(key, row)).collect();
        Rendered::new(TemplateId(0), vec![Slot::List(list)])
    })
}

/// Each slot of the tree before, or another.
fn kin<const N: usize>() -> impl Strategy<Value = [Rendered; N]> {
    let change = (any::<u8>(), tree());
    (tree(), vec(change, N)).prop_map(|(first, changes)| {
        let mut at = first;
        let mut trees = changes.into_iter().map(|(seed, other)| {
            at = mixed(&at, &other, usize::from(seed));
            at.clone()
        });
        std::array::from_fn(|_| trees.next().unwrap())
    })
}

fn rendered(slot: BoxedStrategy<Slot>) -> impl Strategy<Value = Rendered> {
    (0..TEMPLATES).prop_flat_map(move |id| {
        vec(slot.clone(), usize::from(id) + 1)
            .prop_map(move |slots| Rendered::new(TemplateId(id), slots))
    })
}

fn slot() -> impl Strategy<Value = Slot> {
    let text = proptest::sample::select(&TEXTS[..]).prop_map(Slot::text);
    let leaf = prop_oneof![3 => text, 2 => series().prop_map(Slot::Series)];
    leaf.prop_recursive(3, 40, 6, |inner| {
        let part = rendered(inner.clone().boxed()).prop_map(Slot::part);
        prop_oneof![1 => part, 3 => list(inner.boxed()).prop_map(Slot::List)]
    })
}

/// A window on the one record there is, so that two of them overlap; now and then another record.
fn series() -> impl Strategy<Value = Series> {
    (0_i64..12, 0_i64..12, 0_u8..8).prop_map(|(from, count, record)| {
        Series::new((from..from + count).map(|at| {
            let value = (at % 4 != 3).then_some(80.0 + f32::from(record / 7) + at as f32 / 4.0);
            (at * 5, value)
        }))
    })
}

fn list(inner: BoxedStrategy<Slot>) -> impl Strategy<Value = Vec<Item>> {
    let keys = proptest::sample::subsequence(&KEYS[..], 0..=KEYS.len()).prop_shuffle();
    let body = rendered(inner);
    (keys, vec(body, KEYS.len()), 0_u8..20).prop_map(|(mut keys, bodies, twice)| {
        if twice == 0 {
            keys.extend(keys.first().copied());
        }
        let items = keys.into_iter().zip(bodies);
        items.map(|(key, body)| Item::new(key, body)).collect()
    })
}

/// `one` with some of what is in `other`.
fn mixed(one: &Rendered, other: &Rendered, seed: usize) -> Rendered {
    if one.template != other.template {
        return if seed.is_multiple_of(16) {
            other.clone()
        } else {
            one.clone()
        };
    }
    let pairs = one.slots.iter().zip(&other.slots).enumerate();
    let slots = pairs.map(|(place, (one, other))| match (one, other) {
        (Slot::Part(one), Slot::Part(other)) => Slot::part(mixed(one, other, seed)),
        (Slot::List(one), Slot::List(other)) => Slot::List(mixed_items(one, other, seed)),
        _ if (seed + place).is_multiple_of(2) => other.clone(),
        _ => one.clone(),
    });
    Rendered::new(one.template, slots.collect())
}

/// The keys and the order of `other`, with bodies of `one` where it has them.
fn mixed_items(one: &[Item], other: &[Item], seed: usize) -> Vec<Item> {
    let items = other
        .iter()
        .map(|item| match one.iter().find(|mine| mine.key == item.key) {
            Some(mine) => Item::new(&*item.key, mixed(&mine.body, &item.body, seed)),
            None => item.clone(),
        });
    items.collect()
}
