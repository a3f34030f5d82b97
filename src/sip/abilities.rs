//! What is asked of one peer, and offered to it.

/// Extensions that a peer may be spared. All of them are on unless the floor above says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abilities {
    /// Reliable provisional answers (RFC 3262).
    pub reliable: bool,
    /// UPDATE (RFC 3311).
    pub updates: bool,
    /// RFC 4028.
    pub session_timer: bool,
}

impl Default for Abilities {
    fn default() -> Self {
        Self { reliable: true, updates: true, session_timer: true }
    }
}
