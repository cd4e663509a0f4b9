//! libFuzzer's entry to [`wharf_fuzz::segment`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::segment::check(input));
