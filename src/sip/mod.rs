//! The RFC 3261 machines over values: transactions, dialogs, registrar, digest. Uses base and wire.
