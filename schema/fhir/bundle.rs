//! A bundle becomes a transaction: every entry checked, every id decided, every reference resolved.
//!
//! Taken are `transaction` and `batch` with POST (a new id) and PUT (the id of the address). A
//! batch is stored like a transaction, whole or not at all: stricter than R4 asks and never
//! surprising. Refused by name: other bundle types, other methods, conditional requests. Entries
//! of types that R4 has and this server does not are counted and left out, and references to them
//! stay as they came; a type R4 does not have is an error, because it is a misspelling of
//! something.

use super::entry::{full_url, request, resource_type};
use super::reference::Reference;
use super::{FhirType, Issue, IssueCode, MAX_ENTRIES, MAX_ISSUES, Resource, checked, within_depth};
use crate::id::ResourceId;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Which kind of bundle it was; the answer has the matching kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleKind {
    /// Whole or not at all.
    Transaction,
    /// Taken whole or not at all too.
    Batch,
}

/// How an entry asks to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// POST: under a new id.
    Create,
    /// PUT: under the id of the address, created or replaced.
    Update,
}

/// One entry, in the bundle's order.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A resource to store.
    Store {
        /// New or replaced.
        method: Method,
        /// What to store, with its final id and references.
        resource: Resource,
    },
    /// A resource of a type that is not taken here.
    Skipped {
        /// Its type.
        kind: &'static str,
    },
}

/// A checked bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// What kind of bundle it was.
    pub kind: BundleKind,
    /// Every entry, in order.
    pub entries: Vec<Entry>,
}

impl Transaction {
    /// The resources to store, in order.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Store { resource, .. } => Some(resource),
            Entry::Skipped { .. } => None,
        })
    }

    /// How many entries of each type were left out.
    #[must_use]
    pub fn skipped(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for entry in &self.entries {
            if let Entry::Skipped { kind } = entry {
                *counts.entry(*kind).or_default() += 1;
            }
        }
        counts
    }
}

/// Checks a bundle; `new_id` gives an id to every POST.
///
/// # Errors
/// Every issue found, at most [`MAX_ISSUES`]: with one issue nothing of the bundle is taken. What
/// `new_id` fails with, as soon as it fails.
pub fn parse_bundle<E: From<Vec<Issue>>>(
    bundle: Value,
    new_id: &mut NewId<'_, E>,
) -> Result<Transaction, E> {
    within_depth(&bundle)?;
    let (kind, items) = header(bundle)?;
    let mut draft = Draft::default();
    for (index, item) in items.into_iter().enumerate() {
        match draft.take(index, item, new_id) {
            Ok(()) => {}
            Err(Untaken::Issue(issue)) => draft.report(issue),
            Err(Untaken::NoId(error)) => return Err(error),
        }
    }
    Ok(draft.finish(kind)?)
}

/// What gives an id to a new resource.
type NewId<'a, E> = dyn FnMut() -> Result<ResourceId, E> + 'a;

/// Why an entry was not taken.
enum Untaken<E> {
    Issue(Issue),
    NoId(E),
}

impl<E> From<Issue> for Untaken<E> {
    fn from(issue: Issue) -> Self {
        Self::Issue(issue)
    }
}

fn header(bundle: Value) -> Result<(BundleKind, Vec<Value>), Vec<Issue>> {
    let refuse = |code, at: &str, text: &str| Err(vec![Issue::fatal(code, at, text)]);
    let Value::Object(mut bundle) = bundle else {
        return refuse(IssueCode::Structure, "", "expected a JSON object");
    };
    if bundle.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
        return refuse(
            IssueCode::Structure,
            "resourceType",
            "expected a resource of type `Bundle`",
        );
    }
    let kind = match bundle.get("type").and_then(Value::as_str) {
        Some("transaction") => BundleKind::Transaction,
        Some("batch") => BundleKind::Batch,
        Some(other) => {
            let text = format!(
                "a bundle of type `{}` is not taken: expected `transaction` or `batch`",
                super::issue::name_or_mark(&other.replace('-', "")),
            );
            return refuse(IssueCode::NotSupported, "Bundle.type", &text);
        }
        None => {
            return refuse(
                IssueCode::Required,
                "Bundle.type",
                "the element is required",
            );
        }
    };
    match bundle.remove("entry") {
        None => refuse(
            IssueCode::Required,
            "Bundle.entry",
            "a bundle without entries stores nothing",
        ),
        Some(Value::Array(items)) if items.is_empty() => refuse(
            IssueCode::Structure,
            "Bundle.entry",
            "an array is never empty",
        ),
        Some(Value::Array(items)) if items.len() > MAX_ENTRIES => {
            let text = format!("{} entries: at most {MAX_ENTRIES} are taken", items.len());
            refuse(IssueCode::TooCostly, "Bundle.entry", &text)
        }
        Some(Value::Array(items)) => Ok((kind, items)),
        Some(_) => refuse(IssueCode::Structure, "Bundle.entry", "expected an array"),
    }
}

