//! libFuzzer's entry to [`wharf_fuzz::transfer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::transfer::check(input));
