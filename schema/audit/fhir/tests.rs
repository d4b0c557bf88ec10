//! Every kind of entry against the official structure, and the BALP profiles where they apply.

use super::official::Official;
use super::testing::{entry, told};
use super::*;
use crate::access::{Action, Purpose, ResourceKind};
use crate::audit::{Phase, action_code, deeds};
use crate::time::Timestamp;
use uuid::Uuid;

const BALP: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.";
const OUTCOMES: [Outcome; 5] = [
    Outcome::Pending,
    Outcome::Success,
    Outcome::Refused,
    Outcome::Failed,
    Outcome::Unknown,
];

fn event(change: impl FnOnce(&mut Entry)) -> Value {
    let mut entry = entry();
    change(&mut entry);
    audit_event(&told(entry))
}

/// Every combination that the product can write, and more.
fn every_entry() -> Vec<Entry> {
    let mut all = Vec::new();
    for kind in ResourceKind::ALL {
        for action in Action::ALL {
            for purpose in Purpose::ALL {
                for outcome in OUTCOMES {
                    for (number, verdict) in ["allow", "break_glass", "step_up", "deny"]
                        .into_iter()
                        .enumerate()
                    {
                        let mut one = entry();
                        one.resource_kind = kind.as_str().into();
                        one.action = action.as_str().into();
                        one.purpose = purpose.as_str().into();
                        one.outcome = outcome;
                        one.verdict = verdict.into();
                        one.patient = one.patient.filter(|_| number % 2 == 0);
                        one.resource_id = one.resource_id.filter(|_| number < 2);
                        all.push(one);
                    }
                }
            }
        }
    }
    all
}

#[test]
fn every_kind_of_entry_is_an_audit_event_of_the_official_structure() {
    let official = Official::read();
    let all = every_entry();
    let kinds = ResourceKind::ALL.len();
    assert_eq!(all.len(), kinds * 5 * 5 * 5 * 4);
    for entry in all {
        let event = audit_event(&told(entry));
        assert_eq!(official.faults(&event), Vec::<String>::new(), "{event:#}");
    }
}

#[test]
fn what_is_at_the_edge_is_one_too() {
    let official = Official::read();
    for change in [
        (|entry: &mut Entry| entry.explanation.clear()) as fn(&mut Entry),
        |entry| entry.request_id.clear(),
        |entry| entry.purpose = "none".into(),
        |entry| entry.plugin = Some("ab".repeat(32)),
        |entry| entry.role = "none".into(),
        |entry| entry.principal = "anonymous".into(),
        |entry| {
            entry.phase = Phase::Completed;
            entry.opens = Some(Uuid::from_u128(7));
        },
    ] {
        let mut told = told(entry());
        change(&mut told.item.entry);
        told.began = Some(Timestamp::from_micros(1_764_000_000_000_000));
        let event = audit_event(&told);
        assert_eq!(official.faults(&event), Vec::<String>::new(), "{event:#}");
        assert_eq!(event["period"]["start"], "2025-11-24T16:00:00Z");
    }
}

#[test]
fn the_check_itself_finds_what_is_wrong() {
    let official = Official::read();
    let spoiled = |change: fn(&mut Value)| {
        let mut event = event(|_| ());
        change(&mut event);
        official.faults(&event)
    };
    for (change, said) in [
        (
            (|e| drop(e.as_object_mut().unwrap().remove("recorded"))) as fn(&mut Value),
            "recorded",
        ),
        (|e| e["outcome"] = json!("5"), "`5` is not in"),
        (|e| e["action"] = json!("read"), "`read` is not in"),
        (|e| e["type"]["code"] = json!("110199"), "has no code"),
        (|e| e["type"]["display"] = json!("Rest"), "is called"),
        (|e| e["agent"] = json!([]), "at most"),
        (
            |e| e["agent"][0]["requestor"] = json!("yes"),
            "expected a boolean",
        ),
        (|e| e["entity"][0]["who"] = json!({}), "no such element"),
        (
            |e| e["source"]["observer"] = json!({ "reference": "Group/1" }),
            "does not refer",
        ),
        (
            |e| e["purposeOfEvent"][0]["coding"][0]["code"] = json!("NONE"),
            "has no code",
        ),
        (|e| e["recorded"] = json!("yesterday"), "expected a instant"),
        (
            |e| e["entity"][1]["role"]["code"] = json!("99"),
            "has no code",
        ),
    ] {
        let faults = spoiled(change);
        assert!(
            faults.iter().any(|fault| fault.contains(said)),
            "{said}: {faults:?}"
        );
    }
}

