//! The manifest of a plugin, parsed.
//!
//! Owns what may stand in one and how much of it. It comes as a tree of values, since the notation
//! (TOML) is its reader's business. Refuses names that could not stand in a path, a log line or an
//! export; the limits are only asked for here, and weighed by the host.

use std::collections::BTreeSet;

use serde_json::Value;

use super::capability::{Capability, CapabilityError};
use super::field::Fields;

/// The name is a path segment of the supervision tree and a label of metrics.
const NAME_MAX_BYTES: usize = 48;
const VERSION_MAX_BYTES: usize = 32;
/// Far more than a plugin has; a list is walked at every look at it.
const FUNCTIONS_MAX: usize = 64;
const FUNCTION_NAME_MAX_BYTES: usize = 64;
const CAPABILITIES_MAX: usize = 32;

const FIELDS: [&str; 7] = [
    "name",
    "version",
    "functions",
    "capabilities",
    "limits",
    "health",
    "output",
];
const LIMITS: [&str; 7] = [
    "memory_bytes",
    "timeout_ms",
    "fuel",
    "input_bytes",
    "output_bytes",
    "table_elements",
    "variable_bytes",
];

/// What a plugin declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// What its author calls it: `a-z`, `0-9` and `-`. An operator may configure it as another.
    pub name: String,
    /// The version of its code.
    pub version: String,
    /// The exports that may be called, and no others.
    pub functions: BTreeSet<String>,
    /// What it asks for beyond computing on redacted text.
    pub capabilities: BTreeSet<Capability>,
    /// How much one call needs.
    pub limits: Asked,
    /// The function that tells whether it is well: one of `functions`.
    pub health: Option<String>,
    /// What every answer is.
    pub output: OutputKind,
}

/// Limits that a plugin asks for; the operator's where it asks for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Linear memory and host blocks of one call together.
    pub memory_bytes: Option<u64>,
    /// Wall time of one call.
    pub timeout_ms: Option<u64>,
    /// Instructions of one call.
    pub fuel: Option<u64>,
    /// Input text of one call.
    pub input_bytes: Option<u64>,
    /// Output of one call.
    pub output_bytes: Option<u64>,
    /// Elements of one table.
    pub table_elements: Option<u64>,
    /// Names and values of ephemeral variables.
    pub variable_bytes: Option<u64>,
}

/// What a plugin's answers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputKind {
    /// Any text.
    #[default]
    Text,
    /// `json`: one JSON value, and the host holds it to that.
    Json,
}

/// Why a manifest is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not in the notation it has to be in.
    #[error("is not TOML: {reason}")]
    Notation {
        /// What the reader said, cut short.
        reason: String,
    },
    /// It is too long.
    #[error("is longer than {most} bytes")]
    TooLong {
        /// How long it may be.
        most: usize,
    },
    /// A field that nobody knows.
    #[error("has an unknown field `{field}`: expected {expected}")]
    Unknown {
        /// Its name.
        field: String,
        /// Those that are known.
        expected: String,
    },
    /// A field that has to be there.
    #[error("has no `{field}`")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A field with something else than it takes.
    #[error("`{field}`: expected {expected}")]
    Wrong {
        /// Its name.
        field: String,
        /// What it takes.
        expected: &'static str,
    },
    /// An entry of `capabilities` that is none.
    #[error("`capabilities`: entry {position}: {error}")]
    Capability {
        /// Which, counted from 1.
        position: usize,
        /// What is expected.
        error: CapabilityError,
    },
    /// `health` names a function that `functions` does not have.
    #[error("`health`: expected one of `functions`")]
    Health,
}

impl Manifest {
    /// Reads the tree of values that a manifest is.
    ///
    /// # Errors
    /// [`ManifestError`] naming the first field that is not acceptable.
    pub fn parse(tree: Value) -> Result<Self, ManifestError> {
        let mut fields = Fields::of(tree, "", &FIELDS)?;
        let name = fields.text("name")?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !is_made_of(&name, NAME_MAX_BYTES, plain) {
            return Err(fields.wrong("name", "1 to 48 characters of a-z, 0-9 and `-`"));
        }
        let version = fields.text("version")?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
        if !is_made_of(&version, VERSION_MAX_BYTES, plain) {
            return Err(fields.wrong(
                "version",
                "a version such as 1.0.0, of at most 32 characters",
            ));
        }
        let functions = functions(&mut fields)?;
        let capabilities = capabilities(&mut fields)?;
        let limits = match fields.optional("limits") {
            Some(limits) => Asked::parse(limits)?,
            None => Asked::default(),
        };
        let output = match fields.optional("output") {
            None => OutputKind::Text,
            Some(Value::String(kind)) if kind == "text" => OutputKind::Text,
            Some(Value::String(kind)) if kind == "json" => OutputKind::Json,
            Some(_) => return Err(fields.wrong("output", "text or json")),
        };
        let health = match fields.optional("health") {
            None => None,
            Some(Value::String(name)) if functions.contains(&name) => Some(name),
            Some(_) => return Err(ManifestError::Health),
        };
        Ok(Self {
            name,
            version,
            functions,
            capabilities,
            limits,
            health,
            output,
        })
    }
}

