//! libFuzzer's entry to [`wharf_fuzz::switch`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::switch::check(input));
