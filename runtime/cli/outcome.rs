//! What a refusal says, in one paragraph: from `application/problem+json` and OperationOutcome.

use http::StatusCode;
use serde_json::Value;

/// A body in neither form is shown up to here.
const RAW_MAX_CHARS: usize = 200;

/// One paragraph from whatever the server answered.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> String {
    let code = status.as_u16();
    match serde_json::from_slice::<Value>(body) {
        Ok(value) if at(&value, "/resourceType") == Some("OperationOutcome") => {
            format!("refused ({code}): {}", issues(&value))
        }
        Ok(value) if at(&value, "/detail").is_some() => problem(code, &value),
        _ => {
            let raw: String = String::from_utf8_lossy(body)
                .chars()
                .take(RAW_MAX_CHARS)
                .collect();
            format!("refused ({status}) {}", raw.trim())
        }
    }
}

fn problem(code: u16, value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let mut said = format!("refused ({code}");
    if let Some(slug) = text("code") {
        said.push_str(&format!(" {slug}"));
    }
    said.push_str("): ");
    said.push_str(text("detail").unwrap_or_default());
    if let Some(field) = text("field") {
        said.push_str(&format!(" [field `{field}`]"));
    }
    if let Some(id) = text("request_id") {
        said.push_str(&format!(" [request {id}]"));
    }
    said
}

/// The text at a JSON pointer.
pub(super) fn at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// The issues of an OperationOutcome, joined.
pub(super) fn issues(value: &Value) -> String {
    let Some(issues) = value.get("issue").and_then(Value::as_array) else {
        return "no issue was named".into();
    };
    let said: Vec<String> = issues
        .iter()
        .map(|issue| {
            let text = at(issue, "/diagnostics")
                .or_else(|| at(issue, "/details/text"))
                .or_else(|| at(issue, "/code"))
                .unwrap_or("unnamed");
            match at(issue, "/expression/0") {
                Some(place) if !place.is_empty() => format!("{text} [at `{place}`]"),
                _ => text.to_owned(),
            }
        })
        .collect();
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_problem_is_one_paragraph_with_its_field() {
        let body = json!({
            "code": "denied", "detail": "the policy refused", "field": "role", "request_id": "r7",
        });
        let said = refusal(StatusCode::FORBIDDEN, body.to_string().as_bytes());
        assert_eq!(
            said,
            "refused (403 denied): the policy refused [field `role`] [request r7]"
        );
    }

    #[test]
    fn an_operation_outcome_names_every_issue_and_its_place() {
        let body = json!({
            "resourceType": "OperationOutcome",
            "issue": [
                { "code": "invalid", "diagnostics": "a CPF", "expression": ["Patient.identifier"] },
                { "code": "required" },
            ],
        });
        let said = refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            body.to_string().as_bytes(),
        );
        assert_eq!(
            said,
            "refused (422): a CPF [at `Patient.identifier`]; required"
        );
    }

    #[test]
    fn anything_else_is_shown_as_it_came_and_not_whole() {
        let said = refusal(StatusCode::BAD_GATEWAY, "x".repeat(5_000).as_bytes());
        assert!(
            said.starts_with("refused (502 Bad Gateway) xxx") && said.len() < 300,
            "{said}"
        );
    }
}
