//! What the codes of FHIR's value sets are called.
//!
//! Owns the display names that R4 (4.0.1) gives for the codes of the value sets that this build
//! checks resources against and people read. Refuses to guess: a set or a code that is not here has
//! no name, and larger terminologies (CID-10, LOINC, SNOMED CT) are not here. Exists because a
//! plugin that writes for people must not write codes, and must not bring lists of its own.

/// Where the sets of the base specification live.
const BASE: &str = "http://hl7.org/fhir/ValueSet/";

type Names = &'static [(&'static str, &'static str)];

const IN_ERROR: (&str, &str) = ("entered-in-error", "Entered in Error");

/// Every set by its id, in order of it.
static SETS: &[(&str, Names)] = &[
    (
        "administrative-gender",
        &[
            ("male", "Male"),
            ("female", "Female"),
            ("other", "Other"),
            ("unknown", "Unknown"),
        ],
    ),
    (
        "allergy-intolerance-category",
        &[
            ("food", "Food"),
            ("medication", "Medication"),
            ("environment", "Environment"),
            ("biologic", "Biologic"),
        ],
    ),
    (
        "allergy-intolerance-criticality",
        &[
            ("low", "Low Risk"),
            ("high", "High Risk"),
            ("unable-to-assess", "Unable to Assess Risk"),
        ],
    ),
    (
        "allergy-intolerance-type",
        &[("allergy", "Allergy"), ("intolerance", "Intolerance")],
    ),
    (
        "allergyintolerance-clinical",
        &[
            ("active", "Active"),
            ("inactive", "Inactive"),
            ("resolved", "Resolved"),
        ],
    ),
    (
        "allergyintolerance-verification",
        &[
            ("unconfirmed", "Unconfirmed"),
            ("confirmed", "Confirmed"),
            ("refuted", "Refuted"),
            IN_ERROR,
        ],
    ),
    (
        "condition-clinical",
        &[
            ("active", "Active"),
            ("recurrence", "Recurrence"),
            ("relapse", "Relapse"),
            ("inactive", "Inactive"),
            ("remission", "Remission"),
            ("resolved", "Resolved"),
        ],
    ),
    (
        "condition-ver-status",
        &[
            ("unconfirmed", "Unconfirmed"),
            ("provisional", "Provisional"),
            ("differential", "Differential"),
            ("confirmed", "Confirmed"),
            ("refuted", "Refuted"),
            IN_ERROR,
        ],
    ),
    (
        "observation-status",
        &[
            ("registered", "Registered"),
            ("preliminary", "Preliminary"),
            ("final", "Final"),
            ("amended", "Amended"),
            ("corrected", "Corrected"),
            ("cancelled", "Cancelled"),
            IN_ERROR,
            ("unknown", "Unknown"),
        ],
    ),
    (
        "reaction-event-severity",
        &[
            ("mild", "Mild"),
            ("moderate", "Moderate"),
            ("severe", "Severe"),
        ],
    ),
    (
        "request-priority",
        &[
            ("routine", "Routine"),
            ("urgent", "Urgent"),
            ("asap", "ASAP"),
            ("stat", "STAT"),
        ],
    ),
];

/// What a code of a value set is called there. The set goes by its id (`observation-status`) or by
/// its canonical address, with or without the version.
#[must_use]
pub fn valueset_display(valueset: &str, code: &str) -> Option<&'static str> {
    let id = valueset.strip_prefix(BASE).unwrap_or(valueset);
    let id = id.split_once('|').map_or(id, |(id, _)| id);
    let at = SETS.binary_search_by_key(&id, |(set, _)| set).ok()?;
    let (_, names) = SETS.get(at)?;
    let named = names.iter().find(|(known, _)| *known == code);
    named.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::super::codes;
    use super::*;

    #[test]
    fn a_code_is_called_what_r4_calls_it_by_id_and_by_address() {
        let address = "http://hl7.org/fhir/ValueSet/observation-status";
        for set in ["observation-status", address, &format!("{address}|4.0.1")] {
            assert_eq!(
                valueset_display(set, "entered-in-error"),
                Some("Entered in Error")
            );
        }
        for (set, code) in [("observation-status", "FINAL"), ("cid-10", "A00"), ("", "")] {
            assert_eq!(valueset_display(set, code), None);
        }
    }

    #[test]
    fn sets_are_in_order_and_are_those_that_resources_are_checked_against() {
        assert!(SETS.is_sorted_by(|(a, _), (b, _)| a < b));
        let checked: [(&str, &[&str]); 11] = [
            ("administrative-gender", codes::ADMINISTRATIVE_GENDER),
            ("allergy-intolerance-category", codes::ALLERGY_CATEGORY),
            (
                "allergy-intolerance-criticality",
                codes::ALLERGY_CRITICALITY,
            ),
            ("allergy-intolerance-type", codes::ALLERGY_TYPE),
            ("allergyintolerance-clinical", codes::ALLERGY_CLINICAL.codes),
            (
                "allergyintolerance-verification",
                codes::ALLERGY_VERIFICATION.codes,
            ),
            ("condition-clinical", codes::CONDITION_CLINICAL.codes),
            ("condition-ver-status", codes::CONDITION_VERIFICATION.codes),
            ("observation-status", codes::OBSERVATION_STATUS),
            ("reaction-event-severity", codes::REACTION_SEVERITY),
            ("request-priority", codes::REQUEST_PRIORITY),
        ];
        for ((id, names), (set, codes)) in SETS.iter().zip(checked) {
            let known: Vec<_> = names.iter().map(|(code, _)| *code).collect();
            assert_eq!((*id, known.as_slice()), (set, codes));
        }
        assert_eq!(SETS.len(), checked.len());
    }
}
