//! One walk over a body and the element tables beside it.
//!
//! Refuses what R4 refuses in structure: unknown elements, missing ones, arrays where one value
//! belongs and the reverse, empty arrays and objects, values that break the rule of their type,
//! codes outside a required list, references to types an element may not name. Rules over several
//! elements are in `invariants`, document numbers in `identifier`.

use super::definitions::{
    self, CODEABLE_CONCEPT, CodeList, EXTENSION, Element, Kind, REFERENCE, Type,
};
use super::issue::name_or_mark;
use super::primitive::{self, Fault, Primitive};
use super::reference::Reference;
use super::{FhirType, Issue, IssueCode, MAX_ISSUES, identifier, invariants, parse_type};
use serde_json::{Map, Value};
use std::fmt;

/// Checks a resource's body; no issues means it may be stored.
pub(super) fn resource(kind: FhirType, body: &Map<String, Value>, root: &str) -> Vec<Issue> {
    let mut report = Report { issues: Vec::new() };
    let at = Path::Root(root);
    object(
        &mut report,
        definitions::of(kind),
        body,
        &at,
        Place::Resource,
    );
    invariants::resource(&mut report, kind, body, &at);
    report.issues
}

/// The issues found so far, bounded.
pub(super) struct Report {
    issues: Vec<Issue>,
}

impl Report {
    /// Notes an issue at a place.
    pub(super) fn add(&mut self, code: IssueCode, at: &Path<'_>, text: impl Into<String>) {
        if self.issues.len() < MAX_ISSUES {
            self.issues.push(Issue::error(code, at.to_string(), text));
        }
    }
}

/// A place in the body, written out only when there is something to say about it.
pub(super) enum Path<'a> {
    /// Where the walk began.
    Root(&'a str),
    /// An element.
    Field(&'a Path<'a>, &'a str),
    /// An item of an array.
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(text) => f.write_str(text),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// What kind of object is being walked: it decides about `id`, `resourceType` and nesting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Resource,
    Contained,
    Element,
}

fn object(report: &mut Report, of: &Type, map: &Map<String, Value>, at: &Path<'_>, place: Place) {
    if map.is_empty() {
        report.add(
            IssueCode::Structure,
            at,
            "an object is never empty: leave the element out",
        );
        return;
    }
    for (name, value) in map {
        match (name.as_str(), place) {
            ("resourceType", Place::Resource | Place::Contained) => {}
            ("contained", Place::Contained) => {
                let at = Path::Field(at, "contained");
                report.add(
                    IssueCode::Invariant,
                    &at,
                    "a contained resource contains no other",
                );
            }
            ("id", Place::Element) => {
                simple(report, Primitive::Text, value, &Path::Field(at, "id"))
            }
            ("extension", _) => extensions(report, value, &Path::Field(at, "extension")),
            (name, _) => match name.strip_prefix('_') {
                Some(base) => sibling(report, of, base, map, value, at),
                None => known_element(report, of, name, map, value, at),
            },
        }
    }
    cardinality(report, of, map, at);
    invariants::element(report, of.name, map, at);
}

fn known_element(
    report: &mut Report,
    of: &Type,
    name: &str,
    map: &Map<String, Value>,
    value: &Value,
    at: &Path<'_>,
) {
    let Some(element) = of.elements.iter().find(|element| element.name == name) else {
        let text = format!(
            "`{}` is not an element of `{}`",
            name_or_mark(name),
            of.name
        );
        report.add(IssueCode::Structure, at, text);
        return;
    };
    let at = Path::Field(at, element.name);
    match (element.many, value) {
        (false, Value::Array(_)) => {
            report.add(
                IssueCode::Structure,
                &at,
                "expected one value, not an array",
            );
        }
        (false, value) => one(report, element, value, &at),
        (true, Value::Array(items)) if items.is_empty() => {
            report.add(
                IssueCode::Structure,
                &at,
                "an array is never empty: leave the element out",
            );
        }
        (true, Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                // A gap stands for a value that exists only as an extension in the sibling.
                let filled = item.is_null() && map.contains_key(&format!("_{name}"));
                if !filled {
                    one(report, element, item, &Path::Item(&at, index));
                }
            }
        }
        (true, _) => report.add(IssueCode::Structure, &at, "expected an array"),
    }
}

