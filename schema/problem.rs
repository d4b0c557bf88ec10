//! The closed set of answers that say no: `application/problem+json` (RFC 9457).
//!
//! Every refusal at the edge is one of these codes with a status, a title and, where one field is
//! at fault, its name and what was expected. Public text only: what went wrong inside stays in the
//! log, and neither carries PHI.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $status:literal, $slug:literal, $title:literal;)*) => {
        /// What kind of refusal this is. Stable: clients branch on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ProblemCode { $($(#[$doc])* $name,)* }

        impl ProblemCode {
            /// Every code, for documentation and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The HTTP status it travels under.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// Its name in URLs, metrics and logs.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// A short sentence that never varies.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// The request is not what the protocol or the format demands.
    Malformed => 400, "malformed", "the request could not be read";
    /// A field breaks a rule.
    Invalid => 422, "invalid", "a field breaks a rule";
    /// No credential, or one that cannot be trusted.
    Unauthenticated => 401, "unauthenticated", "a valid credential is needed";
    /// A stronger authentication is needed (RFC 9470).
    StepUpRequired => 401, "step_up_required", "a stronger authentication is needed";
    /// The policy said no.
    Denied => 403, "denied", "the policy refused this access";
    /// There is nothing there.
    NotFound => 404, "not_found", "there is nothing at this address";
    /// The address exists, the method does not.
    MethodNotAllowed => 405, "method_not_allowed", "this address does not take this method";
    /// The change meets a newer state.
    Conflict => 409, "conflict", "the change conflicts with a newer state";
    /// It was there and was erased for good.
    Erased => 410, "erased", "what was at this address was erased";
    /// The body is larger than the limit.
    TooLarge => 413, "too_large", "the body is larger than the limit";
    /// The content type is another than the address takes.
    UnsupportedMediaType => 415, "unsupported_media_type", "this content type is not taken here";
    /// The client was slower than the limit.
    RequestTimeout => 408, "request_timeout", "the request took too long to arrive";
    /// A plugin failed on this input: it trapped, or answered what it must not.
    PluginFailed => 502, "plugin_failed", "a plugin failed on this input";
    /// A plugin's file was refused: no input can be answered.
    PluginRefused => 502, "plugin_refused", "the plugin could not be loaded";
    /// A plugin ran into its time limit.
    PluginTimeout => 504, "plugin_timeout", "a plugin ran into its time limit";
    /// A part is down or overloaded; trying again later is right.
    Unavailable => 503, "unavailable", "a part of the system is not available now";
    /// Too much at once; trying again later is right.
    Overloaded => 503, "overloaded", "more requests than can be taken now";
    /// There is no space for changes; reading goes on.
    StorageFull => 503, "storage_full", "there is no space for changes now";
    /// A deadline passed inside.
    DeadlineExceeded => 504, "deadline_exceeded", "the answer was not ready in time";
    /// An invariant broke inside.
    Internal => 500, "internal", "something failed inside";
}

/// One refusal, ready for the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of refusal.
    pub code: ProblemCode,
    /// What happened and what was expected, without PHI.
    pub detail: String,
    /// The field at fault, as a path such as `Patient.identifier[0].value`.
    pub field: Option<String>,
    /// Seconds after which trying again makes sense.
    pub retry_after_seconds: Option<u32>,
}

impl Problem {
    /// A refusal with its public explanation.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let retry_after_seconds = match code {
            ProblemCode::Unavailable | ProblemCode::Overloaded => Some(1),
            // Space comes back by somebody's hand.
            ProblemCode::StorageFull => Some(30),
            _ => None,
        };
        Self {
            code,
            detail: detail.into(),
            field: None,
            retry_after_seconds,
        }
    }

    /// Names the field at fault.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The body of RFC 9457, with `code`, `field` and `request_id` as extension members.
    #[must_use]
    pub fn to_json(&self, request_id: &str) -> serde_json::Value {
        let mut body = serde_json::json!({
            "type": format!("urn:plantao:problem:{}", self.code.slug()),
            "title": self.code.title(),
            "status": self.code.status(),
            "code": self.code.slug(),
            "detail": self.detail,
            "request_id": request_id,
        });
        if let (Some(field), Some(members)) = (&self.field, body.as_object_mut()) {
            members.insert("field".to_owned(), field.as_str().into());
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_have_distinct_slugs_and_client_or_server_statuses() {
        let slugs: BTreeSet<_> = ProblemCode::ALL.iter().map(|code| code.slug()).collect();
        assert_eq!(slugs.len(), ProblemCode::ALL.len());
        assert!(
            ProblemCode::ALL
                .iter()
                .all(|code| (400..600).contains(&code.status()))
        );
    }

    #[test]
    fn only_what_may_pass_by_waiting_says_when_to_try_again() {
        for &code in ProblemCode::ALL {
            let problem = Problem::new(code, "x");
            assert_eq!(
                problem.retry_after_seconds.is_some(),
                code.status() == 503,
                "{code:?}"
            );
        }
    }

    #[test]
    fn the_body_names_the_field() {
        let problem = Problem::new(ProblemCode::Invalid, "expected 11 digits").field("cpf");
        let body = problem.to_json("r-1");
        assert_eq!(body["field"], "cpf");
        assert_eq!(body["status"], 422);
        assert_eq!(body["request_id"], "r-1");
    }
}
