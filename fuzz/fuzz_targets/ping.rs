//! libFuzzer's entry to [`wharf_fuzz::ping`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::ping::check(input));
