//! The ground floors of strowger as the fuzz targets need them.

#[path = "../../src/base/mod.rs"]
pub mod base;
#[path = "../../src/wire/mod.rs"]
pub mod wire;
