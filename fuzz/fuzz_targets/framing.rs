//! libFuzzer's entry to [`wharf_fuzz::framing`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::framing::check(input));
