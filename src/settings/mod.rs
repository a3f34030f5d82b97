//! Text to validated values and back. Pure.
