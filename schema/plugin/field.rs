//! One table of a manifest, read field by field.
//!
//! Owns the refusals that every field has in common: it is missing, it is of another kind, nobody
//! knows it. A field is taken out when it is read, so that what is left in the end is unknown.

use serde_json::{Map, Value};

use super::manifest::ManifestError;

/// A table with the fields that were not read yet.
pub(super) struct Fields {
    /// What the names of its fields begin with.
    prefix: &'static str,
    left: Map<String, Value>,
}

impl Fields {
    /// The table, or what is expected where something else is.
    pub(super) fn of(
        value: Value,
        prefix: &'static str,
        known: &[&'static str],
    ) -> Result<Self, ManifestError> {
        let Value::Object(left) = value else {
            return Err(ManifestError::Wrong {
                field: prefix.trim_end_matches('.').to_owned(),
                expected: "a table",
            });
        };
        if let Some(unknown) = left.keys().find(|key| !known.contains(&key.as_str())) {
            // Whoever wrote the module chose the name: it is cut short and kept plain.
            let plain = unknown.chars().filter(|c| !c.is_control()).take(48);
            return Err(ManifestError::Unknown {
                field: format!("{prefix}{}", plain.collect::<String>()),
                expected: known.join(", "),
            });
        }
        Ok(Self { prefix, left })
    }

    /// The field, if it is there.
    pub(super) fn optional(&mut self, field: &'static str) -> Option<Value> {
        self.left.remove(field)
    }

    /// The text of a field that has to be there.
    pub(super) fn text(&mut self, field: &'static str) -> Result<String, ManifestError> {
        match self.optional(field) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.wrong(field, "a text")),
            None => Err(ManifestError::Missing { field }),
        }
    }

    /// The texts of a list, at most so many; an absent list has none.
    pub(super) fn texts(
        &mut self,
        field: &'static str,
        most: usize,
    ) -> Result<Vec<String>, ManifestError> {
        let items = match self.optional(field) {
            None => return Ok(Vec::new()),
            Some(Value::Array(items)) => items,
            Some(_) => return Err(self.wrong(field, "a list of texts")),
        };
        if items.len() > most {
            return Err(self.wrong(field, "a shorter list"));
        }
        let texts = items.into_iter().map(|item| match item {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong(field, "a list of texts")),
        });
        texts.collect()
    }

    /// A whole number that is not negative, if it is there.
    pub(super) fn number(&mut self, field: &'static str) -> Result<Option<u64>, ManifestError> {
        match self.optional(field) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(number) => Ok(Some(number)),
                None => Err(self.wrong(field, "a whole number of 0 or more")),
            },
        }
    }

    pub(super) fn wrong(&self, field: &str, expected: &'static str) -> ManifestError {
        ManifestError::Wrong {
            field: format!("{}{field}", self.prefix),
            expected,
        }
    }
}
