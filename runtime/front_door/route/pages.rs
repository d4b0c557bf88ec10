//! The addresses of the pages: what a person opens, and how they get in.

use super::parameters::{Query, malformed, method_not_allowed, only, patient_id};
use http::Method;
use plantao_actors::live::Subject;
use plantao_schema::access::{Action, Purpose, ResourceKind};
use plantao_schema::id::{PatientId, WardId};
use plantao_schema::problem::Problem;

/// Longest one-time code looked at: 32 bytes as base64url take 43 characters.
const CODE_MAX_CHARS: usize = 64;

/// A page, or the live part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::front_door) enum PageRoute {
    /// Where a person starts.
    Home,
    /// The wards there are.
    Wards,
    /// One page.
    Show(Subject),
    /// Its WebSocket.
    Live(LiveRoute),
}

/// A WebSocket asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::front_door) struct LiveRoute {
    /// Of which page.
    pub(in crate::front_door) subject: Subject,
    /// Where the viewer left off: epoch and sequence number.
    pub(in crate::front_door) resume: Option<(String, u64)>,
    /// The version of the templates it has.
    pub(in crate::front_door) version: String,
}

/// Getting in and out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::front_door) enum LogInRoute {
    /// The form. Public, carries no data.
    Form,
    /// The form, filled in.
    Enter,
    /// The page behind a one-time link. Public, uses nothing up.
    Link(String),
    /// The one-time link, used.
    Redeem(String),
    /// The end of a session.
    Leave,
    /// A one-time link for whoever asks.
    Offer,
}

/// What stands in a hash-named address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::front_door) struct AssetRoute {
    /// Hash and name, as in the address.
    pub(in crate::front_door) path: String,
}

impl PageRoute {
    /// Reads a page's address; `None` when it is none.
    pub(super) fn parse(
        method: &Method,
        segments: &[&str],
        query: &Query<'_>,
    ) -> Option<Result<Self, Problem>> {
        let page = match segments {
            [""] => Ok(Self::Home),
            ["wards"] => Ok(Self::Wards),
            ["wards", ward] => ward_id(ward).map(|ward| Self::Show(Subject::Ward(ward))),
            ["patients", patient] => {
                patient_id(patient).map(|patient| Self::Show(Subject::Patient(patient)))
            }
            ["supervision"] => Ok(Self::Show(Subject::Supervision)),
            ["live"] => live(query).map(Self::Live),
            _ => return None,
        };
        Some(page.and_then(|page| only(method, &[Method::GET], page)))
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Wards => "wards",
            Self::Show(Subject::Ward(_)) => "ward_page",
            Self::Show(Subject::Patient(_)) => "patient_page",
            Self::Show(Subject::Supervision) => "supervision_page",
            Self::Live(_) => "live",
        }
    }

    /// What the policy is asked. A page and its WebSocket are the same access.
    pub(super) const fn access(&self) -> (Action, ResourceKind, Purpose) {
        let kind = match self {
            Self::Home => ResourceKind::Session,
            Self::Wards => ResourceKind::Ward,
            Self::Show(subject) => kind(subject),
            Self::Live(live) => kind(&live.subject),
        };
        match kind {
            ResourceKind::System | ResourceKind::Session => {
                (Action::Read, kind, Purpose::Operations)
            }
            _ => (Action::Read, kind, Purpose::Treatment),
        }
    }

    /// Which page it is, or is the live part of.
    pub(super) const fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Show(subject) => Some(subject),
            Self::Live(live) => Some(&live.subject),
            Self::Home | Self::Wards => None,
        }
    }

    pub(super) fn patient(&self) -> Option<PatientId> {
        match self.subject() {
            Some(Subject::Patient(patient)) => Some(patient.clone()),
            _ => None,
        }
    }
}

const fn kind(subject: &Subject) -> ResourceKind {
    match subject {
        Subject::Ward(_) => ResourceKind::Ward,
        Subject::Patient(_) => ResourceKind::Patient,
        Subject::Supervision => ResourceKind::System,
    }
}

impl LogInRoute {
    /// Reads an address of the log-in; `None` when it is none.
    pub(super) fn parse(method: &Method, segments: &[&str]) -> Option<Result<Self, Problem>> {
        Some(match segments {
            ["login"] => match *method {
                Method::GET => Ok(Self::Form),
                Method::POST => Ok(Self::Enter),
                _ => Err(method_not_allowed(&[Method::GET, Method::POST])),
            },
            ["login", code] => one_time_code(code).and_then(|code| match *method {
                Method::GET => Ok(Self::Link(code)),
                Method::POST => Ok(Self::Redeem(code)),
                _ => Err(method_not_allowed(&[Method::GET, Method::POST])),
            }),
            ["logout"] => only(method, &[Method::POST], Self::Leave),
            ["v1", "login", "links"] => only(method, &[Method::POST], Self::Offer),
            _ => return None,
        })
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Form | Self::Enter => "log_in",
            Self::Link(_) | Self::Redeem(_) => "log_in_link",
            Self::Leave => "log_out",
            Self::Offer => "log_in_offer",
        }
    }

    /// Whether nobody has to be known yet.
    pub(in crate::front_door) const fn is_public(&self) -> bool {
        match self {
            Self::Form | Self::Enter | Self::Link(_) | Self::Redeem(_) => true,
            Self::Leave | Self::Offer => false,
        }
    }
}

pub(super) fn ward_id(text: &str) -> Result<WardId, Problem> {
    WardId::parse(text).map_err(|error| malformed("ward", &error.to_string()))
}

fn one_time_code(text: &str) -> Result<String, Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=CODE_MAX_CHARS).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err(malformed(
        "code",
        "expected a one-time code, as it was given",
    ))
}

/// `?topic=ward/uti-1&v=VERSION` and, to go on, `&e=EPOCH&s=NUMBER`.
fn live(query: &Query<'_>) -> Result<LiveRoute, Problem> {
    let expected = "expected `ward/ID`, `patient/ID` or `supervision`";
    let topic = query
        .value("topic")
        .ok_or_else(|| malformed("topic", expected))?;
    let subject = match topic.split_once('/') {
        Some(("ward", ward)) => Subject::Ward(ward_id(ward)?),
        Some(("patient", patient)) => Subject::Patient(patient_id(patient)?),
        None if topic == "supervision" => Subject::Supervision,
        _ => return Err(malformed("topic", expected)),
    };
    let resume = match (query.value("e"), query.value("s")) {
        (Some(epoch), Some(number)) if !epoch.is_empty() => {
            let number = number
                .parse()
                .map_err(|_| malformed("s", "expected a sequence number"))?;
            Some((epoch, number))
        }
        _ => None,
    };
    Ok(LiveRoute {
        subject,
        resume,
        version: query.value("v").unwrap_or_default(),
    })
}
