#![no_main]

use libfuzzer_sys::fuzz_target;
use regatta_testing::{Random, targets};

// The bytes themselves to the parser, or choices of what to break in a right text.
fuzz_target!(|bytes: &[u8]| match bytes {
    [first, rest @ ..] if first % 2 == 0 => targets::parse(&String::from_utf8_lossy(rest)),
    _ => targets::run_target("text", &Random::from_bytes(bytes)),
});
