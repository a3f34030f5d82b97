//! How numbers are written: the tables in a `[[trunk]]` and `[dial_plan]`, read, tried with their own examples, and
//! written down again.

use toml::{Table, Value};

use super::{Reading, dump::text, dump::word_of};
use crate::{
    settings::{
        fault::At,
        read::{Section, or},
    },
    switch::{
        DialClass, DialPlan, NUMBER_RULES_MAX, NumberForm, NumberPlan, NumberRule, NumberRules, Numbering, PATTERN_MAX,
        Pattern,
    },
};

/// Examples in one set of rules.
const TESTS_MAX: usize = 256;

const FORMS: [(&str, NumberForm); 4] = [
    ("e164", NumberForm::E164),
    ("digits", NumberForm::Digits),
    ("national", NumberForm::National),
    ("international", NumberForm::International),
];

const EXPECTED_PATTERN: &str = "letters, digits, + . _ - #, X for a digit, a trailing * for any rest";

/// Rules as they were read, and where their examples stand.
struct Draft {
    rules: NumberRules,
    tests: Vec<At<(String, String)>>,
}

/// How a set of rules is used, to be tried.
type Apply<'n> = &'n dyn Fn(&str) -> String;

/// The tables of a trunk.
pub(super) fn read_numbering(section: &Section<'_>) -> Numbering {
    let plan = read_plan(section);
    let [called_in, caller_in, called_out, caller_out] =
        ["called_in", "caller_in", "called_out", "caller_out"].map(|key| read_rules(section, key));
    let numbering = Numbering {
        plan,
        called_in: called_in.rules.clone(),
        caller_in: caller_in.rules.clone(),
        called_out: called_out.rules.clone(),
        caller_out: caller_out.rules.clone(),
    };
    let (called, caller) =
        (&|text: &str| numbering.called_in(text).into_owned(), &|text: &str| numbering.caller_in(text).into_owned());
    try_out(section, "called_in", &called_in, called);
    try_out(section, "caller_in", &caller_in, caller);
    try_out(section, "called_out", &called_out, &|text| numbering.called_out(text).into_owned());
    try_out(section, "caller_out", &caller_out, &|text| numbering.caller_out(text).into_owned());
    numbering
}

/// Every example gives what it promises.
fn try_out(section: &Section<'_>, key: &str, draft: &Draft, apply: Apply<'_>) {
    for test in &draft.tests {
        let (from, expected) = &test.value;
        let got = apply(from);
        if got == *expected {
            continue;
        }
        let hint = match draft.rules.fitting(from) {
            Some((at, rule)) => format!("rule {} (match = \"{}\") was the first that fits", at + 1, rule.matches),
            None => String::from("no rule of this table fits; where there are country_code and form, they decided"),
        };
        let problem = format!("{key}: \"{from}\" becomes \"{got}\", but the test expects \"{expected}\"");
        section.fault(test.mark, problem, Some(hint));
    }
}

