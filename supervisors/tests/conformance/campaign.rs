//! Many random scripts, played by both sides and compared; those that differ are made small.

use proptest::strategy::{BoxedStrategy, Strategy as _, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::beam::{Beam, PLAYS_ALONE, Rhythm};
use crate::compare::compare;
use crate::divergences::Divergence;
use crate::model::Script;
use crate::runner;
use crate::term::Term;
use crate::trace::Trace;

/// Scripts that are played at a time and then compared.
const BATCH: usize = 2000;
/// Plays spent on making one script smaller.
const SHRINK_PLAYS_MAX: u32 = 600;
/// Differences after which the rest is not looked at.
const REPORTS_MAX: usize = 3;

/// What a campaign found.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) scripts: usize,
    /// Scripts that differed only while the machine was busy.
    pub(crate) replayed: usize,
    /// How many scripts showed each divergence.
    pub(crate) divergences: BTreeMap<Divergence, usize>,
    /// How many steps got each kind of answer.
    pub(crate) answers: BTreeMap<String, usize>,
    pub(crate) reports: Vec<String>,
}

/// Plays `scripts` random scripts drawn from `seed`.
pub(crate) fn run(strategy: &BoxedStrategy<Script>, scripts: usize, seed: u64) -> Findings {
    let mut runner = TestRunner::new_with_rng(Config::default(), rng(seed));
    let (mut beam, mut findings) = (Beam::start("campaign"), Findings::default());
    while findings.scripts < scripts && findings.reports.len() < REPORTS_MAX {
        let batch = BATCH.min(scripts - findings.scripts);
        let drawn: Vec<_> = (0..batch)
            .map(|_| strategy.new_tree(&mut runner).expect("a script"))
            .collect();
        let current: Vec<Script> = drawn.iter().map(ValueTree::current).collect();
        let played = play(&mut beam, &current, Rhythm::FAST);
        for (tree, (verdict, here)) in drawn.into_iter().zip(played) {
            findings.scripts += 1;
            findings.count_answers(&here);
            match verdict {
                Ok(divergences) => findings.count(divergences),
                Err(_) => findings.again(&mut beam, tree, seed),
            }
            if findings.reports.len() >= REPORTS_MAX {
                break;
            }
        }
    }
    findings
}

type Verdict = Result<BTreeSet<Divergence>, String>;

/// Both sides play all scripts, at the same time; this side's traces come along.
fn play(beam: &mut Beam, scripts: &[Script], rhythm: Rhythm) -> Vec<(Verdict, Trace)> {
    let (otp, here) = std::thread::scope(|scope| {
        let otp = scope.spawn(|| beam.play(scripts, rhythm));
        let here: Vec<_> = scripts.iter().map(runner::play).collect();
        (otp.join(), here)
    });
    let otp = otp.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let traces = otp.iter().zip(here);
    scripts
        .iter()
        .zip(traces)
        .map(|(script, (otp, here))| (compare(script, otp, &here), here))
        .collect()
}

/// Plays one script with nothing beside it. This side does the same every time, so one play in
/// which OTP does that too is enough.
fn play_alone(beam: &mut Beam, script: &Script) -> Verdict {
    let here = runner::play(script);
    let mut verdict = Err("it was not played".to_owned());
    for play in 0..PLAYS_ALONE {
        let otp = beam.play(std::slice::from_ref(script), Rhythm::alone(play));
        verdict = compare(script, &otp[0], &here);
        if verdict.is_ok() {
            break;
        }
    }
    verdict
}

impl Findings {
    fn count(&mut self, divergences: BTreeSet<Divergence>) {
        for divergence in divergences {
            *self.divergences.entry(divergence).or_default() += 1;
        }
    }

    fn count_answers(&mut self, trace: &Trace) {
        for moment in trace {
            let kind = match moment.answer.split(' ').next().unwrap_or_default() {
                "" => "children",
                word if word.contains(':') => "children",
                word if word.starts_with(|first: char| first.is_ascii_digit()) => "counts",
                word => word,
            };
            *self.answers.entry(kind.to_owned()).or_default() += 1;
        }
    }

    /// A script that differed is played alone; if it always differs, it is made small and told of.
    fn again(&mut self, beam: &mut Beam, tree: impl ValueTree<Value = Script>, seed: u64) {
        self.replayed += 1;
        let script = tree.current();
        match play_alone(beam, &script) {
            Ok(divergences) => self.count(divergences),
            Err(why) => {
                let (script, why) = shrink(beam, tree, (script, why));
                self.reports.push(report(&script, &why, seed));
            }
        }
    }
}

/// The smallest script found that still differs, and how.
fn shrink(
    beam: &mut Beam,
    mut tree: impl ValueTree<Value = Script>,
    first: (Script, String),
) -> (Script, String) {
    let mut smallest = first.clone();
    let mut more = tree.simplify();
    for _ in 0..SHRINK_PLAYS_MAX {
        if !more {
            break;
        }
        let script = tree.current();
        // Many steps of making a draft smaller leave its script as it is.
        let differs = script == smallest.0 || {
            let one = std::slice::from_ref(&script);
            play(beam, one, Rhythm::STEADY).remove(0).0.is_err()
        };
        if differs {
            smallest.0 = script;
            more = tree.simplify();
        } else {
            more = tree.complicate();
        }
    }
    match play_alone(beam, &smallest.0) {
        Err(why) => (smallest.0, why),
        // It was made too small: the last difference was one of a busy machine.
        Ok(_) => first,
    }
}

fn report(script: &Script, why: &str, seed: u64) -> String {
    let mut text = format!("seed {seed}, tree {}\n", Term(&script.root));
    for (place, step) in script.steps.iter().enumerate() {
        let _ = writeln!(text, "  step {}: {}", place + 1, Term(step));
    }
    text + why
}

fn rng(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}
