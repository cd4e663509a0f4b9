//! libFuzzer's entry to [`wharf_fuzz::telnet`].
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wharf_fuzz::telnet::check(input));
