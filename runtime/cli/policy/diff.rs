//! The decisions of a trail, weighed by other rules.
//!
//! Owns what a decision of the past keeps and what it does not: the score that was reached stays,
//! and so do an ended session, an expired credential and a withdrawn consent; thresholds, grants
//! and who may break the glass are those of the candidate. Refuses entries that are no decisions
//! about access (a node's own doings, completions), and counts what it left out.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use figment::Figment;
use figment::providers::{Format, Toml};
use plantao_actors::audit::keeping::entries_of;
use plantao_schema::access::{
    Action, Asked, ConsentStatus, Purpose, Reason, ResourceKind, Role, Rules, VerdictKind,
    emergency_covers, weigh,
};
use plantao_schema::audit::{Entry, Phase};

use crate::cli::error::CliError;

/// Where the rules are in a configuration file.
const RULES: &str = "policy.rules";

pub(super) fn diff(
    candidate: &Path,
    export: &Path,
    show: usize,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let candidate = read(candidate)?;
    let input = |reason: String| CliError::Input {
        path: export.to_owned(),
        reason,
    };
    let mut tally = Tally::default();
    for item in entries_of(export).map_err(|error| input(error.to_string()))? {
        let entry = item.map_err(|error| input(error.to_string()))?.entry;
        tally.take(&candidate, &entry, show, out)?;
    }
    tally.print(out)
}

fn read(path: &Path) -> Result<Rules, CliError> {
    let input = |reason: String| CliError::Input {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| input(error.kind().to_string()))?;
    let rules: Rules = Figment::from(Toml::string(&text))
        .extract_inner(RULES)
        .map_err(|error| input(error.to_string()))?;
    rules.validate().map_err(|error| input(error.to_string()))?;
    Ok(rules)
}

/// What became of the decisions of a trail.
#[derive(Default)]
struct Tally {
    decisions: u64,
    others: u64,
    kept: u64,
    shown: usize,
    changed: BTreeMap<(String, &'static str), u64>,
}

impl Tally {
    fn take(
        &mut self,
        candidate: &Rules,
        entry: &Entry,
        show: usize,
        out: &mut impl Write,
    ) -> Result<(), CliError> {
        let Some(answer) = weighed(candidate, entry) else {
            self.others += 1;
            return Ok(());
        };
        self.decisions += 1;
        let Some((verdict, reason)) = answer else {
            self.kept += 1;
            return Ok(());
        };
        if verdict.as_str() == entry.verdict {
            return Ok(());
        }
        let change = (entry.verdict.clone(), verdict.as_str());
        *self.changed.entry(change).or_default() += 1;
        if self.shown < show {
            self.shown += 1;
            let (at, who, role) = (entry.at, &entry.principal, &entry.role);
            let (action, kind, purpose) = (&entry.action, &entry.resource_kind, &entry.purpose);
            writeln!(
                out,
                "{at} {who}/{role} {action} {kind} for {purpose} at {}: {} -> {} ({})",
                entry.score,
                entry.verdict,
                verdict.as_str(),
                reason.as_str()
            )?;
        }
        Ok(())
    }

