//! Which actors: a path of the supervision tree in which a segment may be left open.
//!
//! `plantao/records/sessions/*` names every session, `plantao/**` every actor below the root, and
//! `supervisor:plantao/**` those of them alone that supervise others. A
//! selector that could name nothing for want of care is refused when it is read, not when it finds
//! nothing.

use std::fmt;
use std::str::FromStr;

/// Deepest path: the tree has six levels.
const SEGMENTS_MAX: usize = 16;

/// A pattern over paths of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    kind: Option<ActorKind>,
    segments: Vec<Segment>,
}

/// What an actor is in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// It supervises none.
    Worker,
    /// It supervises others, fixed or dynamic.
    Supervisor,
}

impl ActorKind {
    const ALL: [Self; 2] = [Self::Worker, Self::Supervisor];

    const fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Supervisor => "supervisor",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// This one.
    Named(String),
    /// Any one.
    One,
    /// One or more, to the end.
    Rest,
}

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// No text, or two slashes together, or one at an end.
    #[error("selector `{text}`: segment {at} is empty")]
    Empty {
        /// The selector.
        text: String,
        /// Which segment, from 1.
        at: usize,
    },
    /// A kind of actor that there is not.
    #[error("selector `{text}`: `{kind}` is no kind of actor; there are `worker` and `supervisor`")]
    Kind {
        /// The selector.
        text: String,
        /// The kind.
        kind: String,
    },
    /// `**` before the end.
    #[error("selector `{text}`: `**` is the last segment or none")]
    RestInside {
        /// The selector.
        text: String,
    },
    /// A star within a name.
    #[error("selector `{text}`: `{segment}` mixes a name and `*`")]
    PartialName {
        /// The selector.
        text: String,
        /// The segment.
        segment: String,
    },
    /// More segments than any tree has levels.
    #[error("selector `{text}`: at most 16 segments")]
    TooDeep {
        /// The selector.
        text: String,
    },
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let (kind, path) = match text.split_once(':') {
            Some((name, path)) => {
                let kind = ActorKind::ALL.into_iter().find(|one| one.name() == name);
                let unknown = || SelectorError::Kind {
                    text: text.to_owned(),
                    kind: name.to_owned(),
                };
                (Some(kind.ok_or_else(unknown)?), path)
            }
            None => (None, text),
        };
        let parts: Vec<&str> = path.split('/').collect();
        let text = || text.to_owned();
        if parts.len() > SEGMENTS_MAX {
            return Err(SelectorError::TooDeep { text: text() });
        }
        let last = parts.len().saturating_sub(1);
        let mut segments = Vec::with_capacity(parts.len());
        for (index, part) in parts.into_iter().enumerate() {
            segments.push(match part {
                "" => {
                    return Err(SelectorError::Empty {
                        text: text(),
                        at: index + 1,
                    });
                }
                "*" => Segment::One,
                "**" if index == last => Segment::Rest,
                "**" => return Err(SelectorError::RestInside { text: text() }),
                part if part.contains('*') => {
                    let segment = part.to_owned();
                    return Err(SelectorError::PartialName {
                        text: text(),
                        segment,
                    });
                }
                part => Segment::Named(part.to_owned()),
            });
        }
        Ok(Self { kind, segments })
    }
}

impl Selector {
    /// Whether it names actors of that kind.
    #[must_use]
    pub fn takes(&self, kind: ActorKind) -> bool {
        self.kind.is_none_or(|asked| asked == kind)
    }

    /// The same for every kind.
    #[must_use]
    pub fn of_any_kind(&self) -> Self {
        Self {
            kind: None,
            segments: self.segments.clone(),
        }
    }

    /// Whether it names the actor at `path`, if that is of a kind that it [takes](Self::takes).
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut names = path.split('/');
        for segment in &self.segments {
            let Some(name) = names.next() else {
                return false;
            };
            match segment {
                Segment::Rest => return true,
                Segment::Named(named) if named != name => return false,
                Segment::Named(_) | Segment::One => {}
            }
        }
        names.next().is_none()
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.kind {
            write!(f, "{}:", kind.name())?;
        }
        for (index, segment) in self.segments.iter().enumerate() {
            let slash = if index == 0 { "" } else { "/" };
            let name = match segment {
                Segment::Named(name) => name.as_str(),
                Segment::One => "*",
                Segment::Rest => "**",
            };
            write!(f, "{slash}{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(selector: &str, path: &str) -> bool {
        selector.parse::<Selector>().unwrap().matches(path)
    }

    #[test]
    fn a_kind_stands_before_the_path_and_there_are_two() {
        let selector: Selector = "supervisor:plantao/**".parse().unwrap();
        assert!(selector.matches("plantao/trust"));
        assert!(selector.takes(ActorKind::Supervisor) && !selector.takes(ActorKind::Worker));
        assert_eq!(selector.to_string(), "supervisor:plantao/**");
        assert_eq!(selector.of_any_kind().to_string(), "plantao/**");
        let any: Selector = "plantao/**".parse().unwrap();
        assert!(any.takes(ActorKind::Supervisor) && any.takes(ActorKind::Worker));
        let refused = "nurse:plantao/**".parse::<Selector>().unwrap_err();
        assert!(matches!(refused, SelectorError::Kind { kind, .. } if kind == "nurse"));
    }

    #[test]
    fn an_open_segment_is_one_segment_and_two_stars_are_the_rest() {
        assert!(matches("plantao/trust/policy", "plantao/trust/policy"));
        assert!(matches("plantao/*/policy", "plantao/trust/policy"));
        assert!(!matches("plantao/*", "plantao/trust/policy"));
        assert!(matches("plantao/**", "plantao/trust/policy"));
        assert!(
            !matches("plantao/**", "plantao"),
            "the root itself is not below the root"
        );
        assert!(!matches("plantao/trust", "plantao/trusty"));
    }

    #[test]
    fn a_careless_selector_is_refused_by_its_segment() {
        let refused = |text: &str| text.parse::<Selector>().unwrap_err().to_string();
        assert!(refused("").contains("segment 1 is empty"));
        assert!(refused("plantao//policy").contains("segment 2 is empty"));
        assert!(refused("**/policy").contains("last segment"));
        assert!(refused("plantao/pol*").contains("`pol*`"));
        assert!(refused(&"a/".repeat(20)).contains("at most 16"));
    }

    proptest! {
        #[test]
        fn a_path_names_itself_and_survives_printing(path in "[a-z]{1,4}(/[a-z0-9-]{1,6}){0,5}") {
            let selector: Selector = path.parse().unwrap();
            prop_assert!(selector.matches(&path));
            prop_assert_eq!(selector.to_string(), path);
        }
    }
}
