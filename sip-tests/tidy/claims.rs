//! What the documents claim: each test that they name exists.

use std::{collections::BTreeSet, fs};

use super::{house, rust_files};

/// The names in backticks in the last column of a table.
fn claimed(page: &str) -> impl Iterator<Item = &str> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let last = rows.filter_map(|row| row.trim_end().strip_suffix('|')?.rsplit('|').next());
    last.flat_map(|cell| cell.split('`').skip(1).step_by(2))
}

/// SW-03, AP-08: docs/sip.md names tests that exist, and a row without one says so.
#[test]
fn each_claim_of_docs_sip_names_its_tests() {
    let page = fs::read_to_string(house().join("docs/sip.md")).expect("docs/sip.md");
    let mut known = BTreeSet::new();
    for file in rust_files() {
        let text = fs::read_to_string(&file).expect("a source file");
        known.extend(text.split("\nfn ").chain(text.split("    fn ")).skip(1).filter_map(|rest| {
            let name = rest.split("()").next()?;
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then(|| name.to_owned())
        }));
    }
    let missing: Vec<&str> = claimed(&page).filter(|name| !known.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/sip.md names tests that there are not: {missing:#?}");
    assert!(claimed(&page).count() >= 60);
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| shown by |")) {
        let says_not = row.contains("| Not");
        assert!(says_not || claimed(row).next().is_some(), "no test is named: {row}");
    }
}
