#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| revring_fuzz::decode(data));
