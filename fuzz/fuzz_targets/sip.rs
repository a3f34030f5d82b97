#![no_main]

#[path = "../../sip-tests/wire/properties.rs"]
#[allow(dead_code, reason = "each target checks one of them")]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::sip_message(bytes));
