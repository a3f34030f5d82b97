//! "Did you mean …?"

/// The known name that `wrong` is most likely a slip of, if one is near enough.
pub(super) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let reach = (wrong.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(far, name)| *far <= reach || (wrong.len() >= 4 && name.starts_with(wrong)))
        .min()
        .map(|(_, name)| name)
}

/// The hint for an unknown name: the nearest, or the few there are.
pub(super) fn hint<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    const LISTED_MAX: usize = 12;
    if let Some(near) = nearest(wrong, known.clone()) {
        return Some(format!("did you mean \"{near}\"?"));
    }
    let names: Vec<&str> = known.into_iter().take(LISTED_MAX + 1).collect();
    match names.len() {
        0 => None,
        1..=LISTED_MAX => Some(format!("known: {}", names.join(", "))),
        _ => Some(format!("known: {} …", names[..LISTED_MAX].join(", "))),
    }
}

/// Edits (insert, drop, change, swap neighbours) between two names; long names count as far away.
fn distance(one: &str, two: &str) -> usize {
    const LENGTH_MAX: usize = 64;
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
    if one.len() > LENGTH_MAX || two.len() > LENGTH_MAX || one.len().abs_diff(two.len()) > 3 {
        return usize::MAX;
    }
    let width = two.len() + 1;
    let mut cost = vec![0usize; (one.len() + 1) * width];
    for i in 0..=one.len() {
        for j in 0..width {
            cost[i * width + j] = if i == 0 || j == 0 { i + j } else { step(&one, &two, &cost, i, j) };
        }
    }
    cost[cost.len() - 1]
}

fn step(one: &[char], two: &[char], cost: &[usize], i: usize, j: usize) -> usize {
    let width = two.len() + 1;
    let cell = |i: usize, j: usize| cost[i * width + j];
    let same = usize::from(one[i - 1] != two[j - 1]);
    let best = (cell(i - 1, j) + 1).min(cell(i, j - 1) + 1).min(cell(i - 1, j - 1) + same);
    let swapped = i > 1 && j > 1 && one[i - 1] == two[j - 2] && one[i - 2] == two[j - 1];
    if swapped { best.min(cell(i - 2, j - 2) + 1) } else { best }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_near_and_other_words_are_not() {
        let known = ["support", "sales", "listen"];
        assert_eq!(nearest("suport", known), Some("support"));
        assert_eq!(nearest("listne", known), Some("listen"));
        assert_eq!(nearest("supp", known), Some("support"));
        assert_eq!(nearest("billing", known), None);
        assert_eq!(hint("x", known).as_deref(), Some("known: support, sales, listen"));
    }
}
