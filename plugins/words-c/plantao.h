// What a plugin in C is written against: Extism's host functions, and the manifest in the module.
//
// Freestanding: no libc, no WASI. Build with
//   clang --target=wasm32 -O2 -ffreestanding -nostdlib -Wl,--no-entry -o words.wasm words.c
#pragma once

typedef unsigned char u8;
typedef int i32;
typedef unsigned long long u64;

#define HOST(name) __attribute__((import_module("extism:host/env"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

HOST(input_length) u64 input_length(void);
HOST(input_load_u8) u8 input_load_u8(u64 offset);
HOST(alloc) u64 host_alloc(u64 length);
HOST(store_u8) void store_u8(u64 address, u8 byte);
HOST(output_set) void output_set(u64 address, u64 length);
HOST(error_set) void error_set(u64 address);

// The manifest: TOML, as `plugin!` of the Rust kit writes it.
#define MANIFEST(text) \
    __asm__(".section .custom_section.plantao.manifest,\"\",@\n.ascii " text "\n.text\n")

// A block of the host's with a copy of these bytes.
static u64 block(const u8 *bytes, u64 length) {
    u64 address = host_alloc(length);
    for (u64 at = 0; at < length; at++) store_u8(address + at, bytes[at]);
    return address;
}

// Answers these bytes.
static i32 answer(const u8 *bytes, u64 length) {
    output_set(block(bytes, length), length);
    return 0;
}

// Refuses, with fixed text: never any part of the input.
static i32 refuse(const u8 *text, u64 length) {
    error_set(block(text, length));
    return 2;
}
