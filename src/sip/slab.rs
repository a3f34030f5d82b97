//! Places for values that come and go, under ids that are never used twice.

use std::marker::PhantomData;

/// A vector of places. An id names a place and how often it was used, so that an old id finds nothing.
pub(super) struct Slab<I, T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    ids: PhantomData<I>,
}

struct Place<T> {
    round: u32,
    value: Option<T>,
}

/// A number in two halves: round above, place below.
pub(super) trait SlabId: Copy {
    fn from_raw(raw: u64) -> Self;
    fn raw(self) -> u64;
}

fn place_of(raw: u64) -> (usize, u32) {
    ((raw & 0xffff_ffff) as usize, (raw >> 32) as u32)
}

impl<I: SlabId, T> Slab<I, T> {
    pub fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), ids: PhantomData }
    }

    /// The id that the next `insert` will give: for values that carry their own name.
    pub fn next_id(&self) -> I {
        let place = self.free.last().map_or(self.places.len(), |place| *place as usize);
        let round = self.places.get(place).map_or(1, |place| place.round);
        I::from_raw((u64::from(round) << 32) | place as u64)
    }

    pub fn insert(&mut self, value: T) -> I {
        let id = self.next_id();
        let (place, _) = place_of(id.raw());
        self.free.pop();
        match self.places.get_mut(place) {
            Some(place) => place.value = Some(value),
            None => self.places.push(Place { round: 1, value: Some(value) }),
        }
        id
    }

    pub fn get(&self, id: I) -> Option<&T> {
        let (place, round) = place_of(id.raw());
        self.places.get(place).filter(|place| place.round == round)?.value.as_ref()
    }

    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        let (place, round) = place_of(id.raw());
        self.places.get_mut(place).filter(|place| place.round == round)?.value.as_mut()
    }

    /// The value at a place whatever its round, with its full id: for ids that travelled shortened.
    pub fn at_place(&self, index: u32) -> Option<(I, &T)> {
        let place = self.places.get(index as usize)?;
        let id = I::from_raw((u64::from(place.round) << 32) | u64::from(index));
        place.value.as_ref().map(|value| (id, value))
    }

    pub fn remove(&mut self, id: I) -> Option<T> {
        let (index, round) = place_of(id.raw());
        let place = self.places.get_mut(index).filter(|place| place.round == round)?;
        let value = place.value.take()?;
        // After 2^32 uses of one place an old id could find a stranger; at a thousand a second that is 49 days of
        // somebody keeping it.
        place.round = place.round.wrapping_add(1).max(1);
        self.free.push(index as u32);
        Some(value)
    }

    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl SlabId for u64 {
        fn from_raw(raw: u64) -> Self {
            raw
        }

        fn raw(self) -> u64 {
            self
        }
    }

    #[test]
    fn an_old_id_finds_nothing() {
        let mut slab: Slab<u64, char> = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!(slab.remove(a), None);
        let next = slab.next_id();
        let c = slab.insert('c');
        assert_eq!((next, slab.get(a), slab.get(b), slab.get(c)), (c, None, Some(&'b'), Some(&'c')));
        assert_eq!(slab.at_place(0), Some((c, &'c')));
        assert_eq!(slab.len(), 2);
    }
}
