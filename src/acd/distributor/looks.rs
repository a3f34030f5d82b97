//! How much the distributor looks at, counted in tests alone: time on a busy machine proves nothing of growth (P19).

/// Memberships and heads of lines that were looked at.
#[derive(Debug, Default)]
pub(super) struct Looks {
    #[cfg(test)]
    count: std::cell::Cell<u64>,
}

impl Looks {
    #[inline]
    pub fn at_one(&self) {
        #[cfg(test)]
        self.count.set(self.count.get() + 1);
    }

    #[cfg(test)]
    pub fn so_far(&self) -> u64 {
        self.count.get()
    }
}
