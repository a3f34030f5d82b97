//! Numbers as a carrier or a user writes them, and E.164 (TK-07).
//!
//! Explicit rules come first, in order; where none fits, a [`NumberPlan`] does the usual. What neither of them knows stays
//! as it is: an extension, a short code, a name.

use std::{borrow::Cow, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use super::Pattern;
use crate::base::{NUMBER_DIGITS_MAX, Number};

/// Rules in one set: more is a table for a database, and each call would walk it.
pub const NUMBER_RULES_MAX: usize = 64;

/// Fewer digits are an extension or a short code, never a number with an area in it.
pub const FULL_DIGITS_MIN: usize = 7;

/// How one trunk writes numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Numbering {
    pub plan: Option<NumberPlan>,
    /// What it dials here.
    pub called_in: NumberRules,
    /// Whom it shows as calling.
    pub caller_in: NumberRules,
    /// What is dialled there.
    pub called_out: NumberRules,
    /// Whom it is shown as calling.
    pub caller_out: NumberRules,
}

/// Ordered rules, and examples that were checked when they were read.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct NumberRules {
    pub rules: Vec<NumberRule>,
    /// What comes in, and what must come out.
    pub tests: Vec<(String, String)>,
}

/// One way in which a number is rewritten.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NumberRule {
    pub matches: Pattern,
    /// Of the whole number in characters; `None`: any.
    pub length: Option<RangeInclusive<u8>>,
    /// Characters taken off its front.
    pub strip: u8,
    /// What comes in their place.
    pub prepend: String,
}

/// The usual of one country and carrier.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NumberPlan {
    /// Country code: 1 to 3 digits, without prefix.
    pub country: String,
    /// What stands in front of a national number; may be empty.
    pub national: String,
    /// What stands in front of a country code; may be empty.
    pub international: String,
    pub form: NumberForm,
}

/// How numbers are written to the other side. Read is whatever can be told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberForm {
    /// `+351210000001`
    #[default]
    E164,
    /// `351210000001`
    Digits,
    /// `0210000001` at home, `0044…` abroad, with the plan's prefixes.
    National,
    /// `00351210000001`
    International,
}

impl Numbering {
    pub fn called_in<'a>(&self, text: &'a str) -> Cow<'a, str> {
        inward(&self.called_in, self.plan.as_ref(), text)
    }

    pub fn caller_in<'a>(&self, text: &'a str) -> Cow<'a, str> {
        inward(&self.caller_in, self.plan.as_ref(), text)
    }

    pub fn called_out<'a>(&self, text: &'a str) -> Cow<'a, str> {
        outward(&self.called_out, self.plan.as_ref(), text)
    }

    pub fn caller_out<'a>(&self, text: &'a str) -> Cow<'a, str> {
        outward(&self.caller_out, self.plan.as_ref(), text)
    }
}

/// Towards E.164.
pub fn inward<'a>(rules: &NumberRules, plan: Option<&NumberPlan>, text: &'a str) -> Cow<'a, str> {
    let text = bare(text);
    match rules.rewritten(&text).or_else(|| plan.and_then(|plan| plan.e164(&text))) {
        Some(rewritten) => rewritten.into(),
        None => text,
    }
}

/// From E.164 to how the other side writes it.
pub fn outward<'a>(rules: &NumberRules, plan: Option<&NumberPlan>, text: &'a str) -> Cow<'a, str> {
    match rules.rewritten(text).or_else(|| plan.and_then(|plan| plan.written(text))) {
        Some(rewritten) => rewritten.into(),
        None => text.into(),
    }
}

impl NumberRules {
    /// `None` when no rule fits.
    fn rewritten(&self, text: &str) -> Option<String> {
        let (_, rule) = self.fitting(text)?;
        let rest: String = text.chars().skip(usize::from(rule.strip)).collect();
        Some(format!("{}{rest}", rule.prepend))
    }

    /// The first rule that fits, and its place.
    pub fn fitting(&self, text: &str) -> Option<(usize, &NumberRule)> {
        self.rules.iter().enumerate().find(|(_, rule)| rule.fits(text))
    }
}

impl NumberRule {
    fn fits(&self, text: &str) -> bool {
        let length = u8::try_from(text.chars().count()).unwrap_or(u8::MAX);
        self.length.as_ref().is_none_or(|range| range.contains(&length)) && self.matches.matches(text)
    }
}

