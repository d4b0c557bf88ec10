// Counts words: the witness that a plugin need not be written in Rust.

#include "plantao.h"

MANIFEST("\"name = \\\"words\\\"\\nversion = \\\"0.1.0\\\"\\nfunctions = [\\\"count\\\"]\\n"
         "capabilities = []\\n[limits]\\nmemory_bytes = 1_048_576\\ntimeout_ms = 1000\\n"
         "output_bytes = 64\\n\"");

static int is_space(u8 byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

EXPORT(count) i32 count(void) {
    static const u8 EMPTY[] = "a text has words";
    u64 words = 0;
    int inside = 0;
    for (u64 at = 0, end = input_length(); at < end; at++) {
        int now = !is_space(input_load_u8(at));
        words += now && !inside;
        inside = now;
    }
    if (words == 0) return refuse(EMPTY, sizeof EMPTY - 1);
    u8 digits[20];
    u64 first = sizeof digits;
    for (; words > 0; words /= 10) digits[--first] = '0' + (u8)(words % 10);
    return answer(digits + first, sizeof digits - first);
}
