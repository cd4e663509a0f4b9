//! libFuzzer's entry to [`wharf_fuzz::newline`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::newline::check(input));