/// An entry whose id is decided and whose references are not resolved yet.
enum Pending {
    Store {
        method: Method,
        kind: FhirType,
        id: ResourceId,
        body: Map<String, Value>,
    },
    Skipped {
        kind: &'static str,
    },
}

#[derive(Default)]
struct Draft {
    pending: Vec<(usize, Pending)>,
    issues: Vec<Issue>,
    /// What an entry is called in the bundle, and where it will be; `None` for skipped ones.
    names: BTreeMap<String, Option<String>>,
    targets: BTreeSet<String>,
}

impl Draft {
    fn report(&mut self, issue: Issue) {
        if self.issues.len() < MAX_ISSUES {
            self.issues.push(issue);
        }
    }

    fn take<E>(
        &mut self,
        index: usize,
        item: Value,
        new_id: &mut NewId<'_, E>,
    ) -> Result<(), Untaken<E>> {
        let at = format!("Bundle.entry[{index}]");
        let Value::Object(mut entry) = item else {
            return Err(Issue::error(IssueCode::Structure, at, "expected an object").into());
        };
        let full_url = full_url(&entry, &at)?;
        let Some(Value::Object(mut body)) = entry.remove("resource") else {
            let at = format!("{at}.resource");
            return Err(Issue::error(IssueCode::Required, at, "the element is required").into());
        };
        let kind = match resource_type(&body, &at)? {
            Ok(kind) => kind,
            Err(skipped) => {
                self.name(full_url, None, &at)?;
                self.pending
                    .push((index, Pending::Skipped { kind: skipped }));
                return Ok(());
            }
        };
        let (method, id) = match request(&entry, kind, &body, &at)? {
            Some(id) => (Method::Update, id),
            None => (Method::Create, new_id().map_err(Untaken::NoId)?),
        };
        body.insert("id".to_owned(), id.as_str().into());
        let target = format!("{kind}/{id}");
        if !self.targets.insert(target.clone()) {
            let text = "two entries of the bundle write the same resource";
            return Err(Issue::error(IssueCode::Duplicate, at, text).into());
        }
        self.name(full_url, Some(target), &at)?;
        self.pending.push((
            index,
            Pending::Store {
                method,
                kind,
                id,
                body,
            },
        ));
        Ok(())
    }

    fn name(&mut self, url: Option<String>, to: Option<String>, at: &str) -> Result<(), Issue> {
        let Some(url) = url else { return Ok(()) };
        if self.names.insert(url, to).is_some() {
            let text = "two entries of the bundle have the same `fullUrl`";
            return Err(Issue::error(
                IssueCode::Duplicate,
                format!("{at}.fullUrl"),
                text,
            ));
        }
        Ok(())
    }

    fn finish(mut self, kind: BundleKind) -> Result<Transaction, Vec<Issue>> {
        let mut entries = Vec::with_capacity(self.pending.len());
        for (index, pending) in std::mem::take(&mut self.pending) {
            let (method, kind, id, mut body) = match pending {
                Pending::Store {
                    method,
                    kind,
                    id,
                    body,
                } => (method, kind, id, body),
                Pending::Skipped { kind } => {
                    entries.push(Entry::Skipped { kind });
                    continue;
                }
            };
            let root = format!("Bundle.entry[{index}].resource.ofType({kind})");
            if !self.resolve(&mut body) {
                let text = "a reference by `urn:` names no entry of the bundle";
                self.report(Issue::error(IssueCode::NotFound, root.as_str(), text));
            }
            match checked(kind, id, body, &root) {
                Ok(resource) => entries.push(Entry::Store { method, resource }),
                Err(issues) => issues.into_iter().for_each(|issue| self.report(issue)),
            }
        }
        if self.issues.is_empty() {
            Ok(Transaction { kind, entries })
        } else {
            Err(self.issues)
        }
    }

    /// Rewrites every reference that names an entry; false when one names nothing.
    fn resolve(&self, body: &mut Map<String, Value>) -> bool {
        let mut all_found = true;
        for (name, value) in body.iter_mut() {
            match value {
                Value::String(text) if name == "reference" => match self.names.get(text.as_str()) {
                    Some(Some(target)) => target.clone_into(text),
                    Some(None) => {}
                    None => all_found &= Reference::parse(text) != Ok(Reference::Urn),
                },
                Value::Object(map) => all_found &= self.resolve(map),
                Value::Array(items) => {
                    for map in items.iter_mut().filter_map(Value::as_object_mut) {
                        all_found &= self.resolve(map);
                    }
                }
                _ => {}
            }
        }
        all_found
    }
}
