//! What an operator sets about the policy.

use ipnet::IpNet;
use plantao_schema::access::{Network, Rules};
use plantao_schema::time::Timestamp;
use serde::Deserialize;
use std::net::IpAddr;

/// The `[policy]` section of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    /// Networks of the institution, as CIDR blocks.
    pub trusted_networks: Vec<IpNet>,
    /// Networks known to attack, as CIDR blocks; they win over trusted ones.
    pub threat_networks: Vec<IpNet>,
    /// When the institution usually works.
    pub duty_hours: DutyHours,
    /// Roles and thresholds.
    pub rules: Rules,
}

/// Hours of the day, local time; `from` after `until` spans midnight; equal means all day.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DutyHours {
    /// First hour, 0-23.
    pub from: u8,
    /// First hour after, 0-23.
    pub until: u8,
    /// Local time's offset from UTC, hours: -3 in Brasília.
    pub utc_offset_hours: i8,
}

impl DutyHours {
    /// Whether a moment lies within.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        let local = at.seconds() + i64::from(self.utc_offset_hours) * 3_600;
        let hour = local.rem_euclid(86_400) / 3_600;
        let (from, until) = (i64::from(self.from), i64::from(self.until));
        match from.cmp(&until) {
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Less => (from..until).contains(&hour),
            std::cmp::Ordering::Greater => hour >= from || hour < until,
        }
    }
}

impl PolicySettings {
    /// What is known of an address.
    #[must_use]
    pub fn network(&self, peer: IpAddr) -> Network {
        let peer = peer.to_canonical();
        let within = |blocks: &[IpNet]| blocks.iter().any(|block| block.contains(&peer));
        if within(&self.threat_networks) {
            Network::Threat
        } else if within(&self.trusted_networks) {
            Network::Trusted
        } else {
            Network::Foreign
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing;

    #[test]
    fn a_threat_wins_over_a_trusted_block_and_mapped_addresses_count_as_v4() {
        let mut settings = testing::settings();
        settings.threat_networks = vec!["127.0.0.66/32".parse().unwrap()];
        let network = |text: &str| settings.network(text.parse().unwrap());
        assert_eq!(network("127.0.0.1"), Network::Trusted);
        assert_eq!(network("::ffff:127.0.0.1"), Network::Trusted);
        assert_eq!(network("127.0.0.66"), Network::Threat);
        assert_eq!(network("203.0.113.9"), Network::Foreign);
    }

    #[test]
    fn duty_hours_may_span_midnight_in_local_time() {
        let night = DutyHours {
            from: 19,
            until: 7,
            utc_offset_hours: -3,
        };
        let at = |hour: i64| Timestamp::from_micros((hour + 3) * 3_600 * 1_000_000);
        assert!(night.contains(at(23)) && night.contains(at(6)) && night.contains(at(19)));
        assert!(!night.contains(at(7)) && !night.contains(at(18)));
    }
}
