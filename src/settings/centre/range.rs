//! `u{00000..09999}`: one line for many names.

/// Names one pattern may stand for.
pub const RANGE_MAX: usize = 100_000;

/// The names that `text` stands for: itself, or with `{first..last}` one for each number, padded like the first.
pub(super) fn expand(text: &str) -> Result<Vec<String>, &'static str> {
    const EXPECTED: &str = "expected a range such as {000..049}";
    let Some((head, rest)) = text.split_once('{') else { return Ok(vec![text.to_owned()]) };
    let (range, tail) = rest.split_once('}').ok_or(EXPECTED)?;
    let (first_text, last_text) = range.split_once("..").ok_or(EXPECTED)?;
    let (first, last): (usize, usize) =
        (first_text.parse().map_err(|_| EXPECTED)?, last_text.parse().map_err(|_| EXPECTED)?);
    if first > last || tail.contains('{') {
        return Err(EXPECTED);
    }
    if last - first >= RANGE_MAX {
        return Err("expected at most 100000 names in one range");
    }
    let width = first_text.len();
    Ok((first..=last).map(|number| format!("{head}{number:0width$}{tail}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_stands_for_its_names() {
        assert_eq!(expand("ana").unwrap(), ["ana"]);
        assert_eq!(expand("a{08..11}x").unwrap(), ["a08x", "a09x", "a10x", "a11x"]);
        assert_eq!(expand("u{00000..09999}").unwrap().last().unwrap(), "u09999");
        for wrong in ["a{1..}", "a{5..1}", "a{1-5}", "a{1..2", "a{0..100000}", "a{1..2}{3..4}"] {
            assert!(expand(wrong).is_err(), "{wrong}");
        }
    }
}