fn one(report: &mut Report, element: &Element, value: &Value, at: &Path<'_>) {
    match &element.kind {
        Kind::Simple(primitive) => simple(report, *primitive, value, at),
        Kind::Bound(codes) => match value.as_str() {
            Some(code) if codes.contains(&code) => {}
            Some(_) => {
                let text = format!("expected one of: {}", codes.join(", "));
                report.add(IssueCode::CodeInvalid, at, text);
            }
            None => report.add(IssueCode::Structure, at, "expected a JSON string"),
        },
        Kind::Concept(list) => {
            if let Some(map) = as_object(report, value, at) {
                object(report, &CODEABLE_CONCEPT, map, at, Place::Element);
                concept(report, list, map, at);
            }
        }
        Kind::Of(of) => {
            if let Some(map) = as_object(report, value, at) {
                object(report, of, map, at, Place::Element);
            }
        }
        Kind::Reference(targets) => {
            if let Some(map) = as_object(report, value, at) {
                object(report, &REFERENCE, map, at, Place::Element);
                reference(report, targets, map, at);
            }
        }
        Kind::Contained => {
            if let Some(map) = as_object(report, value, at) {
                contained(report, map, at);
            }
        }
    }
}

/// A required binding of a concept: one of its codings is out of the list, and a text alone is not.
fn concept(report: &mut Report, list: &CodeList, map: &Map<String, Value>, at: &Path<'_>) {
    let codings = map.get("coding").and_then(Value::as_array);
    let bound = codings.into_iter().flatten().any(|coding| {
        let text = |name: &str| coding.get(name).and_then(Value::as_str);
        text("system") == Some(list.system)
            && text("code").is_some_and(|code| list.codes.contains(&code))
    });
    if !bound {
        let text = format!(
            "expected a coding of `{}` with one of: {}",
            list.system,
            list.codes.join(", ")
        );
        report.add(IssueCode::CodeInvalid, at, text);
    }
}

fn as_object<'v>(
    report: &mut Report,
    value: &'v Value,
    at: &Path<'_>,
) -> Option<&'v Map<String, Value>> {
    if value.is_object() {
        return value.as_object();
    }
    report.add(IssueCode::Structure, at, "expected an object");
    None
}

fn simple(report: &mut Report, primitive: Primitive, value: &Value, at: &Path<'_>) {
    match primitive::check(primitive, value) {
        Ok(()) => {}
        Err(Fault::Type(expected)) => report.add(IssueCode::Structure, at, expected),
        Err(Fault::Content(expected)) => report.add(IssueCode::Value, at, expected),
    }
}

fn extensions(report: &mut Report, value: &Value, at: &Path<'_>) {
    match value.as_array() {
        Some(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                let at = Path::Item(at, index);
                if let Some(map) = as_object(report, item, &at) {
                    object(report, &EXTENSION, map, &at, Place::Element);
                }
            }
        }
        _ => report.add(
            IssueCode::Structure,
            at,
            "expected an array with at least one extension",
        ),
    }
}

/// `_birthDate` beside `birthDate`: the id and extensions of a primitive.
fn sibling(
    report: &mut Report,
    of: &Type,
    base: &str,
    map: &Map<String, Value>,
    value: &Value,
    at: &Path<'_>,
) {
    let primitive = |e: &&Element| matches!(e.kind, Kind::Simple(_) | Kind::Bound(_));
    let found = of
        .elements
        .iter()
        .filter(primitive)
        .find(|element| element.name == base);
    let Some(element) = found else {
        let text = format!(
            "`_{}` belongs to no element of `{}`",
            name_or_mark(base),
            of.name
        );
        report.add(IssueCode::Structure, at, text);
        return;
    };
    let at = Path::Field(at, element.name);
    match (element.many, value) {
        (false, value) => annotation(report, value, &at),
        (true, Value::Array(items)) => {
            let values = map.get(base).and_then(Value::as_array);
            if items.is_empty() || values.is_some_and(|values| values.len() != items.len()) {
                let text = "expected as many items as the element has";
                report.add(IssueCode::Structure, &at, text);
            }
            for (index, item) in items.iter().enumerate() {
                let value_there = values
                    .and_then(|v| v.get(index))
                    .is_some_and(|v| !v.is_null());
                if !(item.is_null() && value_there) {
                    annotation(report, item, &Path::Item(&at, index));
                }
            }
        }
        (true, _) => report.add(IssueCode::Structure, &at, "expected an array"),
    }
}

