//! libFuzzer's entry to [`wharf_fuzz::served_path`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::served_path::check(input));
