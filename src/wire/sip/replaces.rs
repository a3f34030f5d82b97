//! The Replaces header (RFC 3891 6.1).

use super::fault::SyntaxError;

/// Which dialog a new one takes the place of; the tags as the one who gets it sees them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replaces<'a> {
    pub call_id: &'a str,
    /// The receiver's own tag.
    pub to_tag: &'a str,
    pub from_tag: &'a str,
    /// Only if nobody has answered yet.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        const FAULT: SyntaxError = SyntaxError("malformed Replaces");
        let mut fields = text.split(';').map(str::trim);
        let call_id = fields.next().filter(|id| !id.is_empty() && !id.contains(char::is_whitespace)).ok_or(FAULT)?;
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for field in fields {
            let (name, value) = field.split_once('=').map_or((field, ""), |(name, value)| (name.trim(), value.trim()));
            let tag = if name.eq_ignore_ascii_case("to-tag") {
                &mut to_tag
            } else if name.eq_ignore_ascii_case("from-tag") {
                &mut from_tag
            } else {
                early_only |= name.eq_ignore_ascii_case("early-only");
                continue;
            };
            if value.is_empty() || tag.replace(value).is_some() {
                return Err(FAULT);
            }
        }
        match (to_tag, from_tag) {
            (Some(to_tag), Some(from_tag)) => Ok(Self { call_id, to_tag, from_tag, early_only }),
            (_, _) => Err(FAULT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaces_names_one_dialog() {
        let parsed = Replaces::parse("98732@sip.example.com ;from-tag=r33th4x0r;to-tag=ff87ff;early-only").unwrap();
        let expected =
            Replaces { call_id: "98732@sip.example.com", to_tag: "ff87ff", from_tag: "r33th4x0r", early_only: true };
        assert_eq!(parsed, expected);
        for bad in ["", "a", "a;to-tag=1", "a;from-tag=1;to-tag=2;to-tag=3", "a b;from-tag=1;to-tag=2", ";to-tag=1"] {
            assert!(Replaces::parse(bad).is_err(), "{bad}");
        }
    }
}
