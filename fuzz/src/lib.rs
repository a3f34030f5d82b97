//! The pure floors of strowger as the fuzz targets need them, and the room of the shell that speaks DTLS.

#[path = "../../src/acd/mod.rs"]
pub mod acd;
#[path = "../../src/base/mod.rs"]
pub mod base;
#[path = "../../src/engine/mod.rs"]
pub mod engine;
#[path = "../../src/media/mod.rs"]
pub mod media;
/// No more of it than the handshake.
#[path = "../../src/plane"]
pub mod plane {
    #[path = "browser"]
    pub mod browser {
        pub mod certificate;
        pub mod course;
        pub mod handshake;
    }
}
#[path = "../../src/sip/mod.rs"]
pub mod sip;
#[path = "../../src/switch/mod.rs"]
pub mod switch;
#[path = "../../src/wire/mod.rs"]
pub mod wire;
