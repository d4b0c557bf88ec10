//! Guests that ask for what no plugin has, or that have nothing to call.

use super::{End, Guest};
use crate::plugin::ImportRefusal;

pub(super) fn guests() -> Vec<Guest> {
    let import = |name, field: &str, import, refusal| {
        Guest::new(
            name,
            &format!("(import {field})"),
            End::Import(import, refusal),
        )
    };
    let env = "extism:host/env";
    vec![
        import(
            "import-of-wasi",
            r#""wasi_snapshot_preview1" "path_open" (func)"#,
            "wasi_snapshot_preview1::path_open",
            ImportRefusal::Wasi,
        ),
        import(
            "import-of-http",
            &format!(r#""{env}" "http_request" (func (param i64 i64) (result i64))"#),
            "extism:host/env::http_request",
            ImportRefusal::Network,
        ),
        import(
            "import-of-nothing-known",
            &format!(r#""{env}" "system" (func (param i64) (result i64))"#),
            "extism:host/env::system",
            ImportRefusal::Unknown,
        ),
        import(
            "import-from-another-host",
            r#""env" "abort" (func (param i32 i32 i32 i32))"#,
            "env::abort",
            ImportRefusal::Unknown,
        ),
        import(
            "import-of-another-signature",
            &format!(r#""{env}" "free" (func (param i32))"#),
            "extism:host/env::free",
            ImportRefusal::Signature,
        ),
        import(
            "import-of-a-memory",
            &format!(r#""{env}" "alloc" (memory 1)"#),
            "extism:host/env::alloc",
            ImportRefusal::Signature,
        ),
        import(
            "import-of-a-global",
            &format!(r#""{env}" "length" (global (mut i64))"#),
            "extism:host/env::length",
            ImportRefusal::Signature,
        ),
        import(
            "import-of-a-table",
            &format!(r#""{env}" "free" (table 1 funcref)"#),
            "extism:host/env::free",
            ImportRefusal::Signature,
        ),
        Guest::new(
            "export-that-wants-arguments",
            r#"(func (export "run") (param i32) (result i32) (local.get 0))"#,
            End::NoFunction,
        ),
        Guest::new(
            "export-that-is-no-function",
            r#"(memory (export "run") 1)"#,
            End::NoFunction,
        ),
        Guest::new("shared-memory", "(memory 1 1 shared)", End::Module),
        Guest::new("memory-of-64-bits", "(memory i64 1)", End::Module),
        Guest::new("several-memories", "(memory 1) (memory 1)", End::Module),
        Guest::new(
            "exceptions",
            r#"(tag $t) (func (export "run") (result i32) (throw $t))"#,
            End::Module,
        ),
        Guest::of_bytes(
            "no-module-at-all",
            b"#!/bin/sh\nexec /bin/sh".to_vec(),
            End::NotWasm,
        ),
        Guest::of_bytes("a-component", b"\0asm\x0d\0\x01\0".to_vec(), End::NotWasm),
    ]
}