/// The one member of a list whose type is this code.
fn slice<'a>(event: &'a Value, list: &str, code: &str) -> Option<&'a Value> {
    let is = |one: &&Value| {
        let kind = &one["type"];
        kind["code"] == code || kind["coding"][0]["code"] == code
    };
    let mut all = event[list].as_array().unwrap().iter().filter(is);
    let one = all.next();
    assert!(all.next().is_none(), "two of {code} in {list}: {event:#}");
    one
}

#[test]
fn a_claimed_balp_profile_is_kept_slice_by_slice() {
    let mut claimed = std::collections::BTreeSet::new();
    for entry in every_entry() {
        let (patient, event) = (entry.patient.clone(), audit_event(&told(entry)));
        let Some(profile) = event["meta"]["profile"][0].as_str() else {
            continue;
        };
        let name = profile.strip_prefix(BALP).unwrap();
        claimed.insert(name.to_owned());
        let of = name.trim_start_matches("Patient");
        let (action, subtype, client, server, user) = match of {
            "Read" => ("R", "read", "110152", "110153", "IRCP"),
            "Query" => ("E", "search-type", "110153", "110152", "IRCP"),
            "Create" => ("C", "create", "110153", "110152", "AUT"),
            _ => ("U", "update", "110153", "110152", "AUT"),
        };
        assert_eq!(
            (&event["type"]["code"], &event["action"]),
            (&json!("rest"), &json!(action))
        );
        assert_eq!(event["subtype"][0]["code"], subtype);
        assert_eq!(event["outcome"], "0", "they are of what succeeded");
        for code in [client, server] {
            let agent = slice(&event, "agent", code).unwrap();
            assert!(
                agent["who"].is_object() && agent["network"].is_object(),
                "{agent}"
            );
            assert_eq!(agent["requestor"], false);
        }
        let user = slice(&event, "agent", user).unwrap();
        assert_eq!(user["requestor"], true);
        assert_eq!(user["who"]["identifier"]["value"], "medica");
        assert!(user.get("network").is_none() && user.get("media").is_none());
        let request = slice(&event, "entity", "XrequestId").unwrap();
        assert_eq!(request["what"]["identifier"]["value"], "0192abcd");
        let data = slice(&event, "entity", "2").unwrap();
        if of == "Query" {
            assert!(data.get("what").is_none() && data.get("detail").is_none());
            assert_eq!(data["role"]["code"], "24");
            assert_eq!(data["_query"]["extension"][0]["valueCode"], "masked");
        } else {
            assert!(data["what"].is_object());
            assert_eq!(data["role"]["code"], "4");
        }
        assert_eq!(name.starts_with("Patient"), patient.is_some());
        let person = slice(&event, "entity", "1");
        let reference = person.map(|person| person["what"]["reference"].as_str().unwrap());
        assert_eq!(
            reference,
            patient.map(|id| format!("Patient/{id}")).as_deref()
        );
    }
    let all = [
        "Create",
        "PatientCreate",
        "PatientQuery",
        "PatientRead",
        "PatientUpdate",
        "Query",
    ];
    assert!(
        all.iter().all(|name| claimed.contains(*name)),
        "{claimed:?}"
    );
}

#[test]
fn an_emergency_is_told_by_its_purpose_and_its_subtype() {
    let event = event(|entry| entry.verdict = "break_glass".into());
    assert_eq!(event["purposeOfEvent"][0]["coding"][0]["code"], "ETREAT");
    assert_eq!(
        event["agent"][2]["purposeOfUse"][0]["coding"][0]["code"],
        "ETREAT"
    );
    assert_eq!(event["subtype"][1]["code"], "110127");
    let ordinary = super::tests::event(|_| ());
    assert_eq!(ordinary["purposeOfEvent"][0]["coding"][0]["code"], "TREAT");
    assert!(ordinary["subtype"].get(1).is_none());
}

