//! Media workers: sockets, batches, ticks around the pure media core. Shell.
