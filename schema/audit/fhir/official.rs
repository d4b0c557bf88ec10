//! The official definitions of FHIR R4, cut to what an AuditEvent is made of, and a check against
//! them that knows nothing of the mapping: elements, cardinalities, types, bindings, displays.

use crate::time::Timestamp;
use serde_json::{Map, Value};

/// What the specification says.
pub(super) struct Official(Value);

impl Official {
    pub(super) fn read() -> Self {
        Self(serde_json::from_str(include_str!("testdata/auditevent-r4.json")).unwrap())
    }

    /// Everything that is wrong with an AuditEvent.
    pub(super) fn faults(&self, event: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        let mut body = event.as_object().unwrap().clone();
        assert_eq!(body.remove("resourceType").unwrap(), "AuditEvent");
        self.object("AuditEvent", &body, &mut faults);
        faults
    }

    fn object(&self, path: &str, body: &Map<String, Value>, faults: &mut Vec<String>) {
        if body.is_empty() {
            faults.push(format!("{path}: empty"));
        }
        let elements = self.0["elements"].as_object().unwrap();
        let prefix = format!("{path}.");
        for (known, rule) in elements {
            let Some(name) = known
                .strip_prefix(&prefix)
                .filter(|name| !name.contains('.'))
            else {
                continue;
            };
            let name = name.trim_end_matches("[x]");
            let there = body
                .keys()
                .any(|key| key.trim_start_matches('_').starts_with(name));
            if rule["min"].as_u64() > Some(0) && !there {
                faults.push(format!("{path}.{name}: required"));
            }
        }
        for (key, value) in body {
            self.member(path, key, value, faults);
        }
        let has = |name: &str| body.contains_key(name);
        if path == "AuditEvent.entity" && has("name") && has("query") {
            faults.push("sev-1: a name or a query, not both".to_owned());
        }
        if path == "Coding" {
            self.coding(body, faults);
        }
        if path == "Reference" && !(has("reference") || has("identifier") || has("display")) {
            faults.push("a reference to nothing".to_owned());
        }
    }

    /// The rule of a member, and the one type that a choice of types was given by its name.
    fn rule(&self, path: &str, name: &str) -> Option<(&Value, Option<&str>)> {
        let elements = self.0["elements"].as_object().unwrap();
        if let Some(rule) = elements.get(&format!("{path}.{name}")) {
            return Some((rule, None));
        }
        let choice = elements.get(&format!("{path}.value[x]"))?;
        let suffix = name.strip_prefix("value")?.to_lowercase();
        let mut types = choice["type"].as_array()?.iter();
        let kind = types.find(|one| one["code"].as_str().unwrap().to_lowercase() == suffix)?;
        Some((choice, kind["code"].as_str()))
    }

    fn member(&self, path: &str, key: &str, value: &Value, faults: &mut Vec<String>) {
        let name = key.trim_start_matches('_');
        let here = format!("{path}.{name}");
        let Some((rule, chosen)) = self.rule(path, name) else {
            faults.push(format!("{here}: no such element"));
            return;
        };
        if key.starts_with('_') {
            let extension = &value["extension"][0];
            if !extension["url"].is_string() {
                faults.push(format!("{here}: an extension without a url"));
            }
            let (code, known) = (
                extension["valueCode"].as_str().unwrap_or_default(),
                "http://terminology.hl7.org/CodeSystem/data-absent-reason",
            );
            if self.0["systems"][known].get(code).is_none() {
                faults.push(format!("{here}: `{code}` is no reason for absence"));
            }
            return;
        }
        let many = rule["max"] != "1";
        let values: Vec<&Value> = match (many, value.as_array()) {
            (true, Some(all)) if !all.is_empty() => all.iter().collect(),
            (false, None) => vec![value],
            _ => {
                faults.push(format!("{here}: at most {}", rule["max"]));
                return;
            }
        };
        let kind = chosen.or(rule["type"][0]["code"].as_str()).unwrap();
        for value in values {
            self.value(&here, kind, value, rule, faults);
        }
    }

    fn value(&self, here: &str, kind: &str, value: &Value, rule: &Value, faults: &mut Vec<String>) {
        if let Some(body) = value.as_object() {
            let path = if kind == "BackboneElement" {
                here
            } else {
                kind
            };
            if kind.starts_with(char::is_lowercase) {
                faults.push(format!("{here}: expected a {kind}"));
            }
            self.object(path, body, faults);
            self.target(here, value, rule, faults);
            for coding in value["coding"].as_array().into_iter().flatten() {
                self.bound(here, coding, rule, faults);
            }
            if kind == "Coding" {
                self.bound(here, value, rule, faults);
            }
            return;
        }
        let text = value.as_str().unwrap_or_default();
        let fits = match kind {
            "boolean" => value.is_boolean(),
            "instant" | "dateTime" => Timestamp::parse(text).is_ok(),
            "code" => !text.is_empty() && !text.contains(char::is_whitespace),
            "id" => (1..=64).contains(&text.len()),
            "canonical" => text.contains(':') && !text.contains(' '),
            // A type of FHIR's own is named relative to its definitions.
            "uri" => !text.is_empty() && !text.contains(' '),
            "string" => !text.trim().is_empty(),
            _ => false,
        };
        if !fits {
            faults.push(format!("{here}: expected a {kind}"));
        }
        let set = rule["binding"]["valueSet"].as_str().unwrap_or_default();
        if rule["binding"]["strength"] == "required" {
            let systems = self.0["valueSets"][set].as_object().unwrap();
            let known = |system: &String| self.0["systems"][system].get(text).is_some();
            if !systems.keys().any(known) {
                faults.push(format!("{here}: `{text}` is not in {set}"));
            }
        }
    }

    /// A reference leads to a type that its element allows.
    fn target(&self, here: &str, value: &Value, rule: &Value, faults: &mut Vec<String>) {
        let targets = rule["type"][0]["targets"].as_array();
        let reference = value["reference"].as_str();
        if let (Some(targets), Some((kind, _))) =
            (targets, reference.and_then(|r| r.split_once('/')))
            && !targets.iter().any(|target| target == kind)
        {
            faults.push(format!("{here}: does not refer to a {kind}"));
        }
    }

    /// An extensible set has to be kept to where it has the system.
    fn bound(&self, here: &str, coding: &Value, rule: &Value, faults: &mut Vec<String>) {
        let set = rule["binding"]["valueSet"].as_str().unwrap_or_default();
        let system = coding["system"].as_str().unwrap_or_default();
        let Some(codes) = self.0["valueSets"][set].get(system) else {
            return;
        };
        if let Some(codes) = codes.as_array()
            && !codes.contains(&coding["code"])
        {
            faults.push(format!("{here}: {} is not in {set}", coding["code"]));
        }
    }

    /// A code exists in its system, and is called what the system calls it.
    fn coding(&self, body: &Map<String, Value>, faults: &mut Vec<String>) {
        let system = body
            .get("system")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let Some(codes) = self.0["systems"].get(system) else {
            if !system.starts_with("https://profiles.ihe.net/ITI/BALP/CodeSystem/") {
                faults.push(format!("the code system `{system}` is unknown"));
            }
            return;
        };
        let code = body.get("code").and_then(Value::as_str).unwrap_or_default();
        match codes.get(code) {
            None => faults.push(format!("{system} has no code `{code}`")),
            Some(display) if Some(display) != body.get("display") => {
                faults.push(format!("{system}#{code} is called {display}"));
            }
            Some(_) => {}
        }
    }
}