#[test]
fn outcomes_are_told_apart_and_what_is_not_known_has_no_code() {
    let outcome = |outcome, verdict: &str| {
        let event = event(|entry| {
            entry.outcome = outcome;
            entry.verdict = verdict.into();
        });
        (event["outcome"].clone(), event["outcomeDesc"].is_string())
    };
    assert_eq!(outcome(Outcome::Success, "allow"), (json!("0"), false));
    assert_eq!(outcome(Outcome::Refused, "step_up"), (json!("4"), true));
    assert_eq!(outcome(Outcome::Refused, "deny"), (json!("8"), true));
    assert_eq!(outcome(Outcome::Failed, "allow"), (json!("8"), true));
    assert_eq!(outcome(Outcome::Unknown, "allow"), (Value::Null, true));
    assert_eq!(outcome(Outcome::Pending, "allow"), (Value::Null, true));
}

#[test]
fn what_is_no_interaction_of_fhir_is_a_security_event_or_the_life_of_a_record() {
    let kind = |action: &str, kind: &str| {
        let event = event(|entry| {
            entry.action = action.into();
            entry.resource_kind = kind.into();
        });
        assert!(event.get("meta").is_none());
        event["type"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(kind("read", "audit"), "110101");
    assert_eq!(kind("write", "session"), "110114");
    assert_eq!(kind("operate", "system"), "110113");
    assert_eq!(kind("read", "ward"), "110110");
    assert_eq!(kind("write", "consent"), "110110");
    assert_eq!(kind("submit", "content"), "verify");
    let bundle = event(|entry| {
        entry.action = "write".into();
        entry.resource_kind = "bundle".into();
    });
    assert_eq!(bundle["subtype"][0]["code"], "transaction");
    assert!(
        bundle.get("meta").is_none(),
        "no profile is of a transaction"
    );
}

#[test]
fn a_search_by_an_action_finds_exactly_what_an_export_calls_so() {
    for entry in every_entry() {
        let code = action_code(&entry);
        assert_eq!(event_action(&entry), code);
        for other in ["C", "R", "U", "D", "E"] {
            let found = deeds(other)
                .unwrap()
                .iter()
                .filter(|deed| deed.is(&entry))
                .count();
            assert_eq!(found, usize::from(other == code), "{other}: {entry:?}");
        }
    }
    assert_eq!(deeds("X"), None);
}

fn event_action(entry: &Entry) -> String {
    let event = audit_event(&told(entry.clone()));
    event["action"].as_str().unwrap().to_owned()
}

#[test]
fn an_event_leads_back_to_the_entry_that_proves_it() {
    let told = told(entry());
    let event = audit_event(&told);
    assert_eq!(event["id"], told.item.entry.id.to_string());
    let trail = slice(&event, "entity", "4").unwrap();
    assert_eq!(trail["what"]["identifier"]["value"], "node-1/hospital-a:1");
    let details = trail["detail"].as_array().unwrap();
    let hash = details.iter().find(|one| one["type"] == "hash").unwrap();
    let text: String = told
        .item
        .hash
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hash["valueString"], text);
    assert_eq!(event["source"]["observer"], event["agent"][1]["who"]);
}

#[test]
fn a_page_of_a_search_has_its_links_and_no_empty_array() {
    let bundle = searchset(&[told(entry())], "/fhir/AuditEvent?_count=1", Some("/next"));
    assert_eq!(
        (&bundle["type"], bundle.get("total")),
        (&json!("searchset"), None)
    );
    assert_eq!(
        bundle["link"][1],
        json!({ "relation": "next", "url": "/next" })
    );
    let resource = &bundle["entry"][0]["resource"];
    let url = format!("urn:uuid:{}", resource["id"].as_str().unwrap());
    assert_eq!(bundle["entry"][0]["fullUrl"], url);
    let empty = searchset(&[], "/fhir/AuditEvent", None);
    assert!(empty.get("entry").is_none());
    assert_eq!(empty["link"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_told_once_reads_back_as_it_was_written() {
    let mut told = told(entry());
    told.began = Some(Timestamp::from_micros(1));
    let text = serde_json::to_string(&told).unwrap();
    assert_eq!(serde_json::from_str::<Told>(&text).unwrap(), told);
    let plain: crate::audit::Chained = serde_json::from_str(&text).unwrap();
    assert_eq!(plain, told.item);
}
