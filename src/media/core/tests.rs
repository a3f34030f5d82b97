//! Stories of one worker.
