//! Composes sip, switch and acd: one owner, driven from outside by inputs, drained by outputs.
