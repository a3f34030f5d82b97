#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    strowger::plane::browser::course::course(octets);
});
