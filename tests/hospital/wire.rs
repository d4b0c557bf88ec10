//! The wire format of live pages, read as its documentation says (`actors/live/diff`): a decoder
//! of its own, so that no test believes the encoder.

use serde_json::Value;

/// What one message says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    /// Nothing changed.
    Heartbeat,
    /// A whole tree: epoch, sequence number, tree.
    Full(String, u64, Tree),
    /// What changed up to a sequence number.
    Diff(u64, Value),
}

/// A template and what stands in its slots.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) template: u64,
    pub(crate) slots: Vec<Slot>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Slot {
    Text(String),
    /// Seconds and value, oldest first.
    Series(Vec<(i64, Option<f64>)>),
    Part(Tree),
    List(Vec<(String, Tree)>),
}

impl Frame {
    pub(crate) fn parse(payload: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(payload).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(payload));
        });
        match &value {
            Value::Number(zero) if zero.as_u64() == Some(0) => Self::Heartbeat,
            Value::Object(full) if full.len() == 3 => Self::Full(
                full["e"].as_str().unwrap().to_owned(),
                full["s"].as_u64().unwrap(),
                Tree::parse(&full["r"]),
            ),
            Value::Array(parts) if parts.len() == 2 => {
                Self::Diff(parts[0].as_u64().unwrap(), parts[1].clone())
            }
            other => panic!("neither heartbeat, tree nor difference: {other}"),
        }
    }
}

impl Tree {
    fn parse(value: &Value) -> Self {
        let [template, slots @ ..] = array(value) else {
            panic!("no template: {value}")
        };
        Self {
            template: template.as_u64().unwrap(),
            slots: slots.iter().map(Slot::parse).collect(),
        }
    }

    /// Makes it the tree that a difference leads to.
    pub(crate) fn apply(&mut self, within: &Value) {
        match within {
            Value::Object(whole) => *self = Self::parse(&whole["r"]),
            changes => {
                for change in array(changes).chunks(2) {
                    let place = usize::try_from(change[0].as_u64().unwrap()).unwrap();
                    self.slots[place].apply(&change[1]);
                }
            }
        }
    }

    /// Every text in it, in order.
    pub(crate) fn texts(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.visit(&mut |slot| {
            if let Slot::Text(text) = slot {
                found.push(text.as_str());
            }
        });
        found
    }

    /// True when some text is exactly this.
    pub(crate) fn shows(&self, text: &str) -> bool {
        self.texts().contains(&text)
    }

    /// Every line in it, in order.
    pub(crate) fn lines(&self) -> Vec<&[(i64, Option<f64>)]> {
        let mut found = Vec::new();
        self.visit(&mut |slot| {
            if let Slot::Series(points) = slot {
                found.push(points.as_slice());
            }
        });
        found
    }

    fn visit<'a>(&'a self, look: &mut impl FnMut(&'a Slot)) {
        for slot in &self.slots {
            look(slot);
            match slot {
                Slot::Part(part) => part.visit(look),
                Slot::List(items) => items.iter().for_each(|(_, item)| item.visit(look)),
                Slot::Text(_) | Slot::Series(_) => {}
            }
        }
    }
}

impl Slot {
    fn parse(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text.clone()),
            Value::Number(number) => Self::Text(number.to_string()),
            Value::Array(_) => Self::Part(Tree::parse(value)),
            Value::Object(object) => match (object.get("v"), object.get("l")) {
                (Some(points), None) => Self::Series(appended(Vec::new(), array(points))),
                (None, Some(items)) => {
                    let item = |pair: &[Value]| (key(&pair[0]), Tree::parse(&pair[1]));
                    Self::List(array(items).chunks(2).map(item).collect())
                }
                _ => panic!("neither line nor list: {value}"),
            },
            other => panic!("no slot: {other}"),
        }
    }

    fn apply(&mut self, change: &Value) {
        match (&mut *self, change) {
            (_, Value::Object(whole)) => *self = Self::parse(&whole["r"]),
            (_, Value::String(_) | Value::Number(_)) => *self = Self::parse(change),
            (Self::Part(part), changes) => part.apply(changes),
            (Self::Series(points), changes) => {
                let changes = array(changes);
                let (drop, new) = changes.split_at(changes.len() % 2);
                let gone = drop.first().map_or(0, |drop| drop.as_u64().unwrap());
                let mut grown = appended(std::mem::take(points), new);
                *points = grown.split_off(usize::try_from(gone).unwrap());
            }
            (Self::List(items), changes) => list(items, array(changes)),
            (Self::Text(_), other) => panic!("a text becomes {other}"),
        }
    }
}

fn list(items: &mut Vec<(String, Tree)>, mut changes: &[Value]) {
    if let Some(Value::Array(steps)) = changes.first() {
        for step in steps {
            self::step(items, step);
        }
        changes = &changes[1..];
    }
    for change in changes.chunks(2) {
        let place = place(items, &key(&change[0]));
        items[place].1.apply(&change[1]);
    }
}

fn step(items: &mut Vec<(String, Tree)>, step: &Value) {
    let Value::Array(parts) = step else {
        items.remove(place(items, &key(step)));
        return;
    };
    let item = match parts.get(2) {
        Some(tree) => (key(&parts[0]), Tree::parse(tree)),
        None => items.remove(place(items, &key(&parts[0]))),
    };
    let at = match &parts[1] {
        Value::String(behind) => place(items, behind) + 1,
        front => {
            assert_eq!(front, 0);
            0
        }
    };
    items.insert(at, item);
}

fn place(items: &[(String, Tree)], key: &str) -> usize {
    let found = items.iter().position(|(other, _)| other == key);
    found.unwrap_or_else(|| panic!("no item `{key}`"))
}

fn appended(mut points: Vec<(i64, Option<f64>)>, new: &[Value]) -> Vec<(i64, Option<f64>)> {
    for point in new.chunks(2) {
        let since = points.last().map_or(0, |(at, _)| *at);
        points.push((since + point[0].as_i64().unwrap(), point[1].as_f64()));
    }
    points
}

fn key(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn array(value: &Value) -> &[Value] {
    value
        .as_array()
        .unwrap_or_else(|| panic!("no list: {value}"))
}
