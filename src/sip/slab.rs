//! Places for values that come and go, under ids that are never used twice.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

/// A vector of places. An id names a place and how often it was used, so that an old id finds nothing.
pub(super) struct Slab<I, T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    /// Given back by values that were there at the last [`Slab::mark`]; free again at the next.
    retired: Vec<u32>,
    ids: PhantomData<I>,
}

struct Place<T> {
    round: u32,
    /// Its value was there at the last mark.
    old: bool,
    value: Option<T>,
}

/// Which ids a slab gives next, for a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Places {
    rounds: Vec<u32>,
    free: Vec<u32>,
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
        Self { places: Vec::new(), free: Vec::new(), retired: Vec::new(), ids: PhantomData }
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
            None => self.places.push(Place { round: 1, old: false, value: Some(value) }),
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
        let rest = if std::mem::take(&mut place.old) { &mut self.retired } else { &mut self.free };
        rest.push(index as u32);
        Some(value)
    }

    /// From here on ids do not depend on what is there now: a slab that has only these places gives the same.
    pub fn mark(&mut self) -> Places {
        self.free.append(&mut self.retired);
        for place in &mut self.places {
            place.old = place.value.is_some();
        }
        Places { rounds: self.places.iter().map(|place| place.round).collect(), free: self.free.clone() }
    }

    /// Gives the ids that the marked slab gives. What is in it is forgotten.
    pub fn follow(&mut self, places: Places) {
        let place = |round| Place { round, old: true, value: None };
        self.places = places.rounds.into_iter().map(place).collect();
        let count = self.places.len();
        self.free = places.free.into_iter().filter(|place| (*place as usize) < count).collect();
        for free in &self.free {
            if let Some(place) = self.places.get_mut(*free as usize) {
                place.old = false;
            }
        }
        self.retired = Vec::new();
    }

    pub fn len(&self) -> usize {
        self.places.len() - self.free.len() - self.retired.len()
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

    /// Whatever becomes of those that were there at a mark, a slab that follows gives the same ids.
    #[test]
    fn a_slab_that_follows_gives_the_same_ids() {
        let mut slab: Slab<u64, u8> = Slab::new();
        let old: Vec<u64> = (0..4).map(|value| slab.insert(value)).collect();
        slab.remove(old[1]);
        let mut other: Slab<u64, u8> = Slab::new();
        other.insert(9);
        other.follow(slab.mark());
        let one = [slab.insert(1), slab.insert(2)];
        slab.remove(old[0]);
        slab.remove(one[0]);
        let two = [other.insert(1), other.insert(2)];
        other.remove(two[0]);
        assert_eq!((one, slab.insert(3), slab.insert(4)), (two, other.insert(3), other.insert(4)));
        assert_eq!(slab.len(), 5);
        slab.mark();
        assert_eq!(slab.insert(5), 1 << 33, "the place of the first, for the second time");
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
