//! The commands of the binary. Shell.
