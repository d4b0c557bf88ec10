//! How the trail is signed, shipped and kept: shown beside readiness, which does not depend on it.
//!
//! A node whose trail is signed no further, or whose checkpoints do not leave it, still serves its
//! patients; somebody has to look.

use super::health::Check;
use plantao_actors::audit::keeping::{Condition, Keeper};
use plantao_actors::audit::transparency::{Shipping, TransparencyLog, WitnessState, Witnesses};

/// What the admin doors look at of the trail.
#[derive(Clone)]
pub struct TrailHealth {
    /// What is signed no further.
    pub log: TransparencyLog,
    /// Whether checkpoints leave.
    pub shipping: Shipping,
    /// Who cosigns them.
    pub witnesses: Witnesses,
    /// What keeps the partitions; none without a PostgreSQL.
    pub keeper: Option<Keeper>,
}

impl TrailHealth {
    pub(super) fn checks(&self) -> Vec<Check> {
        let broken = self.log.broken();
        let detail = if broken.is_empty() {
            "every chain is signed".to_owned()
        } else {
            let chains: Vec<&str> = broken.iter().map(String::as_str).collect();
            format!("signed no further: {}", chains.join(", "))
        };
        let mut checks = vec![shown("audit log", broken.is_empty(), detail)];
        let failing = self.shipping.is_failing();
        let detail = if failing {
            "the last checkpoint did not get there"
        } else {
            "nothing failed"
        };
        checks.push(shown("audit checkpoints", !failing, detail.to_owned()));
        checks.extend(self.witnesses.states().into_iter().map(cosigned));
        if let Some(keeper) = &self.keeper {
            checks.push(partitions(&keeper.condition().borrow()));
        }
        checks
    }
}

fn shown(name: &str, ok: bool, detail: String) -> Check {
    Check {
        name: name.to_owned(),
        ok,
        needed: false,
        detail,
    }
}

fn cosigned(state: WitnessState) -> Check {
    let name = format!("witness {}", state.witness);
    let detail = match (&state.failing, state.size) {
        (Some(reason), _) => format!("does not cosign chain `{}`: {reason}", state.chain),
        (None, Some(size)) => format!("has cosigned {size} entries of chain `{}`", state.chain),
        (None, None) => format!("was not asked yet of chain `{}`", state.chain),
    };
    shown(&name, state.failing.is_none(), detail)
}

fn partitions(now: &Condition) -> Check {
    let name = "audit partitions";
    if let Some(trouble) = &now.trouble {
        return shown(name, false, trouble.clone());
    }
    if now.stray > 0 {
        let detail = format!("{} entries are in the alarm partition", now.stray);
        return shown(name, false, detail);
    }
    let detail = match (&now.waits_for_a_folder, now.is_known) {
        (_, false) => "not looked at yet".to_owned(),
        (Some(part), true) => format!("`{part}` is past the retention and `audit.archive` not set"),
        (None, true) => format!("{} months ahead", now.ahead),
    };
    shown(name, true, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_that_does_not_cosign_is_shown_with_its_reason() {
        let state = WitnessState {
            witness: "w".into(),
            chain: "n/demo".into(),
            size: Some(7),
            note: None,
            failing: None,
        };
        let well = cosigned(state.clone());
        assert!(
            well.ok && well.detail.contains("7 entries"),
            "{}",
            well.detail
        );
        let failing = Some("it refused".to_owned());
        let ill = cosigned(WitnessState { failing, ..state });
        assert!(!ill.ok && !ill.needed, "{}", ill.detail);
        assert!(ill.detail.contains("it refused"), "{}", ill.detail);
    }

    #[test]
    fn an_entry_without_a_month_and_a_keeper_in_trouble_are_shown() {
        let well = Condition {
            is_known: true,
            ahead: 3,
            ..Condition::default()
        };
        assert!(partitions(&well).ok);
        let stray = partitions(&Condition {
            stray: 2,
            ..well.clone()
        });
        assert!(
            !stray.ok && stray.detail.contains("2 entries"),
            "{}",
            stray.detail
        );
        let trouble = Some("no lock".to_owned());
        let troubled = partitions(&Condition { trouble, ..well });
        assert!(!troubled.ok && !troubled.needed);
        assert_eq!(troubled.detail, "no lock");
    }
}
