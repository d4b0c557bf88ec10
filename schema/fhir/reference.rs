//! References between resources: their shape, and whose record they put a resource into.

use super::FhirType;
use super::definitions::RESOURCE_TYPES;
use crate::id::{PatientId, ResourceId};
use serde_json::{Map, Value};

/// Longest reference taken, in bytes.
const MAX_BYTES: usize = 2_048;

/// Where a reference points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A resource of this server: `Patient/maria-exemplo`, with or without a version.
    Relative {
        /// A resource type of R4.
        kind: &'static str,
        /// Its logical id.
        id: ResourceId,
    },
    /// A resource contained in the same body: `#id`, or `#` for the body itself.
    Contained,
    /// A bundle's own name for one of its entries: `urn:uuid:…` or `urn:oid:…`.
    Urn,
    /// A resource of another server: `https://…`.
    Absolute,
}

/// A text that is no reference. Never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// None of the four shapes.
    #[error("expected `Type/id`, `#id`, `urn:uuid:…` or an absolute URL")]
    Shape,
    /// A search instead of an address.
    #[error("conditional references are not supported: expected `Type/id`")]
    Conditional,
}

impl Reference {
    /// Reads the text of `Reference.reference`.
    ///
    /// # Errors
    /// [`ReferenceError`] when it has none of the shapes R4 allows.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.len() > MAX_BYTES || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(ReferenceError::Shape);
        }
        if let Some(id) = text.strip_prefix('#') {
            let sound = id.is_empty() || ResourceId::parse(id).is_ok();
            return if sound {
                Ok(Self::Contained)
            } else {
                Err(ReferenceError::Shape)
            };
        }
        if text.starts_with("urn:uuid:") || text.starts_with("urn:oid:") {
            return Ok(Self::Urn);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let sound = matches!(scheme, "http" | "https") && !rest.is_empty();
            return if sound {
                Ok(Self::Absolute)
            } else {
                Err(ReferenceError::Shape)
            };
        }
        relative(text)
    }

    /// The patient it points to on this server, if it does.
    #[must_use]
    pub fn patient(&self) -> Option<PatientId> {
        match self {
            Self::Relative {
                kind: "Patient",
                id,
            } => PatientId::parse(id.as_str()).ok(),
            _ => None,
        }
    }
}

fn relative(text: &str) -> Result<Reference, ReferenceError> {
    let known = |name: &str| RESOURCE_TYPES.iter().find(|known| **known == name).copied();
    if let Some((name, _)) = text.split_once('?') {
        let conditional = known(name).is_some();
        return Err(if conditional {
            ReferenceError::Conditional
        } else {
            ReferenceError::Shape
        });
    }
    let parts: Vec<&str> = text.split('/').collect();
    let (name, id) = match parts.as_slice() {
        [name, id] => (*name, *id),
        [name, id, "_history", version] if ResourceId::parse(version).is_ok() => (*name, *id),
        _ => return Err(ReferenceError::Shape),
    };
    let kind = known(name).ok_or(ReferenceError::Shape)?;
    let id = ResourceId::parse(id).map_err(|_| ReferenceError::Shape)?;
    Ok(Reference::Relative { kind, id })
}

/// Whose record a resource belongs to.
pub(super) fn patient_of(
    kind: FhirType,
    id: &ResourceId,
    body: &Map<String, Value>,
) -> Option<PatientId> {
    match kind {
        FhirType::Patient => PatientId::parse(id.as_str()).ok(),
        FhirType::Observation | FhirType::MedicationRequest | FhirType::Condition => {
            referenced(body, "subject")
        }
        FhirType::AllergyIntolerance => referenced(body, "patient"),
        FhirType::Practitioner | FhirType::Organization => None,
    }
}

fn referenced(body: &Map<String, Value>, element: &str) -> Option<PatientId> {
    let text = body.get(element)?.get("reference")?.as_str()?;
    Reference::parse(text).ok()?.patient()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_shapes_are_told_apart() {
        let id = |text| ResourceId::parse(text).unwrap();
        let patient = Reference::Relative {
            kind: "Patient",
            id: id("a"),
        };
        assert_eq!(Reference::parse("Patient/a"), Ok(patient.clone()));
        assert_eq!(Reference::parse("Patient/a/_history/2"), Ok(patient));
        assert_eq!(Reference::parse("#med"), Ok(Reference::Contained));
        assert_eq!(Reference::parse("urn:uuid:x"), Ok(Reference::Urn));
        assert_eq!(
            Reference::parse("https://rede.example/fhir/Patient/a"),
            Ok(Reference::Absolute)
        );
    }

    #[test]
    fn paths_searches_and_unknown_types_are_refused() {
        for text in [
            "",
            "Patient",
            "Patient/",
            "Pacient/a",
            "Patient/../b",
            "Patient/a/b",
            "ftp://x",
            "/a",
        ] {
            assert_eq!(Reference::parse(text), Err(ReferenceError::Shape), "{text}");
        }
        let search = Reference::parse("Patient?identifier=x");
        assert_eq!(search, Err(ReferenceError::Conditional));
    }
}