impl Asked {
    fn parse(tree: Value) -> Result<Self, ManifestError> {
        let mut fields = Fields::of(tree, "limits.", &LIMITS)?;
        Ok(Self {
            memory_bytes: fields.number("memory_bytes")?,
            timeout_ms: fields.number("timeout_ms")?,
            fuel: fields.number("fuel")?,
            input_bytes: fields.number("input_bytes")?,
            output_bytes: fields.number("output_bytes")?,
            table_elements: fields.number("table_elements")?,
            variable_bytes: fields.number("variable_bytes")?,
        })
    }
}

fn functions(fields: &mut Fields) -> Result<BTreeSet<String>, ManifestError> {
    let names = fields.texts("functions", FUNCTIONS_MAX)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let is_name = |name: &String| is_made_of(name, FUNCTION_NAME_MAX_BYTES, plain);
    if names.is_empty() || !names.iter().all(is_name) {
        let expected = "1 to 64 names of 1 to 64 characters of a-z, A-Z, 0-9, `_`, `-`, `.`";
        return Err(fields.wrong("functions", expected));
    }
    Ok(names.into_iter().collect())
}

fn capabilities(fields: &mut Fields) -> Result<BTreeSet<Capability>, ManifestError> {
    let asked = fields.texts("capabilities", CAPABILITIES_MAX)?;
    let read = asked.iter().enumerate().map(|(index, text)| {
        text.parse().map_err(|error| ManifestError::Capability {
            position: index + 1,
            error,
        })
    });
    read.collect()
}

fn is_made_of(text: &str, most: usize, plain: impl Fn(u8) -> bool) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "name": "reading-ease",
            "version": "0.1.0",
            "functions": ["analyze", "health"],
            "capabilities": ["log", "config:least", "phi:raw"],
            "limits": { "memory_bytes": 16_777_216, "timeout_ms": 500, "fuel": 9 },
            "health": "health",
            "output": "json",
        })
    }

    fn with(field: &str, value: Value) -> Value {
        let mut tree = good();
        tree[field] = value;
        tree
    }

    #[test]
    fn a_manifest_is_read_whole() {
        let manifest = Manifest::parse(good()).unwrap();
        assert_eq!(manifest.name, "reading-ease");
        assert_eq!(manifest.functions.len(), 2);
        assert!(
            manifest
                .capabilities
                .contains(&Capability::Config("least".to_owned()))
        );
        assert_eq!(manifest.limits.timeout_ms, Some(500));
        assert_eq!(
            (manifest.limits.fuel, manifest.limits.input_bytes),
            (Some(9), None)
        );
        assert_eq!(manifest.health.as_deref(), Some("health"));
        assert_eq!(manifest.output, OutputKind::Json);
    }

    #[test]
    fn a_field_that_is_unknown_is_named_wherever_it_is() {
        let said = |tree| Manifest::parse(tree).unwrap_err().to_string();
        let told = said(with("network", true.into()));
        assert!(told.contains("`network`: expected name, version"), "{told}");
        let told = said(with("limits", json!({ "sockets": 3 })));
        assert!(
            told.contains("`limits.sockets`: expected memory_bytes"),
            "{told}"
        );
    }

    #[test]
    fn a_field_that_is_missing_or_cannot_be_used_is_named() {
        for field in ["name", "version"] {
            let mut tree = good();
            tree.as_object_mut().unwrap().remove(field);
            assert_eq!(Manifest::parse(tree), Err(ManifestError::Missing { field }));
        }
        let cases = [
            ("name", json!("a/b")),
            ("name", json!("")),
            ("name", json!("a".repeat(49))),
            ("version", json!("1 0")),
            ("version", json!(1)),
            ("functions", json!([])),
            ("functions", json!(["a b"])),
            ("functions", json!([1])),
            ("functions", json!(vec!["f"; 65])),
            ("capabilities", json!("log")),
            ("output", json!("xml")),
            ("limits", json!(3)),
        ];
        for (name, value) in cases {
            match Manifest::parse(with(name, value)) {
                Err(ManifestError::Wrong { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
        for number in [json!(-1), json!(1.5), json!("1")] {
            match Manifest::parse(with("limits", json!({ "timeout_ms": number }))) {
                Err(ManifestError::Wrong { field, .. }) => assert_eq!(field, "limits.timeout_ms"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_capability_and_a_health_function_that_do_not_exist_are_refused() {
        let refused = Manifest::parse(with("capabilities", json!(["log", "network"])));
        let error = CapabilityError::Unknown;
        let position = 2;
        assert_eq!(refused, Err(ManifestError::Capability { position, error }));
        let refused = Manifest::parse(with("health", json!("pulse")));
        assert_eq!(refused, Err(ManifestError::Health));
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z:]{0,8}".prop_map(Value::from),
        ];
        let key = prop::sample::select([FIELDS.as_slice(), LIMITS.as_slice(), &["x"]].concat());
        leaf.prop_recursive(3, 24, 6, move |inner| {
            let table = prop::collection::hash_map(key.clone(), inner.clone(), 0..6);
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(Value::from),
                table.prop_map(|table| table.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
            ]
        })
    }

    proptest! {
        /// What is read has a name, a version and functions that can be used; nothing panics.
        #[test]
        fn any_tree_is_read_or_refused(
            tree in tree(),
            field in prop::sample::select(FIELDS.as_slice()),
        ) {
            let _ = Manifest::parse(tree.clone());
            if let Ok(manifest) = Manifest::parse(with(field, tree)) {
                prop_assert!(!manifest.name.is_empty() && !manifest.functions.is_empty());
                prop_assert!(manifest.health.is_none_or(|name| manifest.functions.contains(&name)));
            }
        }
    }
}
