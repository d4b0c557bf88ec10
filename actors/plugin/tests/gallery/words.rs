//! Guests whose answers, errors and log lines are too long, no text, or somebody's name.

use super::{End, Guest};
use crate::plugin::LimitKind;

pub(super) fn guests() -> Vec<Guest> {
    let output = || End::Limit(LimitKind::OutputBytes, 1 << 20);
    let bad = "(local.set $a (call $alloc (i64.const 8)))
               (call $store (local.get $a) (i64.const 0x61616161ff616161))";
    vec![
        Guest::run(
            "output-too-long",
            "(call $output (call $alloc (i64.const 1048577)) (i64.const 1048577))",
            output(),
        ),
        Guest::run(
            "output-of-all-memory",
            "(call $output (i64.const 0) (i64.const -1))",
            output(),
        ),
        Guest::run(
            "output-that-is-not-text",
            &format!("{bad} (call $output (local.get $a) (i64.const 8))"),
            End::NotText(3),
        ),
        Guest::run(
            "log-that-is-not-text",
            &format!("{bad} (call $log (local.get $a)) (call $log_error (local.get $a))"),
            End::Text(""),
        ),
        Guest::run(
            "log-line-too-long",
            "(call $log (call $alloc (i64.const 10000000)))",
            End::Text(""),
        ),
        Guest::run(
            "log-flood-that-ends",
            "(loop $l (call $log (call $input))
               (local.set $a (i64.add (local.get $a) (i64.const 1)))
               (br_if $l (i64.lt_u (local.get $a) (i64.const 20000))))",
            End::Text(""),
        ),
        Guest::run(
            "error-that-is-not-text",
            &format!("{bad} (call $error (local.get $a)) (return (i32.const 9))"),
            End::Failed(9),
        ),
        Guest::run(
            "error-too-long",
            "(call $error (call $alloc (i64.const 100000))) (return (i32.const -1))",
            End::Failed(-1),
        ),
        Guest::run(
            "error-freed-after-it-was-set",
            "(local.set $a (call $alloc (i64.const 8))) (call $error (local.get $a))
             (call $free (local.get $a)) (return (i32.const 1))",
            End::Failed(1),
        ),
    ]
}
