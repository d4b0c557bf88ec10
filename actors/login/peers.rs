//! Refusals per address: against one machine that tries many accounts.

use super::LogInError;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use tokio::time::{Duration, Instant};

/// Refusals that an address may collect in [`WINDOW`]: a hospital behind one address makes some.
const REFUSALS_MAX: u32 = 20;

/// How long refusals are remembered.
const WINDOW: Duration = Duration::from_secs(300);

/// Addresses remembered. Beyond it newcomers wait, so that a flood of addresses buys nobody tries.
const PEERS_MAX: usize = 10_000;

/// The addresses and what they did.
#[derive(Default)]
pub(super) struct Peers(HashMap<IpAddr, Record>);

struct Record {
    refusals: u32,
    ends: Instant,
}

/// One subscriber's: IPv6 gives out whole networks.
fn subscriber(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 => v4,
    }
}

impl Peers {
    /// Counts an attempt as refused until [`Peers::forgive`] says otherwise: attempts made at once
    /// must not all pass the same count.
    pub(super) fn admit(&mut self, peer: IpAddr, now: Instant) -> Result<(), LogInError> {
        let peer = subscriber(peer);
        if self.0.len() >= PEERS_MAX && !self.0.contains_key(&peer) {
            self.0.retain(|_, record| now < record.ends);
            if self.0.len() >= PEERS_MAX {
                return Err(LogInError::Throttled { after: WINDOW });
            }
        }
        let fresh = || Record {
            refusals: 0,
            ends: now + WINDOW,
        };
        let record = self.0.entry(peer).or_insert_with(fresh);
        if now >= record.ends {
            *record = fresh();
        }
        if record.refusals >= REFUSALS_MAX {
            let after = record.ends.saturating_duration_since(now);
            return Err(LogInError::Throttled { after });
        }
        record.refusals += 1;
        Ok(())
    }

    /// Takes one attempt out of the count: it was not refused.
    pub(super) fn forgive(&mut self, peer: IpAddr) {
        if let Some(record) = self.0.get_mut(&subscriber(peer)) {
            record.refusals = record.refusals.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_after_twenty_refusals_and_others_do_not() {
        let mut peers = Peers::default();
        let (here, now) = (address("203.0.113.9"), Instant::now());
        for _ in 0..REFUSALS_MAX {
            assert_eq!(peers.admit(here, now), Ok(()));
        }
        let after = WINDOW;
        assert_eq!(peers.admit(here, now), Err(LogInError::Throttled { after }));
        assert_eq!(peers.admit(address("203.0.113.10"), now), Ok(()));
        assert_eq!(peers.admit(here, now + WINDOW), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_logs_in_is_not_counted() {
        let mut peers = Peers::default();
        let (here, now) = (address("203.0.113.9"), Instant::now());
        for _ in 0..REFUSALS_MAX * 3 {
            assert_eq!(peers.admit(here, now), Ok(()));
            peers.forgive(here);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_network_of_version_six_and_a_mapped_address_are_one_subscriber() {
        let mut peers = Peers::default();
        let now = Instant::now();
        for last in 0..REFUSALS_MAX {
            let peer = address(&format!("2001:db8:1:2::{last:x}"));
            assert_eq!(peers.admit(peer, now), Ok(()));
            let mapped = address("::ffff:198.51.100.7");
            assert_eq!(peers.admit(mapped, now), Ok(()));
        }
        assert!(peers.admit(address("2001:db8:1:2:ffff::1"), now).is_err());
        assert!(peers.admit(address("198.51.100.7"), now).is_err());
        assert_eq!(peers.admit(address("2001:db8:1:3::1"), now), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_addresses_is_bounded_and_makes_newcomers_wait() {
        let mut peers = Peers::default();
        let now = Instant::now();
        for number in 0..PEERS_MAX {
            let peer = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            assert_eq!(peers.admit(peer, now), Ok(()));
        }
        let newcomer = address("203.0.113.9");
        assert!(peers.admit(newcomer, now).is_err());
        assert_eq!(peers.0.len(), PEERS_MAX);
        assert_eq!(peers.admit(newcomer, now + WINDOW), Ok(()));
        assert_eq!(peers.0.len(), 1);
    }
}
