//! Putting the layers together, and turning what figment says into what a reader needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::Config;
use super::error::ConfigError;

/// The configuration file looked for in the state directory when no other is named.
pub const STATE_FILE: &str = "plantao.toml";

const DEFAULTS: &str = include_str!("../../config/default.toml");
const DEFAULTS_ORIGIN: &str = "the built-in defaults";
const PREFIX: &str = "PLANTAO__";
const FILE_VARIABLE: &str = "PLANTAO_CONFIG";

/// Below this likeness a suggestion would mislead.
const LIKENESS_FLOOR: f64 = 0.7;

/// What the command line sets: the strongest layer.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config FILE`.
    pub config: Option<PathBuf>,
    /// `--state-dir DIR`.
    pub state_dir: Option<PathBuf>,
    /// `--demo`.
    pub demo: bool,
    /// `--set KEY=VALUE`, any key.
    pub set: Vec<(String, String)>,
}

/// Reads every layer and parses the result.
pub(super) fn extract(
    flags: &Flags,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let environment: BTreeMap<String, String> = environment.into_iter().collect();
    let mut stack = Figment::new().merge(Defaults);
    if let Some(file) = file(flags, &environment)? {
        stack = stack.merge(Toml::file_exact(file));
    }
    for (name, value) in &environment {
        if let Some(key) = name.strip_prefix(PREFIX) {
            let key = key.to_lowercase().replace("__", ".");
            stack = stack.merge(OneKey::parsed(format!("`{name}`"), key, value));
        }
    }
    for key in flag_keys(flags) {
        stack = stack.merge(key);
    }
    stack.extract().map_err(|error| explain(&stack, error))
}

/// The one file to read. A file that was asked for must be there; the one in the state directory
/// may be.
fn file(
    flags: &Flags,
    environment: &BTreeMap<String, String>,
) -> Result<Option<PathBuf>, ConfigError> {
    let named = flags
        .config
        .clone()
        .or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from));
    let path = match named {
        Some(path) => path,
        None => match in_state_dir(flags, environment) {
            Some(path) if path.exists() => path,
            _ => return Ok(None),
        },
    };
    // Read once here: figment would call an unreadable file a missing one.
    match std::fs::read_to_string(&path) {
        Ok(_) => Ok(Some(path)),
        Err(error) => Err(ConfigError::Unreadable {
            path,
            reason: error.to_string(),
        }),
    }
}

fn in_state_dir(flags: &Flags, environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let state_dir = flags
        .state_dir
        .clone()
        .or_else(|| environment.get("PLANTAO__STATE_DIR").map(PathBuf::from))
        .or_else(|| {
            let value = Figment::new()
                .merge(Defaults)
                .find_value("state_dir")
                .ok()?;
            value.as_str().map(PathBuf::from)
        })?;
    Some(state_dir.join(STATE_FILE))
}

fn flag_keys(flags: &Flags) -> Vec<OneKey> {
    let mut keys = Vec::new();
    for (key, value) in &flags.set {
        keys.push(OneKey::parsed(
            format!("the flag `--set {key}`"),
            key.clone(),
            value,
        ));
    }
    if let Some(path) = &flags.state_dir {
        let value = Value::from(path.to_string_lossy().into_owned());
        keys.push(OneKey {
            origin: "the flag `--state-dir`".into(),
            key: "state_dir".into(),
            value,
        });
    }
    if flags.demo {
        let value = Value::from(true);
        keys.push(OneKey {
            origin: "the flag `--demo`".into(),
            key: "demo".into(),
            value,
        });
    }
    keys
}

/// The defaults, which are data in the repository and part of the binary.
struct Defaults;

impl Provider for Defaults {
    fn metadata(&self) -> Metadata {
        Metadata::named(DEFAULTS_ORIGIN)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Toml::string(DEFAULTS).data()
    }
}

/// One key from the environment or the command line, a layer of its own so that an error can name
/// exactly where it came from.
struct OneKey {
    origin: String,
    key: String,
    value: Value,
}

impl OneKey {
    fn parsed(origin: String, key: String, text: &str) -> Self {
        let value = match text.parse::<Value>() {
            Ok(value) => value,
            Err(never) => match never {},
        };
        Self { origin, key, value }
    }
}

impl Provider for OneKey {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(&self.key, self.value.clone());
        let dict = nested.into_dict().unwrap_or_default();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

/// The first thing wrong, in the reader's terms.
fn explain(stack: &Figment, error: figment::Error) -> ConfigError {
    let key = error.path.join(".");
    let origin = origin(stack, &key, error.metadata.as_ref());
    match error.kind {
        Kind::UnknownField(field, known) => unknown(stack, &error.path, &field, known),
        Kind::MissingField(field) => {
            let field = field.into_owned();
            let key = if key.is_empty() {
                field
            } else {
                format!("{key}.{field}")
            };
            ConfigError::Missing { key }
        }
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            let found = found.to_string();
            ConfigError::WrongType {
                key,
                origin,
                expected,
                found,
            }
        }
        Kind::UnknownVariant(found, known) => {
            let expected = format!("one of `{}`", known.join("`, `"));
            ConfigError::WrongType {
                key,
                origin,
                expected,
                found: format!("`{found}`"),
            }
        }
        Kind::Message(reason) if key.is_empty() => ConfigError::Syntax { origin, reason },
        other => ConfigError::OutOfBounds {
            key,
            reason: format!("in {origin}: {other}"),
        },
    }
}

fn unknown(stack: &Figment, path: &[String], field: &str, known: &[&str]) -> ConfigError {
    // figment names the field in the path in some shapes and leaves it out in others.
    let mut parts: Vec<&str> = path.iter().map(String::as_str).collect();
    if parts.last() != Some(&field) {
        parts.push(field);
    }
    let key = parts.join(".");
    let nearest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(candidate, field), *candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_FLOOR)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| {
            parts.pop();
            parts.push(candidate);
            parts.join(".")
        });
    ConfigError::UnknownKey {
        origin: origin(stack, &key, None),
        key,
        nearest,
    }
}

/// Where a key was set: the strongest layer that has it.
fn origin(stack: &Figment, key: &str, known: Option<&Metadata>) -> String {
    match stack.find_metadata(key).or(known) {
        Some(metadata) => match &metadata.source {
            Some(Source::File(path)) => file_origin(path),
            _ => metadata.name.clone().into_owned(),
        },
        None => "the configuration".into(),
    }
}

fn file_origin(path: &Path) -> String {
    format!("the file `{}`", path.display())
}