    fn print(&self, out: &mut impl Write) -> Result<(), CliError> {
        let changed: u64 = self.changed.values().sum();
        let unshown = changed.saturating_sub(u64::try_from(self.shown).unwrap_or(u64::MAX));
        if unshown > 0 {
            writeln!(out, "… and {unshown} more (--show)")?;
        }
        for ((was, would), times) in &self.changed {
            writeln!(out, "{times:>8}  {was} -> {would}")?;
        }
        writeln!(
            out,
            "{} decisions weighed, {changed} would change; {} stay by session, credential or \
             consent; {} entries are no decisions",
            self.decisions, self.kept, self.others
        )?;
        out.flush()?;
        if changed == 0 {
            return Ok(());
        }
        Err(CliError::Refused {
            text: format!("{changed} decisions would change"),
        })
    }
}

/// What the rules make of an entry's access: nothing when it is no decision about one, and nothing
/// within when rules do not decide it.
fn weighed(rules: &Rules, entry: &Entry) -> Option<Option<(VerdictKind, Reason)>> {
    if entry.phase == Phase::Completed {
        return None;
    }
    let role = Role::parse(&entry.role).ok()?;
    let action = Action::parse(&entry.action).ok()?;
    let kind = ResourceKind::parse(&entry.resource_kind).ok()?;
    let purpose = Purpose::parse(&entry.purpose).ok()?;
    let because = entry.explanation.split(':').next().unwrap_or_default();
    let because = |reason: Reason| because == reason.as_str();
    let unruled = [
        Reason::SessionRevoked,
        Reason::CredentialExpired,
        Reason::PolicyUnavailable,
    ];
    if unruled.into_iter().any(because) || because(Reason::EmergencyNotPossible) {
        return Some(None);
    }
    if because(Reason::Emergency) {
        let covers = emergency_covers(rules, &role, action, kind);
        return Some(Some(if covers {
            (VerdictKind::BreakGlass, Reason::Emergency)
        } else {
            (VerdictKind::Deny, Reason::EmergencyNotPossible)
        }));
    }
    let known = [
        Reason::Trusted,
        Reason::ScoreNeedsStepUp,
        Reason::ScoreTooLow,
        Reason::RoleLacksGrant,
        Reason::PurposeNotGranted,
        Reason::ConsentRevoked,
    ];
    if !known.into_iter().any(because) {
        return None;
    }
    let consent = if because(Reason::ConsentRevoked) {
        ConsentStatus::Revoked
    } else {
        ConsentStatus::NotAsked
    };
    let asked = Asked {
        role: &role,
        action,
        kind,
        purpose,
        consent,
    };
    Some(Some(weigh(rules, &asked, entry.score)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags};
    use plantao_schema::audit::{Outcome, Severity};
    use plantao_schema::id::Tenant;
    use plantao_schema::time::Timestamp;

    fn entry(role: &str, kind: &str, score: u8, verdict: &str, explanation: &str) -> Entry {
        Entry {
            id: uuid::Uuid::nil(),
            at: Timestamp::from_micros(0),
            phase: Phase::Single,
            opens: None,
            severity: Severity::Info,
            tenant: Tenant::parse("demo").unwrap(),
            principal: "p-1".into(),
            role: role.into(),
            action: "read".into(),
            resource_kind: kind.into(),
            resource_id: None,
            patient: None,
            purpose: "treatment".into(),
            verdict: verdict.into(),
            score,
            explanation: explanation.into(),
            request_id: "r-1".into(),
            outcome: Outcome::Success,
            plugin: None,
            commitment: None,
        }
    }

    fn rules() -> Rules {
        let config = Config::load_from(&Flags::default(), std::iter::empty()).unwrap();
        config.policy.rules
    }

    #[test]
    fn the_same_rules_change_nothing_and_stricter_ones_exactly_what_they_say() {
        let trail = [
            entry(
                "physician",
                "patient",
                80,
                "allow",
                "trusted: score 80 of 75 needed ()",
            ),
            entry(
                "physician",
                "patient",
                60,
                "step_up",
                "score_needs_step_up: score 60",
            ),
            entry(
                "visitor",
                "patient",
                90,
                "deny",
                "role_lacks_grant: score 90",
            ),
            entry("nurse", "patient", 5, "break_glass", "emergency: score 5"),
            entry(
                "physician",
                "patient",
                90,
                "deny",
                "consent_revoked: score 90",
            ),
            entry(
                "physician",
                "patient",
                90,
                "deny",
                "session_revoked: score 90",
            ),
            entry(
                "operator",
                "nothing",
                0,
                "allow",
                "kill plantao/trust/policy",
            ),
        ];
        let weigh = |rules: &Rules| {
            let (mut tally, mut out) = (Tally::default(), Vec::new());
            for entry in &trail {
                tally.take(rules, entry, 9, &mut out).unwrap();
            }
            (tally, String::from_utf8(out).unwrap())
        };
        let (same, _) = weigh(&rules());
        assert_eq!((same.decisions, same.kept, same.others), (6, 1, 1));
        assert!(same.changed.is_empty(), "{:?}", same.changed);
        let mut stricter = rules();
        stricter
            .thresholds
            .get_mut(&ResourceKind::Patient)
            .unwrap()
            .allow = 85;
        let nurse = Role::parse("nurse").unwrap();
        stricter.roles.get_mut(&nurse).unwrap().break_glass = false;
        let (changed, said) = weigh(&stricter);
        let expected = [
            (("allow".to_owned(), "step_up"), 1),
            (("break_glass".to_owned(), "deny"), 1),
        ];
        assert_eq!(changed.changed, BTreeMap::from(expected));
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}
