//! libFuzzer's entry to [`wharf_fuzz::packet`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::packet::check(input));
