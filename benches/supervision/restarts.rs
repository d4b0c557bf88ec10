//! Restarts a second in one supervisor: by restarts already in its window, by its children.
//!
//! Several crashes go round at once, so that the supervisor always has work. Peers take turns, and
//! a figure is the median of the rounds: the machine's other work then hits all of them. On two
//! threads or more a restart costs as much again whenever tokio moves it to another thread, which
//! comes and goes for minutes; one thread shows what the restart itself costs.

use crate::beam::Beam;
use crate::ours::Kind;
use crate::peer::Peer;
use crate::rates::{Rates, otp};
use crate::report::{Report, Target, grouped, progress};
use crate::ward::{Plan, Run, Watch};

const TOKENS: usize = 5;
const WINDOWS: [usize; 4] = [1_000, 10_000, 30_000, 100_000];
const CHILDREN: [usize; 4] = [10, 100, 1_000, 10_000];
const FEW: usize = CHILDREN[0];
const ROUNDS: usize = 5;
/// Restarts of one measurement by window: few beside what is in the window.
const IN_WINDOW: usize = 5_000;
const AMONG_CHILDREN: usize = 20_000;
const WARM: usize = 2_000;
/// OTP is given a time, since at 100,000 in the window it makes some 300 restarts a second.
const OTP_MS: usize = 250;
/// Where OTP's list of restarts weighs.
const COMPARED_WINDOW: usize = 30_000;

#[derive(Default)]
struct All {
    by_window: Rates,
    by_children: Rates,
    on_one_thread: Rates,
}

pub(crate) async fn measure(report: &mut Report, beam: &Beam) {
    let mut all = All::default();
    for round in 1..=ROUNDS {
        progress(&format!("restarts by window, round {round} of {ROUNDS}"));
        windows(&mut all.by_window, beam).await;
        progress(&format!("restarts by children, round {round} of {ROUNDS}"));
        children(&mut all.by_children, beam).await;
        for peer in Peer::ALL {
            let run = tokio::task::spawn_blocking(move || on_one_thread(peer));
            let run = run.await.expect("ends");
            all.on_one_thread.add(peer.name(), FEW, run);
        }
    }
    let mut names = Peer::ALL.map(|peer| peer.name().to_owned()).to_vec();
    names.extend([Kind::Fixed, Kind::Dynamic].map(|kind| otp(kind.in_otp())));
    let title = "restarts a second in one supervisor and processor time of each";
    report.title(&format!("{title}, by restarts in its window"));
    all.by_window.show(report, &names, &WINDOWS);
    report.title(&format!("{title}, by its children"));
    all.by_children.show(report, &names, &CHILDREN);
    report.title(&format!("{title}, on one thread, by its children"));
    all.on_one_thread.show(report, &names, &[FEW]);
    report.title("the same against its targets");
    for kind in [Kind::Fixed, Kind::Dynamic] {
        verdicts(report, kind, &all);
    }
    let uneven = all.by_children.unevenness(Peer::BARE.name(), &CHILDREN);
    let text = format!("uneven by children {uneven:>.2} %");
    report.line(Peer::BARE.name(), &text);
}

fn plan(children: usize) -> Plan {
    Plan {
        children,
        tokens: TOKENS,
        watch: Watch::Nothing,
    }
}

async fn windows(rates: &mut Rates, beam: &Beam) {
    for peer in Peer::OURS {
        let raised = peer.raise(plan(FEW)).await;
        let mut made = 0;
        for window in WINDOWS {
            raised.ward.restarts(window - made).await;
            let run = raised.ward.restarts(IN_WINDOW).await;
            rates.add(peer.name(), window, run);
            made = window + IN_WINDOW;
        }
        raised.stop.await;
    }
    let mut arguments = vec![FEW, TOKENS, OTP_MS];
    arguments.extend(WINDOWS);
    for line in beam.run("window", &arguments) {
        rates.add_otp("window", &line);
    }
}

async fn children(rates: &mut Rates, beam: &Beam) {
    for children in CHILDREN {
        for peer in Peer::ALL {
            rates.add(peer.name(), children, among(peer, children).await);
        }
    }
    let mut arguments = vec![TOKENS, OTP_MS];
    arguments.extend(CHILDREN);
    for line in beam.run("children", &arguments) {
        rates.add_otp("children", &line);
    }
}

async fn among(peer: Peer, children: usize) -> Run {
    let raised = peer.raise(plan(children)).await;
    raised.ward.restarts(WARM).await;
    let run = raised.ward.restarts(AMONG_CHILDREN).await;
    raised.stop.await;
    run
}

fn on_one_thread(peer: Peer) -> Run {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    let run = runtime.spawn(among(peer, FEW));
    runtime.block_on(run).expect("ends")
}

fn verdicts(report: &mut Report, kind: Kind, all: &All) {
    let (name, bare) = (Peer::Ours(kind).name(), Peer::BARE.name());
    let flat = Target::AtMost(20.0);
    let uneven = all.by_window.unevenness(name, &WINDOWS);
    report.target(&format!("{name}: uneven by window"), uneven, " %", flat);
    let uneven = all.by_children.unevenness(name, &CHILDREN);
    report.target(&format!("{name}: uneven by children"), uneven, " %", flat);

    let (size, otp) = (COMPARED_WINDOW, otp(kind.in_otp()));
    let ratio = all.by_window.ratio((name, size), (&otp, size));
    let text = format!("{name}, {} in the window: OTP's rate", grouped(size));
    report.target(&text, ratio, "x", Target::AtLeast(3.0));

    let of_bare = Target::AtLeast(0.8);
    for children in CHILDREN {
        let ratio = all.by_children.ratio((name, children), (bare, children));
        let text = format!("{name}, {} children: bare rate", grouped(children));
        report.target(&text, ratio, "x", of_bare);
    }
    let ratio = all.on_one_thread.ratio((name, FEW), (bare, FEW));
    report.target(
        &format!("{name}, one thread: bare rate"),
        ratio,
        "x",
        of_bare,
    );
}
