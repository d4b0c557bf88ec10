//! Guests that forge block headers and offsets toward each of the ABI's memory functions.

use super::{End, Guest};

pub(super) fn guests() -> Vec<Guest> {
    let run = |name, body, by| Guest::run(name, body, End::OutOfRange(by));
    vec![
        run(
            "block-freed-twice",
            "(local.set $a (call $alloc (i64.const 8)))
             (call $free (local.get $a)) (call $free (local.get $a))",
            "free",
        ),
        run(
            "block-freed-from-within",
            "(call $free (i64.add (call $alloc (i64.const 64)) (i64.const 16)))",
            "free",
        ),
        // Extism's kernel keeps a header before each block, and believes what it finds there.
        run(
            "header-forged-before-a-block",
            "(local.set $a (call $alloc (i64.const 64)))
             (call $store (i64.sub (local.get $a) (i64.const 8)) (i64.const 0x7fffffff))",
            "store_u64",
        ),
        run(
            "header-forged-within-a-block",
            "(local.set $a (call $alloc (i64.const 64)))
             (call $store (local.get $a) (i64.const 0x00000001_7fffffff))
             (call $store (i64.add (local.get $a) (i64.const 8)) (i64.const -1))
             (call $free (i64.add (local.get $a) (i64.const 16)))",
            "free",
        ),
        run(
            "block-read-after-its-end",
            "(drop (call $load (i64.add (call $alloc (i64.const 64)) (i64.const 57))))",
            "load_u64",
        ),
        run(
            "block-read-after-it-was-freed",
            "(local.set $a (call $alloc (i64.const 8))) (call $free (local.get $a))
             (drop (call $load (local.get $a)))",
            "load_u64",
        ),
        run(
            "byte-read-past-a-block",
            "(drop (call $load_u8 (i64.add (call $alloc (i64.const 8)) (i64.const 8))))",
            "load_u8",
        ),
        run(
            "byte-written-past-a-block",
            "(call $store_u8 (i64.add (call $alloc (i64.const 8)) (i64.const 8)) (i32.const 1))",
            "store_u8",
        ),
        run(
            "block-written-across-its-end",
            "(call $store (i64.add (call $alloc (i64.const 8)) (i64.const 1)) (i64.const -1))",
            "store_u64",
        ),
        run(
            "block-written-after-it-was-freed",
            "(local.set $a (call $alloc (i64.const 8))) (call $free (local.get $a))
             (call $store (local.get $a) (i64.const 1))",
            "store_u64",
        ),
        run(
            "offset-of-all-ones",
            "(drop (call $load (i64.const -1)))",
            "load_u64",
        ),
        run(
            "offset-of-a-pointer",
            "(drop (call $load (i64.const 0x7fffdeadbeef)))",
            "load_u64",
        ),
        run(
            "input-read-past-its-end",
            "(drop (call $input_u64 (i64.const 1)))",
            "input_load_u64",
        ),
        run(
            "input-read-from-before",
            "(drop (call $input_u8 (i64.const -1)))",
            "input_load_u8",
        ),
        run(
            "output-longer-than-its-block",
            "(call $output (call $alloc (i64.const 8)) (i64.const 9))",
            "output_set",
        ),
        run(
            "output-freed-after-it-was-set",
            "(local.set $a (call $alloc (i64.const 8)))
             (call $output (local.get $a) (i64.const 8)) (call $free (local.get $a))",
            "output_set",
        ),
        run(
            "error-of-no-block",
            "(call $error (i64.const 12345))",
            "error_set",
        ),
        run(
            "key-of-no-block",
            "(drop (call $config (i64.const 12345)))",
            "config_get",
        ),
        run(
            "variable-name-of-no-block",
            "(drop (call $get (i64.const -8)))",
            "var_get",
        ),
        run(
            "variable-value-of-no-block",
            "(call $set (call $input) (i64.const 12345))",
            "var_set",
        ),
        run(
            "log-line-of-no-block",
            "(call $log (i64.const 0x100000001))",
            "log_info",
        ),
        Guest::run(
            "length-of-no-block",
            "(if (i64.ne (call $length (i64.const 0x7fffdeadbeef)) (i64.const 0))
               (then unreachable))",
            End::Text(""),
        ),
        Guest::run(
            "input-overwritten-by-its-owner",
            "(call $store_u8 (call $input) (i32.const 65))
             (call $output (call $input) (call $input_length))",
            End::Text("Abcde"),
        ),
    ]
}
