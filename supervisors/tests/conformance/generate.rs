//! Random scripts: drawn freely, then made valid, so that a script that was shrunk is still one.
//!
//! What is drawn names its targets by number; `Draft::finish` looks them up among what the script
//! has brought into the tree up to that step.

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy as _, any, prop_oneof};

use crate::draft::{Draft, Move, Named};
use crate::model::*;

/// Supervisors above the deepest worker.
const DEPTH_MAX: u32 = 3;
const CHILDREN_MAX: usize = 4;
const MOVES_MAX: usize = 16;

/// Scripts of all kinds.
pub(crate) fn script() -> BoxedStrategy<Script> {
    let patient = prop_oneof![3 => Just(LARGE), 1 => 0..=5_u32];
    let draft = (
        prop_oneof![19 => Just(false), 1 => Just(true)],
        supervisor(1),
        patient,
        vec(one_move(), 1..MOVES_MAX),
    );
    draft
        .prop_map(|(short, root, restarts, moves)| {
            let root = Supervisor {
                limit: Limit {
                    restarts,
                    ..root.limit
                },
                ..root
            };
            Draft { short, root, moves }.finish()
        })
        .boxed()
}

fn supervisor(depth: u32) -> BoxedStrategy<Supervisor> {
    let strategies = prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::RestForOne),
        Just(Strategy::OneForAll),
    ];
    let children = vec(child(depth), 0..=CHILDREN_MAX);
    (strategies, limit(), auto_shutdown(), children)
        .prop_map(|(strategy, limit, auto_shutdown, children)| Supervisor {
            strategy,
            limit,
            auto_shutdown,
            children,
        })
        .boxed()
}

fn child(depth: u32) -> BoxedStrategy<Child> {
    let body = if depth < DEPTH_MAX {
        prop_oneof![
            4 => worker(),
            2 => supervisor(depth + 1).prop_map(Body::Supervisor),
            1 => dynamic(depth + 1).prop_map(Body::Dynamic),
        ]
        .boxed()
    } else {
        worker()
    };
    of_body(body)
}

fn of_body(body: BoxedStrategy<Body>) -> BoxedStrategy<Child> {
    let restarts = prop_oneof![
        4 => Just(Restart::Permanent),
        3 => Just(Restart::Transient),
        3 => Just(Restart::Temporary),
    ];
    let shutdowns = prop_oneof![
        5 => Just(Shutdown::Infinity),
        3 => Just(Shutdown::Timeout { ms: LONG_MS }),
        2 => Just(Shutdown::Timeout { ms: SHORT_MS }),
        2 => Just(Shutdown::BrutalKill),
    ];
    (restarts, shutdowns, any::<bool>(), body)
        .prop_map(|(restart, shutdown, significant, body)| Child {
            id: String::new(),
            restart,
            shutdown,
            significant,
            body,
        })
        .boxed()
}

fn worker() -> BoxedStrategy<Body> {
    let manners = prop_oneof![
        6 => Just(Manner::Obey),
        1 => Just(Manner::Fail),
        1 => Just(Manner::Slow),
        1 => Just(Manner::Hang),
    ];
    // A first start that fails ends most scripts before they begin, so few may.
    let first = prop_oneof![
        30 => Just(Vec::new()),
        3 => Just(vec![Outcome::Ignore]),
        3 => outcome().prop_map(|next| vec![Outcome::Ok, next]),
        1 => outcome().prop_map(|next| vec![next]),
    ];
    (manners, first)
        .prop_map(|(manner, plan)| Body::Worker(manner, plan))
        .boxed()
}

fn dynamic(depth: u32) -> BoxedStrategy<Dynamic> {
    let body = if depth < DEPTH_MAX {
        let small = supervisor(DEPTH_MAX).prop_map(Body::Supervisor);
        prop_oneof![4 => worker(), 1 => small].boxed()
    } else {
        worker()
    };
    (limit(), auto_shutdown(), of_body(body))
        .prop_map(|(limit, auto_shutdown, template)| Dynamic {
            limit,
            auto_shutdown,
            template: Box::new(template),
        })
        .boxed()
}

