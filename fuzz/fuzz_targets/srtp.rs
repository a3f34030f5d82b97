#![no_main]

#[path = "../../sip-tests/wire/media.rs"]
#[allow(dead_code, reason = "each target checks one of them")]
mod media;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| media::srtp(bytes));
