//! Guests that take time, memory, tables, stack and variables without end.

use super::{End, Guest, by_the_clock};
use crate::plugin::LimitKind;

const MEMORY: End = End::Limit(LimitKind::MemoryBytes, 64 << 20);
const STACK: End = End::Limit(LimitKind::StackBytes, 512 << 10);
const TABLE: End = End::Limit(LimitKind::TableElements, 10_000);

pub(super) fn guests() -> Vec<Guest> {
    [time(), memory(), tables_and_stack()]
        .into_iter()
        .flatten()
        .collect()
}

fn time() -> Vec<Guest> {
    let spin = "(loop $l (br $l))";
    let start = format!(
        r#"(func $spin {spin}) (start $spin) (func (export "run") (result i32) (i32.const 0))"#
    );
    let initialize = format!(
        r#"(func (export "_initialize") {spin}) (func (export "run") (result i32) (i32.const 0))"#
    );
    let indirect = r#"(table funcref (elem $ping $pong)) (type $f (func))
        (func $ping) (func $pong)
        (func (export "run") (result i32)
          (loop $l (call_indirect (type $f) (i32.const 0)) (call_indirect (type $f) (i32.const 1))
            (br $l)) (i32.const 0))"#;
    let run = |name, body| Guest::run(name, body, by_the_clock()).endless();
    vec![
        run("loop-in-call", spin),
        Guest::new("loop-in-start", &start, by_the_clock()).endless(),
        Guest::new("loop-in-initialize", &initialize, by_the_clock()).endless(),
        Guest::new("loop-of-indirect-calls", indirect, by_the_clock()).endless(),
        run(
            "loop-of-host-calls",
            "(loop $l (drop (call $input_length)) (br $l))",
        ),
        run(
            "slow-host-function",
            "(loop $l (call $free (call $alloc (i64.const 60000000))) (br $l))",
        ),
        run("log-flood", "(loop $l (call $log (call $input)) (br $l))"),
        run(
            "variable-rewritten-without-end",
            "(local.set $a (call $alloc (i64.const 900000)))
             (loop $l (call $set (call $input) (local.get $a)) (br $l))",
        ),
        Guest::new(
            "host-function-that-never-returns",
            r#"(import "extism:host/env" "test_pending" (func $wait))
               (func (export "run") (result i32) (call $wait) (i32.const 0))"#,
            by_the_clock(),
        )
        .endless(),
        Guest::new(
            "host-function-that-panics",
            r#"(import "extism:host/env" "test_panic" (func $panic))
               (func (export "run") (result i32) (call $panic) (i32.const 0))"#,
            End::Unavailable,
        ),
    ]
}

fn memory() -> Vec<Guest> {
    let grow = "(loop $l (drop (memory.grow (i32.const 16))) (br $l))";
    let start = format!(
        r#"(memory 1) (func $grow {grow}) (start $grow)
           (func (export "run") (result i32) (i32.const 0))"#
    );
    vec![
        Guest::run("memory-growth", grow, MEMORY),
        Guest::new("memory-growth-in-start", &start, MEMORY),
        Guest::run(
            "memory-doubled",
            "(loop $l (drop (memory.grow (memory.size))) (br $l))",
            MEMORY,
        ),
        Guest::run(
            "memory-grown-and-touched",
            "(loop $l
               (memory.fill (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 65536))
                 (i32.const 7) (i32.const 65536))
               (drop (memory.grow (i32.const 1))) (br $l))",
            MEMORY,
        ),
        Guest::new("memory-declared-too-large", "(memory 2000)", MEMORY),
        Guest::run(
            "memory-and-blocks-together",
            "(drop (memory.grow (i32.const 512))) (drop (call $alloc (i64.const 40000000)))",
            MEMORY,
        ),
        Guest::run(
            "blocks-of-a-mebibyte",
            "(loop $l (drop (call $alloc (i64.const 1048576))) (br $l))",
            MEMORY,
        ),
        Guest::run(
            "block-of-all-memory",
            "(drop (call $alloc (i64.const -1)))",
            MEMORY,
        ),
        Guest::run(
            "blocks-of-one-byte",
            "(loop $l (drop (call $alloc (i64.const 1))) (br $l))",
            End::Limit(LimitKind::Blocks, 65_536),
        ),
        Guest::run(
            "variable-read-without-end",
            "(call $set (call $input) (call $alloc (i64.const 1000000)))
             (loop $l (drop (call $get (call $input))) (br $l))",
            MEMORY,
        ),
        Guest::run(
            "variables-of-many-names",
            "(local.set $a (call $alloc (i64.const 8)))
             (loop $l (local.set $b (i64.add (local.get $b) (i64.const 1)))
               (call $store (local.get $a) (local.get $b))
               (call $set (local.get $a) (local.get $a)) (br $l))",
            End::Limit(LimitKind::VariableBytes, 1 << 20),
        ),
        Guest::run(
            "variable-too-large",
            "(call $set (call $input) (call $alloc (i64.const 1048576)))",
            End::Limit(LimitKind::VariableBytes, 1 << 20),
        ),
    ]
}

fn tables_and_stack() -> Vec<Guest> {
    let run = r#"(func (export "run") (result i32)"#;
    let table_growth = format!(
        "(table 1 funcref) {run}
           (loop $l (drop (table.grow (ref.null func) (i32.const 1000))) (br $l)) (i32.const 0))"
    );
    let at_once =
        format!("(table 1 funcref) {run} (table.grow (ref.null func) (i32.const 2000000000)))");
    let recursion = r#"(func $f (export "run") (result i32) (i32.add (call $f) (i32.const 1)))"#;
    let start = r#"(func $f (call $f) (call $g)) (func $g) (start $f)
                   (func (export "run") (result i32) (i32.const 0))"#;
    let locals = "(local i64) ".repeat(500);
    let frames = format!(
        r#"(func $f (param i64) (result i64) {locals}
             (local.set 400 (i64.add (local.get 0) (i64.const 1)))
             (i64.add (call $f (local.get 400)) (local.get 400)))
           {run} (i32.wrap_i64 (call $f (i64.const 0))))"#
    );
    let indirect = format!(
        "(table funcref (elem $f)) (type $t (func (result i32)))
         (func $f (result i32) (i32.add (call_indirect (type $t) (i32.const 0)) (i32.const 1)))
         {run} (call $f))"
    );
    let wide = format!("(table 15000 funcref) {run} (i32.const 0))");
    vec![
        Guest::new("table-growth", &table_growth, TABLE),
        Guest::new("table-grown-at-once", &at_once, TABLE),
        Guest::new("table-declared-past-the-plugins-limit", &wide, TABLE),
        Guest::new(
            "table-declared-past-the-hosts",
            "(table 20001 funcref)",
            End::Module,
        ),
        Guest::new("deep-recursion", recursion, STACK),
        Guest::new("deep-recursion-in-start", start, STACK),
        Guest::new("deep-recursion-of-large-frames", &frames, STACK),
        Guest::new("deep-recursion-through-a-table", &indirect, STACK),
    ]
}
