//! libFuzzer's entry to [`wharf_fuzz::capture`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::capture::check(input));
