//! What users may dial, and how they write it (TK-07, TK-08, SW-20).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{NumberPlan, NumberRules, Pattern, numbering};
use crate::base::{DialClassId, Number};

/// Everything about dialling that is no route. The default bars nothing and rewrites nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DialPlan {
    pub plan: Option<NumberPlan>,
    pub called: NumberRules,
    /// Dialled in front of a number: the called does not see who calls (CLIR). Empty: there is no such code.
    pub hide_code: String,
    /// The same to be seen after all, for users who hide theirs.
    pub show_code: String,
    /// Nobody may dial these.
    pub barred: Vec<Pattern>,
    /// Calls to these leave whatever the limits say, and nobody is barred from them.
    pub emergency: Vec<Pattern>,
    pub classes: Vec<DialClass>,
}

/// What some users may dial outside. Calls inside the house are nobody's class.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DialClass {
    pub id: DialClassId,
    pub name: String,
    /// Only these; empty: all.
    pub allowed: Vec<Pattern>,
    /// But not these.
    pub barred: Vec<Pattern>,
    /// Outside calls that one user may begin in an hour; `None`: any number.
    pub calls_per_hour: Option<u32>,
}

impl DialPlan {
    /// What a user dialled, and whether he hides his number for this call: `None` when he did not say.
    pub fn read<'a>(&self, dialled: &'a str) -> (Cow<'a, str>, Option<bool>) {
        let after = |code: &str| dialled.strip_prefix(code).filter(|rest| !code.is_empty() && !rest.is_empty());
        let (rest, hides) = match (after(&self.hide_code), after(&self.show_code)) {
            (Some(rest), _) => (rest, Some(true)),
            (None, Some(rest)) => (rest, Some(false)),
            (None, None) => (dialled, None),
        };
        (numbering::inward(&self.called, self.plan.as_ref(), rest), hides)
    }

    /// A number as it leaves the house when a user has dialled it: in E.164 where the rules know it. This is what is judged,
    /// and so this, and not what was typed, is what a carrier gets. A number for help leaves as it is.
    pub fn leaving<'a>(&self, number: &'a str) -> Cow<'a, str> {
        let is_for_help = self.emergency.iter().any(|pattern| pattern.matches(number));
        // What is read already is not read again: rules may fit twice.
        if is_for_help || Number::new(number).is_some() {
            return number.into();
        }
        let read = numbering::inward(&self.called, self.plan.as_ref(), number);
        if read.starts_with('+') { read } else { number.into() }
    }

    /// What lists are compared with: the number as it is, and as it leaves.
    fn known_as<'a>(&self, number: &'a str) -> [Cow<'a, str>; 2] {
        [number.into(), self.leaving(number)]
    }

    /// A number that the rules don't know leaves as it is, and a carrier may read it otherwise than we do: as what it could
    /// be to him it must not be barred either.
    fn taken_for(&self, number: &str) -> [Option<String>; 2] {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let leaving = self.leaving(number);
        if !digits(&leaving) {
            return [None, None];
        }
        let whole = (leaving.len() >= numbering::FULL_DIGITS_MIN).then(|| format!("+{leaving}"));
        let prefix = self.plan.as_ref().map_or("00", |plan| plan.international.as_str());
        let abroad = leaving.strip_prefix(prefix).filter(|rest| !prefix.is_empty() && !rest.is_empty());
        [whole, abroad.map(|rest| format!("+{rest}"))]
    }

    pub fn is_emergency(&self, number: &str) -> bool {
        any_fits(&self.emergency, &self.known_as(number))
    }

    pub fn is_barred(&self, number: &str) -> bool {
        self.bars(&self.barred, number)
    }

    fn bars(&self, barred: &[Pattern], number: &str) -> bool {
        let others = self.taken_for(number).into_iter().flatten().map(Cow::Owned);
        any_fits(barred, &self.known_as(number))
            || any_fits(barred, &others.collect::<Vec<_>>())
            || self.hides(barred, number)
    }

    /// Signs in a number are for the carrier, who may take off a code of his (`*31#`, `*67`) and connect the rest: no barred
    /// number may begin anywhere in what leaves so.
    fn hides(&self, barred: &[Pattern], number: &str) -> bool {
        let leaving = self.leaving(number);
        let is_plain = Number::new(&leaving).is_some() || leaving.bytes().all(|b| b.is_ascii_digit());
        let runs = leaving.split(|c: char| !c.is_ascii_digit()).filter(|run| !is_plain && !run.is_empty());
        let mut hidden = runs.flat_map(|run| (0..run.len()).filter_map(|at| run.get(at..)));
        hidden.any(|rest| {
            let whole = Cow::Owned(format!("+{rest}"));
            let others = self.taken_for(rest).into_iter().flatten().map(Cow::Owned);
            let known: Vec<_> = self.known_as(rest).into_iter().chain(others).chain([whole]).collect();
            any_fits(barred, &known)
        })
    }

    pub fn class(&self, id: DialClassId) -> Option<&DialClass> {
        self.classes.iter().find(|class| class.id == id)
    }

    /// Whether a class leaves a number to its users.
    pub fn class_allows(&self, class: &DialClass, number: &str) -> bool {
        let allowed = class.allowed.is_empty() || any_fits(&class.allowed, &self.known_as(number));
        allowed && !self.bars(&class.barred, number)
    }
}

