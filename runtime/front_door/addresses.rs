//! What each address may take of the door: connections at once, and new ones a second.
//!
//! A full TLS handshake costs a server a hundred times what the SYN cost its sender, so a flood is
//! shed before the handshake, by closing; whoever stays below the rate does not notice it.

use super::rate::{Bucket, Rate};
use std::collections::HashMap;
use std::net::IpAddr;
use tokio::time::Instant;

/// Addresses remembered only because they came often; beyond it the rested are forgotten.
const REMEMBERED_MAX: usize = 16_384;

/// The limits of one address.
#[derive(Clone, Copy, Debug)]
pub(super) struct AddressLimits {
    /// Connections open at once.
    pub(super) open: usize,
    /// New connections.
    pub(super) rate: Rate,
}

/// Why a connection is closed before its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shed {
    /// The address holds as many as it may.
    TooMany,
    /// The address comes faster than it may.
    TooFast,
}

impl Shed {
    /// Its name in metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::TooMany => "address_connections",
            Self::TooFast => "address_rate",
        }
    }
}

/// What is known of every address that is connected or was a moment ago.
pub(super) struct Addresses {
    limits: AddressLimits,
    known: HashMap<IpAddr, Known>,
}

struct Known {
    open: usize,
    /// Connections it may still open now.
    bucket: Bucket,
}

impl Addresses {
    pub(super) fn new(limits: AddressLimits) -> Self {
        let known = HashMap::new();
        Self { limits, known }
    }

    /// Takes a place for one more connection; give it back with [`Self::release`].
    pub(super) fn admit(&mut self, address: IpAddr) -> Result<(), Shed> {
        let (limits, now) = (self.limits, Instant::now());
        if self.known.len() >= REMEMBERED_MAX {
            self.known
                .retain(|_, known| known.open > 0 || !known.bucket.is_full(limits.rate, now));
        }
        let known = self.known.entry(address).or_insert_with(|| Known {
            open: 0,
            bucket: limits.rate.bucket(now),
        });
        if known.open >= limits.open {
            return Err(Shed::TooMany);
        }
        if !known.bucket.take(limits.rate, now) {
            return Err(Shed::TooFast);
        }
        known.open = known.open.saturating_add(1);
        Ok(())
    }

    /// Gives a place back. Connections end by returning theirs; one that panicked does not say
    /// which it had, and costs its address that place until the door restarts.
    pub(super) fn release(&mut self, address: Option<IpAddr>) {
        let known = address.and_then(|address| self.known.get_mut(&address));
        if let Some(known) = known {
            known.open = known.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LIMITS: AddressLimits = AddressLimits {
        open: 100,
        rate: Rate { per_second: 10 },
    };

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_shed_at_the_rate_and_costs_no_other_address_a_place() {
        let mut addresses = Addresses::new(LIMITS);
        let admitted = (0..50)
            .filter(|_| addresses.admit(address(1)).is_ok())
            .count();
        assert_eq!(admitted, 20);
        assert_eq!(addresses.admit(address(1)), Err(Shed::TooFast));
        assert_eq!(addresses.admit(address(2)), Ok(()));
        tokio::time::advance(Duration::from_secs(1)).await;
        let admitted = (0..50)
            .filter(|_| addresses.admit(address(1)).is_ok())
            .count();
        assert_eq!(admitted, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn places_given_back_may_be_taken_again_once_the_rate_allows() {
        let limits = AddressLimits {
            open: 2,
            rate: Rate { per_second: 100 },
        };
        let mut addresses = Addresses::new(limits);
        assert_eq!(addresses.admit(address(1)), Ok(()));
        assert_eq!(addresses.admit(address(1)), Ok(()));
        assert_eq!(addresses.admit(address(1)), Err(Shed::TooMany));
        addresses.release(Some(address(1)));
        addresses.release(None);
        assert_eq!(addresses.admit(address(1)), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_rested_are_forgotten() {
        let mut addresses = Addresses::new(LIMITS);
        for number in 0..REMEMBERED_MAX as u32 {
            let address = IpAddr::from(number.to_be_bytes());
            addresses.admit(address).unwrap();
            addresses.release(Some(address));
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        addresses.admit(address(1)).unwrap();
        assert_eq!(addresses.known.len(), 1);
    }
}
