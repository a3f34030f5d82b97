//! The pure floors of strowger as the fuzz targets need them.

#[path = "../../src/acd/mod.rs"]
pub mod acd;
#[path = "../../src/base/mod.rs"]
pub mod base;
#[path = "../../src/engine/mod.rs"]
pub mod engine;
#[path = "../../src/media/mod.rs"]
pub mod media;
#[path = "../../src/sip/mod.rs"]
pub mod sip;
#[path = "../../src/switch/mod.rs"]
pub mod switch;
#[path = "../../src/wire/mod.rs"]
pub mod wire;
