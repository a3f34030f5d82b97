//! As much of Rust's grammar as the checks of the house need: words, and the paths they form.

/// The words and marks of a file, without comments, strings and character literals.
pub struct Source<'a> {
    marks: Vec<&'a str>,
}

impl<'a> Source<'a> {
    pub fn read(text: &'a str) -> Self {
        let mut marks = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (length, keep) = next_mark(rest, first);
            if keep {
                marks.push(&rest[..length]);
            }
            rest = &rest[length..];
        }
        Self { marks }
    }

    /// Drops every item that stands behind `#[cfg(test)]`.
    pub fn without_tests(self) -> Self {
        let mut marks = Vec::new();
        let mut at = 0;
        while at < self.marks.len() {
            if self.marks[at..].starts_with(&["#", "[", "cfg", "(", "test", ")", "]"]) {
                at = self.end_of_item(at + 7);
            } else {
                marks.push(self.marks[at]);
                at += 1;
            }
        }
        Self { marks }
    }

    fn end_of_item(&self, from: usize) -> usize {
        let mut depth = 0_i32;
        for (at, mark) in self.marks.iter().enumerate().skip(from) {
            match *mark {
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                ";" if depth == 0 => return at + 1,
                _ => {}
            }
        }
        self.marks.len()
    }

    pub fn has_word(&self, word: &str) -> bool {
        self.marks.contains(&word)
    }

    /// Every path of two or more parts, with the groups of `use` written out: `a::{b, c::d}` is `a::b` and `a::c::d`.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.marks.len() {
            let starts = is_word(self.marks[at]) && self.marks.get(at + 1) == Some(&"::");
            at = if starts { self.path(at, "", &mut found) } else { at + 1 };
        }
        found.into_iter()
    }

    /// Reads the path or group that starts at `at`; returns where it ends.
    fn path(&self, mut at: usize, before: &str, found: &mut Vec<String>) -> usize {
        let mut whole = before.to_owned();
        loop {
            match self.marks.get(at) {
                Some(&"{") => return self.group(at + 1, &whole, found),
                Some(&word) if is_word(word) || word == "*" => {
                    whole = if whole.is_empty() { word.to_owned() } else { format!("{whole}::{word}") };
                }
                Some(_) | None => break,
            }
            at += 1;
            if self.marks.get(at) != Some(&"::") {
                break;
            }
            at += 1;
        }
        found.push(whole);
        at
    }

    fn group(&self, mut at: usize, before: &str, found: &mut Vec<String>) -> usize {
        while let Some(&mark) = self.marks.get(at) {
            match mark {
                "}" => return at + 1,
                "," => at += 1,
                _ if is_word(mark) || mark == "*" || mark == "{" => at = self.path(at, before, found),
                _ => return at + 1,
            }
        }
        at
    }

    pub fn declared_types(&self) -> impl Iterator<Item = &'a str> {
        let keyword = |mark: &str| matches!(mark, "struct" | "enum" | "trait" | "type" | "union");
        self.marks.windows(2).filter(move |pair| keyword(pair[0])).map(|pair| pair[1])
    }
}

fn is_word(mark: &str) -> bool {
    mark.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Length of the next mark, and whether it is worth keeping.
fn next_mark(rest: &str, first: char) -> (usize, bool) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (rest.find("*/").map_or(rest.len(), |end| end + 2), false);
    }
    if let Some(length) = raw_string(rest) {
        return (length, false);
    }
    if first == '"' {
        return (quoted(rest), false);
    }
    if first == '\'' {
        return (character(rest), false);
    }
    if first.is_alphanumeric() || first == '_' {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        return (end, true);
    }
    if rest.starts_with("::") {
        return (2, true);
    }
    (first.len_utf8(), !first.is_whitespace())
}

/// `r"…"`, `r#"…"#`, and the same of bytes.
fn raw_string(rest: &str) -> Option<usize> {
    let start = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = start.bytes().take_while(|b| *b == b'#').count();
    let inside = start[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside.find(&close).map_or(inside.len(), |end| end + close.len());
    Some(rest.len() - inside.len() + end)
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal whole, or the quote of a lifetime alone.
fn character(rest: &str) -> usize {
    let mut inside = rest.char_indices().skip(1);
    match inside.next() {
        Some((_, '\\')) => rest[2..].char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(1, |(at, _)| at + 3),
        Some((at, c)) if rest[at + c.len_utf8()..].starts_with('\'') => at + c.len_utf8() + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        Source::read(text).paths().collect()
    }

    #[test]
    fn groups_are_written_out() {
        assert_eq!(paths("use crate::{a::b, c::{d, e}};"), ["crate::a::b", "crate::c::d", "crate::c::e"]);
        assert_eq!(paths("let x = std::time::Instant::now();"), ["std::time::Instant::now"]);
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let text =
            "// std::fs::read\nlet a = \"std::env\\\" ::var\"; let b = r#\"std::fs\"#; let c = '\"'; fn f<'a>() {}";
        assert!(paths(text).is_empty(), "{:?}", paths(text));
        let tested = "use a::b; #[cfg(test)] mod tests { use std::fs; fn x() { {} } } use c::d;";
        assert_eq!(Source::read(tested).without_tests().paths().collect::<Vec<_>>(), ["a::b", "c::d"]);
        assert_eq!(Source::read("#[cfg(test)]\nmod tests;\nuse c::d;").without_tests().paths().count(), 1);
    }

    #[test]
    fn declared_types_are_found() {
        let declared = Source::read("pub struct CallManager; enum Inner {}").declared_types().collect::<Vec<_>>();
        assert_eq!(declared, ["CallManager", "Inner"]);
    }
}
