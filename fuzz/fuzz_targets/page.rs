#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| udpchat::fuzzing::page(bytes));
