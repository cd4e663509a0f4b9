//! libFuzzer's entry to [`wharf_fuzz::escape`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::escape::check(input));
