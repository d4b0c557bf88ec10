//! The table of everything that is allowed, as CSV or Markdown.

use std::io::Write;

use plantao_schema::access::{EMERGENCY, MATRIX_COLUMNS, MatrixRow, Purpose, Rules, matrix};

use crate::cli::error::CliError;

pub(super) fn print(rules: &Rules, markdown: bool, out: &mut impl Write) -> Result<(), CliError> {
    let rows = matrix(rules);
    if markdown {
        writeln!(
            out,
            "| role | resource | action | purpose | step-up from | allow from |"
        )?;
        writeln!(out, "|---|---|---|---|--:|--:|")?;
        for row in &rows {
            writeln!(out, "{}", markdown_row(row))?;
        }
    } else {
        writeln!(out, "{MATRIX_COLUMNS}")?;
        for row in &rows {
            writeln!(out, "{}", row.csv())?;
        }
    }
    Ok(())
}

fn markdown_row(row: &MatrixRow) -> String {
    let purpose = row.purpose.map_or(EMERGENCY, Purpose::as_str);
    format!(
        "| {} | {} | {} | {purpose} | {} | {} |",
        row.role, row.kind, row.action, row.step_up_from, row.allow_from
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags};
    use plantao_schema::access::{
        AccessRequest, Action, ConsentStatus, DevicePosture, Network, Principal, ResourceKind,
        Role, Signals, VerdictKind, decide, trust,
    };
    use plantao_schema::id::{PatientId, PrincipalId, RequestId, Tenant};
    use plantao_schema::time::Timestamp;
    use std::collections::{BTreeMap, BTreeSet};

    /// What the shipped roles may do, as it was read and agreed to. Whoever changes a role changes
    /// it here too, on purpose: `plantao policy matrix` prints the new one.
    const AGREED: &str = include_str!("../../../config/access-matrix.csv");
    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn shipped() -> Rules {
        let config = Config::load_from(&Flags::default(), std::iter::empty()).unwrap();
        config.policy.rules
    }

    #[test]
    fn the_shipped_rules_allow_what_the_agreed_table_says_and_print_it_as_it_is() {
        let mut printed = Vec::new();
        print(&shipped(), false, &mut printed).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        for (ours, agreed) in printed.lines().zip(AGREED.lines()) {
            assert_eq!(ours, agreed);
        }
        assert_eq!(printed, AGREED);
    }

    /// One set of signals for every score that can be reached.
    fn every_score() -> BTreeMap<u8, Signals> {
        let mut found = BTreeMap::new();
        let paces = [
            (1, 0),
            (601, 0),
            (6_001, 0),
            (1, 3),
            (601, 3),
            (6_001, 3),
            (1, 10),
            (601, 10),
        ];
        for &device in DevicePosture::ALL {
            for &network in Network::ALL {
                for (multi_factor, age) in
                    [(true, 0), (true, u32::MAX), (false, 0), (false, u32::MAX)]
                {
                    for (requests, refusals) in paces {
                        for duty_hours in [true, false] {
                            let signals = Signals {
                                device,
                                network,
                                multi_factor,
                                credential_age_seconds: age,
                                requests_last_minute: requests,
                                refusals_last_ten_minutes: refusals,
                                duty_hours,
                                consent: ConsentStatus::NotAsked,
                                session_revoked: false,
                            };
                            found.insert(trust(&signals).score, signals);
                        }
                    }
                }
            }
        }
        found
    }

    fn request(role: &Role, kind: ResourceKind, action: Action, purpose: Purpose) -> AccessRequest {
        AccessRequest {
            request_id: RequestId::parse("r-1").unwrap(),
            principal: Principal {
                id: PrincipalId::parse("p-1").unwrap(),
                tenant: Tenant::parse("demo").unwrap(),
                role: role.clone(),
                device: DevicePosture::Managed,
                multi_factor: true,
                authenticated_at: NOW,
                expires_at: NOW.plus_seconds(60),
                session: None,
            },
            action,
            kind,
            resource: None,
            patient: Some(PatientId::parse("maria").unwrap()),
            purpose,
            break_glass: None,
            at: NOW,
        }
    }

    /// What the table says of an access at a score.
    fn agreed(table: &BTreeMap<[&str; 4], (u8, u8)>, key: [&str; 4], score: u8) -> VerdictKind {
        match table.get(&key) {
            Some((_, allow)) if score >= *allow => VerdictKind::Allow,
            Some((step_up, _)) if score >= *step_up => VerdictKind::StepUp,
            _ => VerdictKind::Deny,
        }
    }

    #[test]
    fn every_role_kind_action_purpose_and_score_is_decided_as_the_agreed_table_says() {
        let table: BTreeMap<[&str; 4], (u8, u8)> = AGREED
            .lines()
            .skip(1)
            .map(|line| {
                let fields: Vec<&str> = line.split(',').collect();
                let key = [fields[0], fields[1], fields[2], fields[3]];
                (
                    key,
                    (fields[4].parse().unwrap(), fields[5].parse().unwrap()),
                )
            })
            .collect();
        let (rules, scores) = (shipped(), every_score());
        assert!(scores.len() > 20, "{scores:?}");
        let mut used = BTreeSet::new();
        for role in rules.roles.keys() {
            for &kind in ResourceKind::ALL {
                for &action in Action::ALL {
                    for &purpose in Purpose::ALL {
                        let mut asked = request(role, kind, action, purpose);
                        let key = [
                            role.as_str(),
                            kind.as_str(),
                            action.as_str(),
                            purpose.as_str(),
                        ];
                        for (score, signals) in &scores {
                            let verdict = decide(&rules, &asked, signals).verdict;
                            assert_eq!(verdict, agreed(&table, key, *score), "{key:?} at {score}");
                        }
                        used.extend(table.contains_key(&key).then_some(key));
                        asked.break_glass = Some("cardiac arrest in ward 3".into());
                        let key = [key[0], key[1], key[2], EMERGENCY];
                        let opened = table.contains_key(&key);
                        used.extend(opened.then_some(key));
                        for signals in scores.values() {
                            let verdict = decide(&rules, &asked, signals).verdict;
                            assert_eq!(verdict == VerdictKind::BreakGlass, opened, "{key:?}");
                            assert!(opened || verdict == VerdictKind::Deny, "{key:?}");
                        }
                    }
                }
            }
        }
        assert_eq!(
            used.len(),
            table.len(),
            "the table has rows that nobody can ask for"
        );
    }
}
