//! The loop that stamps `now` and carries inputs and outputs. Shell.