impl NumberPlan {
    /// `None` for what is no full number.
    fn e164(&self, text: &str) -> Option<String> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let after = |prefix: &str| text.strip_prefix(prefix).filter(|_| !prefix.is_empty());
        let full = match (after(&self.international), after(&self.national)) {
            (Some(rest), _) => format!("+{rest}"),
            (None, Some(rest)) => format!("+{}{rest}", self.country),
            (None, None) if text.len() < FULL_DIGITS_MIN => return None,
            (None, None) if self.form == NumberForm::Digits => format!("+{text}"),
            // Without the prefix of the land it is a number of the town, and which town nobody knows.
            (None, None) if !self.national.is_empty() => return None,
            (None, None) => format!("+{}{text}", self.country),
        };
        let digits = full.len() - 1;
        let fits = (FULL_DIGITS_MIN..=NUMBER_DIGITS_MAX).contains(&digits);
        Number::new(&full).filter(|_| fits).map(String::from)
    }

    /// `None` for what is no E.164 number.
    fn written(&self, text: &str) -> Option<String> {
        let number = Number::new(text)?;
        let digits = number.as_str().get(1..)?;
        Some(match self.form {
            NumberForm::E164 => return None,
            NumberForm::Digits => digits.to_owned(),
            NumberForm::International => format!("{}{digits}", self.international),
            NumberForm::National => match digits.strip_prefix(self.country.as_str()) {
                Some(rest) => format!("{}{rest}", self.national),
                None => format!("{}{digits}", self.international),
            },
        })
    }
}

/// Without the visual separators of RFC 3966 5.1.1, where what remains is a number.
fn bare(text: &str) -> Cow<'_, str> {
    let separates = |c: char| matches!(c, '-' | '.' | '(' | ')' | ' ');
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_number = digits.contains(|c: char| c.is_ascii_digit())
        && digits.contains(separates)
        && digits.chars().all(|c| c.is_ascii_digit() || separates(c));
    if is_number { text.chars().filter(|c| !separates(*c)).collect::<String>().into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(matches: &str, strip: u8, prepend: &str) -> NumberRule {
        NumberRule { matches: Pattern::new(matches).unwrap(), length: None, strip, prepend: prepend.to_owned() }
    }

    fn plan(national: &str, form: NumberForm) -> Numbering {
        let plan = NumberPlan { country: "351".into(), national: national.into(), international: "00".into(), form };
        Numbering { plan: Some(plan), ..Numbering::default() }
    }

    /// TK-07: the first rule that fits rewrites, by prefix, digits and length.
    #[test]
    fn tk_07_the_first_rule_that_fits_rewrites() {
        let mut numbering = Numbering::default();
        let nine = NumberRule { length: Some(9..=9), ..rule("2*", 0, "+351") };
        numbering.called_in.rules = vec![rule("00*", 2, "+"), nine, rule("2X", 0, "8")];
        for (from, to) in [
            ("00351210000001", "+351210000001"),
            ("210000001", "+351210000001"),
            ("21", "821"),
            ("2100", "2100"),
            ("joão", "joão"),
            ("+351 21-000.0001", "+351210000001"),
        ] {
            assert_eq!(numbering.called_in(from), to, "{from}");
        }
        // Each direction has rules of its own.
        assert_eq!(numbering.caller_in("00351210000001"), "00351210000001");
    }

    /// TK-07: a country's usual ways, read and written.
    #[test]
    fn tk_07_a_plan_reads_and_writes_the_usual() {
        let german = plan("0", NumberForm::National);
        for (from, to) in [
            ("0210000001", "+351210000001"),
            ("0044207000000", "+44207000000"),
            ("+351210000001", "+351210000001"),
            ("210000001", "210000001"),
            ("800", "800"),
            ("00", "00"),
            ("0000000000000000000", "0000000000000000000"),
            ("anonymous", "anonymous"),
        ] {
            assert_eq!(german.caller_in(from), to, "{from}");
        }
        assert_eq!(german.called_out("+351210000001"), "0210000001");
        assert_eq!(german.called_out("+44207000000"), "0044207000000");
        assert_eq!(german.called_out("112"), "112");
        let portuguese = plan("", NumberForm::Digits);
        assert_eq!(portuguese.called_in("351210000001"), "+351210000001");
        assert_eq!(portuguese.caller_out("+351210000001"), "351210000001");
        assert_eq!(plan("", NumberForm::E164).called_in("210000001"), "+351210000001");
        assert_eq!(plan("", NumberForm::International).called_out("+351210000001"), "00351210000001");
    }
}
