//! libFuzzer's entry to [`wharf_fuzz::starttls`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::starttls::check(input));
