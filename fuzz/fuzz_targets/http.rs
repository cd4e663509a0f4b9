//! libFuzzer's entry to [`wharf_fuzz::http`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::http::check(input));
