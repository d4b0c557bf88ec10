//! Guests that stop on each kind of trap, in a call and before the first one.

use super::{End, Guest};

pub(super) fn guests() -> Vec<Guest> {
    let run = |name, body, said| Guest::run(name, body, End::Trap(said));
    let start =
        r#"(func $f unreachable) (start $f) (func (export "run") (result i32) (i32.const 0))"#;
    let table = |body: &str| {
        format!(
            r#"(table 2 2 funcref) (elem (i32.const 0) $other) (type $t (func))
               (func $other (param i32))
               (func (export "run") (result i32)
                 (call_indirect (type $t) (i32.const {body})) (i32.const 0))"#
        )
    };
    vec![
        run("trap-unreachable", "unreachable", "unreachable"),
        Guest::new("trap-in-start", start, End::Trap("unreachable")),
        run(
            "trap-division-by-zero",
            "(drop (i64.div_u (i64.const 1) (local.get $a)))",
            "divide by zero",
        ),
        run(
            "trap-division-overflow",
            "(local.set $a (i64.const -1))
             (drop (i64.div_s (i64.const -9223372036854775808) (local.get $a)))",
            "overflow",
        ),
        run(
            "trap-conversion-of-nan",
            "(drop (i32.trunc_f64_s (f64.div (f64.convert_i64_u (local.get $a)) (f64.const 0))))",
            "conversion to integer",
        ),
        run(
            "trap-memory-out-of-bounds",
            "(drop (i32.load (i32.const -4)))",
            "out of bounds memory",
        ),
        run(
            "trap-memory-filled-past-its-end",
            "(memory.fill (i32.const 0) (i32.const 1) (i32.const -1))",
            "out of bounds memory",
        ),
        run(
            "trap-memory-copied-past-its-end",
            "(memory.copy (i32.const 65000) (i32.const 0) (i32.const 60000))",
            "out of bounds memory",
        ),
        Guest::new(
            "trap-table-out-of-bounds",
            &table("9"),
            End::Trap("undefined element"),
        ),
        Guest::new(
            "trap-call-of-null",
            &table("1"),
            End::Trap("uninitialized element"),
        ),
        Guest::new(
            "trap-call-of-another-type",
            &table("0"),
            End::Trap("indirect call type"),
        ),
        Guest::new(
            "trap-data-outside-memory",
            r#"(memory 1) (data (i32.const 65530) "too long for it")
               (func (export "run") (result i32) (i32.const 0))"#,
            End::Trap("out of bounds memory"),
        ),
        Guest::new(
            "trap-elements-outside-table",
            r#"(table 1 1 funcref) (elem (i32.const 1) $f) (func $f)
               (func (export "run") (result i32) (i32.const 0))"#,
            End::Trap("out of bounds table"),
        ),
    ]
}