fn any_fits(patterns: &[Pattern], numbers: &[Cow<'_, str>]) -> bool {
    patterns.iter().any(|pattern| numbers.iter().any(|number| pattern.matches(number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::{NumberForm, NumberRule};

    fn plan() -> DialPlan {
        let pattern = |text: &str| Pattern::new(text).unwrap();
        DialPlan {
            plan: Some(NumberPlan {
                country: "351".into(),
                national: String::new(),
                international: "00".into(),
                form: NumberForm::E164,
            }),
            hide_code: "#31#".into(),
            show_code: "*31#".into(),
            barred: vec![pattern("+35176*")],
            emergency: vec![pattern("112")],
            ..DialPlan::default()
        }
    }

    /// TK-07, TK-08: what is dialled becomes E.164, and a code in front hides or shows the number.
    #[test]
    fn tk_07_tk_08_what_is_dialled_is_read() {
        let plan = plan();
        assert_eq!(plan.read("210000001"), ("+351210000001".into(), None));
        assert_eq!(plan.read("#31#0044207000000"), ("+44207000000".into(), Some(true)));
        assert_eq!(plan.read("*31#201"), ("201".into(), Some(false)));
        assert_eq!(plan.read("#31#"), ("#31#".into(), None));
    }

    /// SW-20: a barred number is barred in every way to write it.
    #[test]
    fn sw_20_a_barred_number_is_barred_however_written() {
        let plan = plan();
        let pattern = |text: &str| Pattern::new(text).unwrap();
        for number in ["760000000", "00351760000000", "+351760000000", "+351 760-000-000", "00351760", "+351760"] {
            assert!(plan.is_barred(number), "{number}");
        }
        // It leaves as a number of this country, which nobody takes for the barred one.
        assert_eq!((plan.is_barred("351760000000"), plan.leaving("351760000000")), (false, "+351351760000000".into()));
        // A number for help leaves as it is, and a rule that fits what it has made is not followed twice.
        let longer = NumberRule { matches: pattern("0*"), length: None, strip: 0, prepend: "00".into() };
        let helping = DialPlan { emergency: vec![pattern("1911911")], ..plan.clone() };
        assert_eq!(
            (helping.leaving("1911911"), plan.leaving("+44207946000")),
            ("1911911".into(), "+44207946000".into())
        );
        let rules = NumberRules { rules: vec![longer], tests: Vec::new() };
        let ruled = DialPlan { called: rules, plan: None, ..plan.clone() };
        assert_eq!((ruled.read("0123").0, ruled.leaving("000123")), ("000123".into(), "000123".into()));
        // Whoever has no plan sends it as it is.
        let planless = DialPlan { plan: None, ..plan.clone() };
        assert!(planless.is_barred("351760000000") && planless.is_barred("00351760000000"));
        assert!(
            !planless.is_barred("351210000000") && !planless.is_barred("35176"),
            "a short code is no number abroad"
        );
        assert!(!plan.is_barred("210000001") && plan.is_emergency("112") && !plan.is_emergency("1120"));
        // A code for the carrier hides nothing, wherever it stands and however he writes it; other codes are no numbers.
        for hidden in [
            "#31#+351761234567",
            "*31#00351761234567",
            "*67761234567",
            "*3100351761234567",
            "++351761234567",
            "+00351761234567",
            "0+351761234567",
            "**351761234567#",
            "#31#351761234567#",
        ] {
            assert!(plan.is_barred(hidden), "{hidden}");
            assert_ne!(planless.is_barred(hidden), hidden.starts_with("*67"), "{hidden}");
        }
        assert!(["*100#", "#31#210000001", "*21*210000001#", "+351210000001"].iter().all(|free| !plan.is_barred(free)));
        let class = DialClass {
            id: DialClassId(1),
            name: "home".into(),
            allowed: vec![pattern("+351*")],
            barred: vec![pattern("+35170*")],
            calls_per_hour: None,
        };
        for (number, allowed) in [("210000001", true), ("0044207000000", false), ("707000000", false)] {
            assert_eq!(plan.class_allows(&class, number), allowed, "{number}");
        }
    }
}
