//! Tables as text/csv (RFC 4180), safe to open in a spreadsheet.

use std::fmt::Write as _;

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use crate::base::Wall;

/// Whether a request would rather have text/csv than JSON: the first of the two that its Accept names.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds =
        accepted.flat_map(|value| value.split(',')).map(|range| range.split(';').next().unwrap_or("").trim());
    kinds
        .find(|kind| ["text/csv", "application/json", "*/*"].iter().any(|known| kind.eq_ignore_ascii_case(known)))
        .is_some_and(|kind| kind.eq_ignore_ascii_case("text/csv"))
}

/// Rows under their heads.
pub struct Table(String);

impl Table {
    pub fn new(heads: &[&str]) -> Self {
        let mut table = Self(String::new());
        table.row(heads.iter().copied());
        table
    }

    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        for (index, text) in cells.into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(self.0, "{comma}{}", cell(text));
        }
        self.0.push_str("\r\n");
    }
}

impl IntoResponse for Table {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], self.0).into_response()
    }
}

/// A point in time as spreadsheets read it, in UTC.
pub fn time(at: Wall) -> String {
    let stamp = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    stamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// One field. What a spreadsheet would take for a formula gets a quote before it, also a number in international form: a
/// caller chooses what he is called.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AP-05, THREATS: what peers write is text in a spreadsheet, and stays in its field.
    #[test]
    fn ap_05_no_field_is_a_formula_or_leaves_its_place() {
        for (text, expected) in [
            ("ana", "ana"),
            ("", ""),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("+351210000001", "'+351210000001"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("a,b\r\nc", "\"a,b\r\nc\""),
        ] {
            assert_eq!(cell(text), expected);
        }
        assert_eq!(time(Wall(1_795_000_000_000)), "2026-11-18T11:06:40Z");
    }

    #[test]
    fn csv_is_given_to_who_asks_for_it_first() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            is_wanted(&headers)
        };
        assert!(wants("text/csv") && wants("text/html, Text/CSV;q=0.9, */*"));
        assert!(!wants("application/json, text/csv") && !wants("*/*") && !is_wanted(&HeaderMap::new()));
    }
}
