//! Guests that leave something behind for their next call, in every place there is.

use super::{ABI, End, Guest};

/// Answers `1` where nothing was found, and traps where something was.
fn finds_nothing(name: &'static str, fields: &str, found: &str, leave: &str) -> Guest {
    let fields = format!(
        r#"{ABI} {fields}
           (func (export "run") (result i32) (local $a i64)
             (if {found} (then unreachable)) {leave}
             (local.set $a (call $alloc (i64.const 1)))
             (call $store_u8 (local.get $a) (i32.const 49))
             (call $output (local.get $a) (i64.const 1)) (i32.const 0))"#
    );
    Guest::new(name, &fields, End::Text("1"))
}

pub(super) fn guests() -> Vec<Guest> {
    vec![
        finds_nothing(
            "remnant-in-memory",
            "(memory 1)",
            "(i32.load (i32.const 40000))",
            "(i32.store (i32.const 40000) (i32.const 1))",
        ),
        finds_nothing(
            "remnant-in-grown-memory",
            "(memory 1)",
            "(i32.ne (memory.size) (i32.const 1))",
            "(drop (memory.grow (i32.const 100)))
             (memory.fill (i32.const 65536) (i32.const 7) (i32.const 6553600))",
        ),
        finds_nothing(
            "remnant-of-a-neighbour-in-grown-memory",
            "(memory 1)",
            "(i32.eqz (i32.ne (memory.grow (i32.const 100)) (i32.const -1)))",
            "(if (i32.load (i32.const 3000000)) (then unreachable))
             (memory.fill (i32.const 0) (i32.const 7) (i32.const 6619136))",
        ),
        finds_nothing(
            "remnant-in-a-global",
            "(global $g (mut i32) (i32.const 0))",
            "(global.get $g)",
            "(global.set $g (i32.const 1))",
        ),
        finds_nothing(
            "remnant-in-a-table",
            "(table 4 funcref) (elem declare func $f) (func $f)",
            "(i32.eqz (ref.is_null (table.get (i32.const 2))))",
            "(table.set (i32.const 2) (ref.func $f))",
        ),
        finds_nothing(
            "remnant-in-a-grown-table",
            "(table 1 funcref)",
            "(i32.ne (table.size) (i32.const 1))",
            "(drop (table.grow (ref.null func) (i32.const 50)))",
        ),
        finds_nothing(
            "remnant-in-a-variable",
            "",
            "(i64.ne (call $get (call $input)) (i64.const 0))",
            "(call $set (call $input) (call $input))",
        ),
        finds_nothing(
            "remnant-of-a-dropped-segment",
            r#"(memory 1) (data $d "x")"#,
            "(i32.const 0)",
            "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop $d)",
        ),
        finds_nothing(
            "remnant-in-a-block",
            "",
            "(i64.ne (call $load (call $alloc (i64.const 4096))) (i64.const 0))",
            "(call $store (call $alloc (i64.const 4096)) (i64.const -1))",
        ),
    ]
}
