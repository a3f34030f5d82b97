#![no_main]

#[path = "../../sip-tests/talk/script.rs"]
mod script;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let _ = script::course(octets);
});