/// `country_code`, `national_prefix`, `international_prefix`, `form`.
fn read_plan(section: &Section<'_>) -> Option<NumberPlan> {
    let digits = |most: usize| {
        move |text: &str| (text.len() <= most && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
    };
    let country = section.parsed_by("country_code", "1 to 3 digits such as \"351\"", |text| {
        digits(3)(text).filter(|code| !code.is_empty() && !code.starts_with('0'))
    });
    let national = section.parsed_by("national_prefix", "up to 5 digits such as \"0\", or \"\"", digits(5));
    let international = section.parsed_by("international_prefix", "up to 5 digits such as \"00\"", digits(5));
    let form = section.one_of("form", &FORMS);
    let Some(country) = country else {
        let others = [national.as_ref().map(|at| at.mark), international.as_ref().map(|at| at.mark)];
        if !section.has("country_code")
            && let Some(mark) = others.into_iter().chain([form.as_ref().map(|at| at.mark)]).flatten().next()
        {
            section.fault(mark, "this needs a country_code", Some(String::from("country_code = \"351\"")));
        }
        return None;
    };
    Some(NumberPlan {
        country: country.value,
        national: or(national, String::new()),
        international: or(international, String::from("00")),
        form: or(form, NumberForm::E164),
    })
}

/// `{ rules = [{ match, length, strip, prepend }], tests = [["from", "to"]] }`.
fn read_rules(section: &Section<'_>, key: &'static str) -> Draft {
    let table = section.table(key);
    let mut rules = Vec::new();
    for rule in table.tables("rules") {
        if !rule.has("match") {
            rule.missing("match", EXPECTED_PATTERN);
        }
        let matches = rule.parsed_by("match", EXPECTED_PATTERN, Pattern::new);
        let length = rule.parsed_by("length", "a length or a range of lengths: \"9\", \"9-11\"", length);
        let strip = rule.whole("strip", 0..=PATTERN_MAX as u64).map_or(0, |at| at.value as u8);
        let prepend = rule.parsed_by("prepend", "up to 32 of digits, letters, + * #", |text| {
            let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'*' | b'#'));
            (clean && text.len() <= 32).then(|| text.to_owned())
        });
        if let Some(matches) = matches {
            let (length, prepend) = (length.map(|at| at.value), or(prepend, String::new()));
            rules.push(NumberRule { matches: matches.value, length, strip, prepend });
        }
        rule.finish();
    }
    let tests = table.pairs("tests");
    for (what, count, most) in [("rules", rules.len(), NUMBER_RULES_MAX), ("tests", tests.len(), TESTS_MAX)] {
        if count > most {
            table.fault(table.mark(), format!("{key}: {what} are limited to {most}, found {count}"), None);
        }
    }
    let rules = NumberRules { rules, tests: tests.iter().map(|test| test.value.clone()).collect() };
    table.finish();
    Draft { rules, tests }
}

fn length(text: &str) -> Option<std::ops::RangeInclusive<u8>> {
    let (least, most) = text.split_once('-').unwrap_or((text, text));
    let (least, most) = (least.trim().parse().ok()?, most.trim().parse().ok()?);
    (least <= most && most as usize <= PATTERN_MAX).then_some(least..=most)
}

impl Reading<'_, '_> {
    /// `[dial_plan]` and every `[[dial_class]]`.
    pub(super) fn read_dial_plan(&mut self) -> DialPlan {
        let mut plan = DialPlan::default();
        let mut seen = None;
        for root in self.roots {
            let has = root.has("dial_plan");
            let section = root.table("dial_plan");
            if !has {
                continue;
            }
            if let Some(earlier) = seen {
                let hint = Some(format!("the other is at {}", self.report.line_of(earlier)));
                section.fault(section.mark(), "[dial_plan] is given twice", hint);
            }
            seen = Some(section.mark());
            plan = read_plan_section(section);
        }
        plan.classes = self.read_classes();
        plan
    }

    fn read_classes(&mut self) -> Vec<DialClass> {
        let mut classes = Vec::new();
        for mut section in self.tables("dial_class") {
            if let Some(key) = self.named(&mut section, "dial class") {
                let (allowed, barred) = (patterns(&section, "allowed"), patterns(&section, "barred"));
                let calls_per_hour = section.whole("calls_per_hour", 1..=1_000_000).map(|at| at.value as u32);
                if let Some(id) = self.classes.add(self.report, &key.value, key.mark) {
                    classes.push(DialClass { id, name: key.value, allowed, barred, calls_per_hour });
                }
            }
            section.finish();
        }
        classes
    }
}