fn limit() -> BoxedStrategy<Limit> {
    let restarts = prop_oneof![1 => Just(LARGE), 1 => 0..=5_u32];
    restarts
        .prop_map(|restarts| Limit {
            restarts,
            period_s: LONG_PERIOD_S,
        })
        .boxed()
}

fn auto_shutdown() -> BoxedStrategy<AutoShutdown> {
    prop_oneof![
        5 => Just(AutoShutdown::Never),
        2 => Just(AutoShutdown::AnySignificant),
        2 => Just(AutoShutdown::AllSignificant),
    ]
    .boxed()
}

fn outcome() -> BoxedStrategy<Outcome> {
    prop_oneof![
        2 => Just(Outcome::Ok),
        1 => Just(Outcome::Ignore),
        2 => Just(Outcome::Error),
        1 => Just(Outcome::Crash),
        1 => Just(Outcome::Hang),
    ]
    .boxed()
}

fn plan() -> BoxedStrategy<Vec<Outcome>> {
    prop_oneof![3 => Just(Vec::new()), 2 => vec(outcome(), 1..4)].boxed()
}

fn leave() -> BoxedStrategy<Leave> {
    prop_oneof![
        3 => Just(Leave::Normal),
        1 => Just(Leave::Shutdown),
        1 => Just(Leave::ShutdownWith),
        3 => Just(Leave::Error),
        2 => Just(Leave::Crash),
        3 => Just(Leave::Kill),
    ]
    .boxed()
}

fn named() -> BoxedStrategy<Named> {
    prop_oneof![
        3 => Just(Named::Terminate),
        3 => Just(Named::Restart),
        2 => Just(Named::Delete),
        1 => Just(Named::Spec),
    ]
    .boxed()
}

fn start_child() -> BoxedStrategy<Move> {
    (any::<u16>(), any::<u16>(), child(2))
        .prop_map(|(whom, id, child)| Move::Start(whom, id, child))
        .boxed()
}

fn one_move() -> BoxedStrategy<Move> {
    let exit = (any::<u16>(), leave(), plan());
    let requested = (named(), any::<u16>(), any::<u16>());
    let during = (any::<u16>(), leave(), interleaved());
    prop_oneof![
        12 => exit.prop_map(|(whom, leave, plan)| Move::Exit(whom, leave, plan)),
        7 => requested.prop_map(|(what, whom, id)| Move::Named(what, whom, id)),
        3 => start_child(),
        5 => (any::<u16>(), plan()).prop_map(|(whom, plan)| Move::StartDynamic(whom, plan)),
        1 => (any::<u16>(), plan()).prop_map(|(whom, plan)| Move::Plan(whom, plan)),
        2 => any::<u16>().prop_map(Move::KillSupervisor),
        2 => (any::<u16>(), supervisor(2)).prop_map(|(whom, new)| Move::Change(whom, new)),
        4 => during.prop_map(|(whom, leave, then)| Move::During(whom, leave, Box::new(then))),
    ]
    .boxed()
}

/// What is done while a start hangs; selectors of supervisors are those of the hanging child.
fn interleaved() -> BoxedStrategy<Move> {
    let requested = (named(), any::<u16>(), any::<u16>());
    let exit = (any::<u16>(), leave());
    prop_oneof![
        4 => requested.prop_map(|(what, whom, id)| Move::Named(what, whom, id)),
        2 => start_child(),
        1 => (any::<u16>(), plan()).prop_map(|(whom, plan)| Move::StartDynamic(whom, plan)),
        2 => exit.prop_map(|(whom, leave)| Move::Exit(whom, leave, Vec::new())),
        1 => any::<u16>().prop_map(Move::KillSupervisor),
        1 => any::<u16>().prop_map(Move::Which),
        1 => any::<u16>().prop_map(Move::Count),
        1 => Just(Move::Shutdown),
    ]
    .boxed()
}
