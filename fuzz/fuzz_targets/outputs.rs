#![no_main]

use libfuzzer_sys::fuzz_target;
use regatta_testing::{Random, targets};

fuzz_target!(|bytes: &[u8]| targets::run_target("outputs", &Random::from_bytes(bytes)));