fn read_plan_section(section: Section<'_>) -> DialPlan {
    let code = |key: &'static str| {
        let code = section.parsed_by(key, "up to 8 of digits, * and #, such as \"#31#\"", |text| {
            let clean = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#'));
            (clean && text.len() <= 8).then(|| text.to_owned())
        });
        or(code, String::new())
    };
    let called = read_rules(&section, "called");
    let plan = DialPlan {
        plan: read_plan(&section),
        called: called.rules.clone(),
        hide_code: code("hide_number_code"),
        show_code: code("show_number_code"),
        barred: patterns(&section, "barred"),
        emergency: patterns(&section, "emergency"),
        classes: Vec::new(),
    };
    try_out(&section, "called", &called, &|text| plan.read(text).0.into_owned());
    section.finish();
    plan
}

fn patterns(section: &Section<'_>, key: &'static str) -> Vec<Pattern> {
    let texts = section.texts(key).unwrap_or_default();
    let read = |text: &At<String>| section.parse_by(text, key, EXPECTED_PATTERN, Pattern::new);
    texts.iter().filter_map(read).map(|at| at.value).collect()
}

pub(super) fn put_numbering(table: &mut Table, numbering: &Numbering) {
    put_plan(table, numbering.plan.as_ref());
    put_rules(table, "called_in", &numbering.called_in);
    put_rules(table, "caller_in", &numbering.caller_in);
    put_rules(table, "called_out", &numbering.called_out);
    put_rules(table, "caller_out", &numbering.caller_out);
}

fn put_plan(table: &mut Table, plan: Option<&NumberPlan>) {
    let Some(plan) = plan else { return };
    text(table, "country_code", plan.country.as_str());
    text(table, "national_prefix", plan.national.as_str());
    text(table, "international_prefix", plan.international.as_str());
    text(table, "form", word_of(&FORMS, &plan.form));
}

fn put_rules(table: &mut Table, key: &str, rules: &NumberRules) {
    if *rules == NumberRules::default() {
        return;
    }
    let rule = |rule: &NumberRule| {
        let mut entry = Table::new();
        text(&mut entry, "match", rule.matches.as_str());
        if let Some(length) = &rule.length {
            text(&mut entry, "length", format!("{}-{}", length.start(), length.end()));
        }
        if rule.strip > 0 {
            entry.insert("strip".into(), Value::Integer(rule.strip.into()));
        }
        if !rule.prepend.is_empty() {
            text(&mut entry, "prepend", rule.prepend.as_str());
        }
        Value::Table(entry)
    };
    let test = |(from, to): &(String, String)| Value::Array(vec![from.as_str().into(), to.as_str().into()]);
    let mut own = Table::new();
    own.insert("rules".into(), Value::Array(rules.rules.iter().map(rule).collect()));
    own.insert("tests".into(), Value::Array(rules.tests.iter().map(test).collect()));
    table.insert(key.into(), Value::Table(own));
}

/// `[dial_plan]`; `None` when it says nothing.
pub(super) fn dial_plan_table(plan: &DialPlan) -> Option<Table> {
    let mut table = Table::new();
    put_plan(&mut table, plan.plan.as_ref());
    put_rules(&mut table, "called", &plan.called);
    for (key, code) in [("hide_number_code", &plan.hide_code), ("show_number_code", &plan.show_code)] {
        if !code.is_empty() {
            text(&mut table, key, code.as_str());
        }
    }
    put_patterns(&mut table, "barred", &plan.barred);
    put_patterns(&mut table, "emergency", &plan.emergency);
    (!table.is_empty()).then_some(table)
}

pub(super) fn dial_class_table(class: &DialClass) -> Table {
    let mut table = Table::new();
    text(&mut table, "key", class.name.as_str());
    put_patterns(&mut table, "allowed", &class.allowed);
    put_patterns(&mut table, "barred", &class.barred);
    if let Some(most) = class.calls_per_hour {
        table.insert("calls_per_hour".into(), Value::Integer(most.into()));
    }
    table
}

fn put_patterns(table: &mut Table, key: &str, patterns: &[Pattern]) {
    if !patterns.is_empty() {
        let texts = patterns.iter().map(|pattern| Value::from(pattern.as_str()));
        table.insert(key.into(), Value::Array(texts.collect()));
    }
}
