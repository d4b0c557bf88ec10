//! A million steps of the rules in virtual time, from seeds, with every step checked.

use std::time::Duration;

use super::simulation::{Plan, World};
use super::*;

/// Steps of all runs together.
const STEPS: u64 = 1_000_000;
/// Steps of one world before it is left alone.
const STEPS_EACH: u64 = 1_000;

pub(super) fn policy(rng: &mut fastrand::Rng) -> Policy {
    let millis = |rng: &mut fastrand::Rng, most: u64| Duration::from_millis(rng.u64(1..most));
    let shutdown = match rng.u8(..4) {
        0 => Shutdown::BrutalKill,
        1 => Shutdown::Infinity,
        _ => Shutdown::Timeout(millis(rng, 2_000)),
    };
    let mut policy = Policy::new(shutdown);
    policy.restart = match rng.u8(..6) {
        0 => Restart::Temporary,
        1 | 2 => Restart::Transient,
        _ => Restart::Permanent,
    };
    policy.significant = policy.restart != Restart::Permanent && rng.u8(..4) == 0;
    policy.start_timeout = rng.bool().then(|| millis(rng, 3_000));
    policy.liveness = (rng.u8(..4) == 0).then(|| millis(rng, 3_000));
    if rng.u8(..4) == 0 {
        let backoff = Backoff::exponential(millis(rng, 200), Duration::from_secs(2));
        policy.backoff = Some(backoff.reset_after(Duration::from_secs(5)));
    }
    policy
}

fn plan(rng: &mut fastrand::Rng, depth: u8) -> Plan {
    let often = rng.bool();
    let intensity = |rng: &mut fastrand::Rng| {
        let restarts = if often { 1_000_000 } else { rng.u32(..6) };
        Intensity::new(restarts, Duration::from_millis(rng.u64(1..4_000)))
    };
    let strategies = [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ];
    let dynamic = (rng.u8(..4) == 0).then(|| rng.usize(1..12));
    let automatic = [
        AutoShutdown::Never,
        AutoShutdown::AnySignificant,
        AutoShutdown::AllSignificant,
    ];
    let flags = Flags {
        strategy: strategies[rng.usize(..3)],
        intensity: intensity(rng),
        auto_shutdown: automatic[rng.usize(..3)],
        dynamic,
    };
    let budget = (rng.u8(..4) == 0).then(|| intensity(rng));
    let children = if dynamic.is_some() { 0 } else { rng.usize(..5) };
    let children = (0..children).map(|_| {
        let mut policy = policy(rng);
        let below = depth > 0 && rng.u8(..3) == 0;
        if below {
            policy.supervisor = true;
            policy.liveness = None;
        }
        let below = below.then(|| plan(rng, depth - 1));
        (policy, below)
    });
    Plan {
        flags,
        budget,
        children: children.collect(),
    }
}

/// Runs one world to its end; what it did, and what happened in it.
fn run(seed: u64) -> World {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = World::new(rng.u64(..), &plan(&mut rng, 2));
    while world.steps < STEPS_EACH && world.root_exit.is_none() {
        let before = world.steps;
        world.step();
        // A world in which nothing can happen any more is at rest.
        world.steps += u64::from(world.steps == before);
    }
    world.calm_down();
    if world.root_exit.is_none() {
        let state = world.state();
        assert!(
            world.is_whole(),
            "a permanent child is down (seed {seed}): {state}"
        );
        world.stop();
        world.calm_down();
    }
    assert!(
        world.root_exit.is_some(),
        "the root does not leave (seed {seed})"
    );
    world
}

#[test]
fn a_million_steps_break_no_rule() {
    let (mut steps, mut gave_up, mut quarantined, mut seed) = (0, 0, 0, 0);
    let (mut revived, mut lingered) = (0, 0);
    while steps < STEPS {
        seed += 1;
        let world = run(seed);
        assert!(world.is_empty(), "an orphan (seed {seed})");
        let waiting = world.unanswered();
        assert!(
            waiting.is_empty(),
            "waits for ever (seed {seed}): {waiting:?}"
        );
        steps += world.steps;
        gave_up += world.gave_up;
        quarantined += world.quarantined;
        revived += world.revived;
        lingered += world.lingered;
    }
    // Rare states were reached, and often.
    assert!(
        gave_up > 100 && quarantined > 100 && revived > 100 && lingered > 100,
        "{gave_up}, {quarantined}, {revived}, {lingered}"
    );
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 1..50 {
        assert_eq!(run(seed).hash(), run(seed).hash());
    }
    assert_ne!(run(1).hash(), run(2).hash());
}
