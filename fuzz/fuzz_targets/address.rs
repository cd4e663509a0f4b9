//! libFuzzer's entry to [`wharf_fuzz::address`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::address::check(input));
