//! The documented divergences: where this crate deliberately does not do what OTP does.
//!
//! The comparison knows these and no others. The table is also the text of `DIVERGENCES.md`, and
//! every row but one is shown by a script in `examples.rs`.

use std::fmt::Write;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Divergence {
    KilledSupervisor,
    AnswersWhileStarting,
    IgnoredDynamicRestart,
    ActiveDynamicChildren,
    DynamicSpecs,
    TerminateGoneDynamic,
    StartOrder,
    RefusedAtOnce,
    ValidatedAtOnce,
    ExactWindow,
}

/// What is said about one of them.
pub(crate) struct Row {
    pub(crate) divergence: Divergence,
    pub(crate) subject: &'static str,
    pub(crate) otp: &'static str,
    pub(crate) here: &'static str,
    pub(crate) why: &'static str,
    /// What the comparison sets aside on account of it.
    pub(crate) set_aside: &'static str,
}

pub(crate) const TABLE: [Row; 10] = [
    Row {
        divergence: Divergence::KilledSupervisor,
        subject: "A supervisor that is killed",
        otp: "It is gone at once. Its children end through their links, in no order; its next \
              incarnation may come up beside them, and a child that traps exits and does not \
              leave stays for ever.",
        here: "It stops its children in reverse start order, each within its own time, and \
               leaves as `killed`; only then is it started again. The same holds for one with \
               `Shutdown::BrutalKill` and for one whose time to stop is over.",
        why: "No child outlives its supervisor or meets its own successor.",
        set_aside: "Order and reasons of the ends below such a supervisor: what ended is compared \
                    as a multiset.",
    },
    Row {
        divergence: Divergence::AnswersWhileStarting,
        subject: "A supervisor while a child of it starts or stops",
        otp: "It is deaf. Requests, exits and the order to stop wait until the attempt is over; \
              after one that failed they come before the next, and may undo what the restart of \
              the group has done so far or will do.",
        here: "It answers at once. A member of a group that is being restarted is `restarting` \
               and cannot be deleted; one that is terminated stays down (and, if it was just \
               coming up, those after it); one that is started by request is not started twice. \
               An order to stop calls off the start that is under way.",
        why: "A child that hangs in its start must not make its supervisor unreachable.",
        set_aside: "Scripts ask a supervisor nothing while it starts a group, and stop none \
                    meanwhile in which something ends slowly. All else is done while a start \
                    hangs, and compared in the order of each supervisor.",
    },
    Row {
        divergence: Divergence::IgnoredDynamicRestart,
        subject: "A dynamic child whose restart answers `ignore`",
        otp: "`simple_one_for_one` keeps an entry `undefined` for it, counts it as active, and \
              crashes with `function_clause` when it has to stop.",
        here: "The child is forgotten, as by Elixir's `DynamicSupervisor`.",
        why: "The entry cannot be reached, and the crash is a defect.",
        set_aside: "The entry; the rest of the script is not compared.",
    },
    Row {
        divergence: Divergence::ActiveDynamicChildren,
        subject: "`count_children` after a dynamic child was terminated while it was restarting",
        otp: "`active` stays too low by one for ever, and can be negative.",
        here: "`active` is the number of children that have a task.",
        why: "A defect.",
        set_aside: "An `active` that is less than the number of processes that OTP itself lists.",
    },
    Row {
        divergence: Divergence::DynamicSpecs,
        subject: "`specs` in `count_children` of a dynamic supervisor",
        otp: "1: all children share one specification.",
        here: "The number of children, as in Elixir's `DynamicSupervisor`.",
        why: "Every child has a specification of its own.",
        set_aside: "A 1 there for the number of children here.",
    },
    Row {
        divergence: Divergence::TerminateGoneDynamic,
        subject: "`terminate_child` of a dynamic child that is gone",
        otp: "`ok`: a pid that is dead may have been a child.",
        here: "`NotFound`.",
        why: "Children are named by ids, and an id that nobody has is known not to be there.",
        set_aside: "`ok` there for `NotFound` here.",
    },
    Row {
        divergence: Divergence::StartOrder,
        subject: "The order of `which_children`",
        otp: "Reverse start order, and that of a hash table for dynamic children; neither is \
              documented.",
        here: "Start order.",
        why: "People read it.",
        set_aside: "Lists of fixed children are compared in reverse, those of dynamic children \
                    sorted.",
    },
    Row {
        divergence: Divergence::RefusedAtOnce,
        subject: "A request that can never be served, to a supervisor that is not up",
        otp: "`noproc`.",
        here: "The refusal that it would get otherwise: `Dynamic` for `restart_child` and \
               `delete_child` of dynamic children, `Spec` for an invalid specification.",
        why: "It is the caller's mistake whoever is up.",
        set_aside: "`noproc` there for these two here.",
    },
    Row {
        divergence: Divergence::ValidatedAtOnce,
        subject: "An invalid specification of a nested supervisor",
        otp: "It is found when that supervisor starts, after its elder siblings did.",
        here: "The whole tree is looked at before anything starts.",
        why: "A tree that cannot come up should not begin to.",
        set_aside: "Scripts have invalid specifications only where both look first.",
    },
    Row {
        divergence: Divergence::ExactWindow,
        subject: "The period of a restart intensity",
        otp: "Whole seconds, of a clock that is read in whole seconds: a period of one second \
              lasts between one and two.",
        here: "Any duration, counted exactly; a restart one period old still counts.",
        why: "Periods below a second are of use, and a test can say when one is over.",
        set_aside: "Scripts keep all restarts away from the end of a window.",
    },
];

/// The section of `CONFORMANCE.md` that the table is.
pub(crate) fn section() -> String {
    let mut text = String::from(
        "## Divergences from OTP\n\n\
         `tests/conformance` plays random scripts on this crate and on Erlang/OTP and compares\n\
         what happens, event by event. These are the only differences that it lets pass.\n",
    );
    for row in &TABLE {
        let cells = [
            ("OTP", row.otp),
            ("Here", row.here),
            ("Why", row.why),
            ("Not compared", row.set_aside),
        ];
        let _ = writeln!(text, "\n### {}\n", row.subject);
        for (name, cell) in cells {
            let _ = writeln!(text, "- {name}: {cell}");
        }
    }
    text
}
