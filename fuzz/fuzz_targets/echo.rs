//! libFuzzer's entry to [`wharf_fuzz::echo`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::echo::check(input));
