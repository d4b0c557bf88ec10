//! Modules made to keep a compiler busy, and modules made to keep a host busy with a small one.

use super::{End, Guest};
use crate::plugin::LimitKind;

const RUN: &str = r#"(func (export "run") (result i32) (i32.const 0))"#;

pub(super) fn guests() -> Vec<Guest> {
    let mut guests = shapes();
    guests.extend(counts());
    guests
}

/// One function each, within or beyond the size of a function.
fn shapes() -> Vec<Guest> {
    let answers = || End::Text("");
    let of = |name, fields: String, end| Guest::new(name, &format!("{RUN} {fields}"), end);
    let function = || End::Limit(LimitKind::FunctionBytes, 64 << 10);
    let nest = 10_000;
    // Of ten times as many a compiler works for half a minute, until it is killed.
    let rounds = 2_000;
    let nested = format!("(func {}{})", "block ".repeat(nest), "end ".repeat(nest));
    let loops = format!("(func {}{})", "loop ".repeat(rounds), "end ".repeat(rounds));
    let table = format!(
        "(func (param i32) (br_table {}(local.get 0)))",
        "0 ".repeat(60_000)
    );
    let locals = |count: usize| format!("(func (local {}))", "i64 ".repeat(count));
    let joins = "(if (local.get 0) (then (local.set 1 (i64.mul (local.get 1) (local.get 2)))) \
                 (else (local.set 2 (i64.add (local.get 1) (i64.const 7)))))";
    let joined = format!("(func (param i32) (local i64 i64) {})", joins.repeat(1_200));
    let live: String = (0..2_000)
        .map(|n| format!("(i64.load (i32.const {n}))"))
        .collect();
    let live = format!(
        "(memory 1) (func (result i64) {live} {})",
        "i64.add ".repeat(1_999)
    );
    let many = "i64 ".repeat(1_000);
    let results = format!(
        "(func $m (result {many}) {})",
        "(i64.const 1)".repeat(1_000)
    );
    let huge = format!("(func {})", "(nop)".repeat(70_000));
    vec![
        of("bomb-huge-function", huge, function()),
        of("bomb-deep-nesting", nested, answers()),
        of("bomb-deep-loops", loops, answers()),
        of("bomb-branch-table", table, answers()),
        of("bomb-many-locals", locals(49_000), answers()),
        of("bomb-too-many-locals", locals(50_001), End::Module),
        of("bomb-many-joins", joined, answers()),
        of("bomb-many-live-values", live, answers()),
        of("bomb-many-results", results, answers()),
        of(
            "bomb-too-many-results",
            format!("(func (result {}))", "i64 ".repeat(1_001)),
            End::Module,
        ),
    ]
}

/// Many of something.
fn counts() -> Vec<Guest> {
    let answers = || End::Text("");
    let of = |name, fields: String, end| Guest::new(name, &format!("{RUN} {fields}"), end);
    let types: String = (0..2_000)
        .map(|n| format!("(type (func (param {})))", "i32 ".repeat(n % 300)))
        .collect();
    let exports: String = (0..20_000)
        .map(|n| format!(r#"(export "e{n}" (func 0))"#))
        .collect();
    let mut custom = super::wasm(RUN);
    // A section that means nothing, almost as long as a file may be; and one that is too long.
    let padding = |bytes: usize| {
        let mut length = Vec::new();
        let mut rest = bytes;
        while rest >= 0x80 {
            length.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        length.push(u8::try_from(rest).unwrap());
        [&[0][..], &length, &vec![0; bytes]].concat()
    };
    let oversized = [custom.clone(), padding(2 << 20)].concat();
    custom.extend(padding((2 << 20) - 1_000));
    let segments = format!(
        "(memory 1) {}",
        r#"(data (i32.const 0) "x")"#.repeat(60_000)
    );
    vec![
        of("bomb-many-functions", "(func)".repeat(20_000), answers()),
        of("bomb-many-types", types, answers()),
        of("bomb-many-exports", exports, answers()),
        of(
            "bomb-many-globals",
            "(global i64 (i64.const 1))".repeat(20_000),
            answers(),
        ),
        of("bomb-many-data-segments", segments, answers()),
        of(
            "bomb-too-many-data-segments",
            r#"(data "")"#.repeat(100_001),
            End::Module,
        ),
        Guest::of_bytes("bomb-padding", custom, answers()),
        Guest::of_bytes(
            "bomb-file-too-long",
            oversized,
            End::Limit(LimitKind::ModuleBytes, 2 << 20),
        ),
    ]
}
