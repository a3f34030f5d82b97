//! Places that lead to one another.

use std::collections::BTreeSet;

/// A way from a place back to itself, both ends named; `next` says where each leads. Each place is looked at once.
pub fn way_round<'a, N: IntoIterator<Item = &'a str>>(
    start: &'a str,
    next: impl Fn(&'a str) -> N,
) -> Option<Vec<&'a str>> {
    let (mut paths, mut seen) = (vec![vec![start]], BTreeSet::new());
    while let Some(path) = paths.pop() {
        for to in path.last().map(|last| next(last)).into_iter().flatten() {
            let longer: Vec<_> = path.iter().copied().chain([to]).collect();
            if to == start {
                return Some(longer);
            }
            if seen.insert(to) {
                paths.push(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_from_its_places_alone() {
        let next = |at: &str| match at {
            "a" => vec!["b", "out"],
            "b" => vec!["c"],
            "c" => vec!["b", "a"],
            "before" => vec!["a"],
            _ => Vec::new(),
        };
        assert_eq!(way_round("a", next), Some(vec!["a", "b", "c", "a"]));
        assert_eq!(way_round("b", next).and_then(|path| path.last().copied()), Some("b"));
        assert_eq!((way_round("before", next), way_round("out", next)), (None, None));
    }
}