fn annotation(report: &mut Report, value: &Value, at: &Path<'_>) {
    static ANNOTATED: Type = Type {
        name: "Element",
        elements: &[],
    };
    if let Some(map) = as_object(report, value, at) {
        object(report, &ANNOTATED, map, at, Place::Element);
    }
}

fn cardinality(report: &mut Report, of: &Type, map: &Map<String, Value>, at: &Path<'_>) {
    let present = |name: &str| map.contains_key(name) || map.contains_key(&format!("_{name}"));
    let mut last_group = None;
    for element in of.elements {
        let Some(group) = element.choice else {
            if element.required && !present(element.name) {
                let at = Path::Field(at, element.name);
                report.add(IssueCode::Required, &at, "the element is required");
            }
            continue;
        };
        if last_group.replace(group) == Some(group) {
            continue;
        }
        let members = of
            .elements
            .iter()
            .filter(|member| member.choice == Some(group));
        let count = members.filter(|member| present(member.name)).count();
        if count > 1 {
            let text = "at most one type of a choice may be given";
            report.add(IssueCode::Structure, &Path::Field(at, group), text);
        } else if count == 0 && element.required {
            let at = Path::Field(at, group);
            report.add(
                IssueCode::Required,
                &at,
                "the element is required in one of its types",
            );
        }
    }
}

fn reference(report: &mut Report, targets: &[&str], map: &Map<String, Value>, at: &Path<'_>) {
    let stated = map.get("type").and_then(Value::as_str);
    let shape = match map
        .get("reference")
        .and_then(Value::as_str)
        .map(Reference::parse)
    {
        None => None,
        Some(Ok(reference)) => Some(reference),
        Some(Err(error)) => {
            let at = Path::Field(at, "reference");
            report.add(IssueCode::Value, &at, error.to_string());
            None
        }
    };
    let may = |name: &str| targets.is_empty() || targets.contains(&name);
    if let Some(Reference::Relative { kind, .. }) = shape {
        if !may(kind) {
            let text = format!("expected a reference to: {}", targets.join(", "));
            report.add(IssueCode::Value, &Path::Field(at, "reference"), text);
        }
        if stated.is_some_and(|stated| stated != kind) {
            let text = "the stated type differs from the type in the reference";
            report.add(IssueCode::Value, &Path::Field(at, "type"), text);
        }
    } else if stated.is_some_and(|stated| !stated.contains(':') && !may(stated)) {
        let text = format!("expected one of: {}", targets.join(", "));
        report.add(IssueCode::Value, &Path::Field(at, "type"), text);
    }
}

/// A contained resource of a type taken here is checked whole; of another type, its name alone.
fn contained(report: &mut Report, map: &Map<String, Value>, at: &Path<'_>) {
    let Some(name) = map.get("resourceType").and_then(Value::as_str) else {
        let at = Path::Field(at, "resourceType");
        report.add(IssueCode::Required, &at, "the element is required");
        return;
    };
    match parse_type(name) {
        Ok(kind) => {
            object(report, definitions::of(kind), map, at, Place::Contained);
            invariants::resource(report, kind, map, at);
        }
        Err(super::FhirTypeError::Unsupported { .. }) => {}
        Err(error) => report.add(IssueCode::Structure, at, error.to_string()),
    }
}

/// Kept beside the walk: `invariants` checks document numbers wherever an `Identifier` stands.
pub(super) fn document_number(report: &mut Report, map: &Map<String, Value>, at: &Path<'_>) {
    if let Some(expected) = identifier::fault(map) {
        report.add(IssueCode::Value, &Path::Field(at, "value"), expected);
    }
}
