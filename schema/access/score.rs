//! The trust score: 0-100 from five factors, each a pure function with its bound.
//!
//! Weights follow the order of the signals in NIST SP 800-207, section 3.3 (subject, asset,
//! resource request, threat intelligence); the numbers are this product's choice. Unknown scores
//! low, never open. A worse signal never raises the score.

use super::{ConsentStatus, DevicePosture, Network};
use serde::{Deserialize, Serialize};

/// What is known about a request beside the credential itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signals {
    /// The device.
    pub device: DevicePosture,
    /// Where the request comes from.
    pub network: Network,
    /// Whether more than one factor authenticated the principal.
    pub multi_factor: bool,
    /// Seconds since the principal authenticated.
    pub credential_age_seconds: u32,
    /// This principal's requests in the last minute, this one included.
    pub requests_last_minute: u32,
    /// This principal's refusals in the last ten minutes.
    pub refusals_last_ten_minutes: u32,
    /// Whether the hour is one in which this institution usually works.
    pub duty_hours: bool,
    /// What the patient in focus has said about this purpose; never part of the score.
    pub consent: ConsentStatus,
    /// Whether the principal's session was ended early; never part of the score.
    pub session_revoked: bool,
}

/// One factor's share of the score, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// Which factor.
    pub name: String,
    /// Points reached.
    pub points: u8,
    /// Points possible.
    pub max: u8,
    /// Why, without PHI.
    pub why: String,
}

/// The score with its explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// 0-100.
    pub score: u8,
    /// The five factors; their points add up to the score.
    pub factors: Vec<Factor>,
}

impl Trust {
    /// One line: `device 25/25 managed; behaviour 20/20 as usual; …`.
    #[must_use]
    pub fn explain(&self) -> String {
        let parts: Vec<String> = self
            .factors
            .iter()
            .map(|f| format!("{} {}/{} {}", f.name, f.points, f.max, f.why))
            .collect();
        parts.join("; ")
    }
}

/// Requests a minute up to which a principal's pace is ordinary: a ward round by hand.
const ORDINARY_PACE: u32 = 600;
/// Age up to which an authentication is fresh: one shift.
const FRESH_SECONDS: u32 = 12 * 3600;

/// Scores the signals.
#[must_use]
pub fn trust(signals: &Signals) -> Trust {
    let factors = vec![
        device(signals.device),
        behaviour(
            signals.requests_last_minute,
            signals.refusals_last_ten_minutes,
        ),
        location(signals.network),
        credentials(signals.multi_factor, signals.credential_age_seconds),
        time_of_day(signals.duty_hours),
    ];
    let score = factors
        .iter()
        .fold(0_u8, |sum, f| sum.saturating_add(f.points));
    Trust {
        score: score.min(100),
        factors,
    }
}

fn factor(name: &str, points: u8, max: u8, why: &str) -> Factor {
    Factor {
        name: name.to_owned(),
        points: points.min(max),
        max,
        why: why.to_owned(),
    }
}

fn device(posture: DevicePosture) -> Factor {
    let (points, why) = match posture {
        DevicePosture::Managed => (25, "managed"),
        DevicePosture::Unknown => (5, "nothing known of it"),
        DevicePosture::Compromised => (0, "reported compromised"),
    };
    factor("device", points, 25, why)
}

fn behaviour(requests: u32, refusals: u32) -> Factor {
    let haste: u8 = match requests {
        0..=ORDINARY_PACE => 0,
        601..=6_000 => 5,
        _ => 10,
    };
    let refused: u8 = match refusals {
        0..=2 => 0,
        3..=9 => 6,
        _ => 12,
    };
    let why = match (haste, refused) {
        (0, 0) => "as usual",
        (_, 0) => "unusually many requests",
        (0, _) => "refused several times lately",
        _ => "unusually many requests and refusals",
    };
    factor(
        "behaviour",
        20_u8.saturating_sub(haste).saturating_sub(refused),
        20,
        why,
    )
}

fn location(network: Network) -> Factor {
    let (points, why) = match network {
        Network::Trusted => (20, "the institution's network"),
        Network::Foreign => (5, "a network outside the institution"),
        Network::Threat => (0, "an address of the threat list"),
    };
    factor("location", points, 20, why)
}

fn credentials(multi_factor: bool, age_seconds: u32) -> Factor {
    let (points, why) = match (multi_factor, age_seconds <= FRESH_SECONDS) {
        (true, true) => (25, "several factors, fresh"),
        (true, false) => (18, "several factors, older than a shift"),
        (false, true) => (15, "one factor, fresh"),
        (false, false) => (5, "one factor, older than a shift"),
    };
    factor("credentials", points, 25, why)
}

fn time_of_day(duty_hours: bool) -> Factor {
    if duty_hours {
        factor("time", 10, 10, "duty hours")
    } else {
        factor("time", 5, 10, "outside duty hours")
    }
}
