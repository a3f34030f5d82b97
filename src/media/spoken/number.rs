//! Whole numbers in words. The names of the words are those of the files; `1-` and `21-` are the Spanish forms before a
//! noun, `100+` is the hundred that more follows.

use super::Language;

/// The largest number that can be said; what is larger is said as this.
pub const NUMBER_MAX: u16 = 999;

const UNITS: [&str; 30] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
    "21", "22", "23", "24", "25", "26", "27", "28", "29",
];
const TENS: [&str; 10] = ["0", "10", "20", "30", "40", "50", "60", "70", "80", "90"];
const HUNDREDS: [&str; 10] = ["0", "100", "200", "300", "400", "500", "600", "700", "800", "900"];

/// A number by itself.
pub fn number(language: Language, value: u16) -> Vec<&'static str> {
    let value = value.min(NUMBER_MAX);
    let (hundreds, rest) = (usize::from(value / 100), usize::from(value % 100));
    match language {
        Language::English => english(hundreds, rest),
        Language::Portuguese => portuguese(hundreds, rest),
        Language::Spanish => spanish(hundreds, rest),
    }
}

/// A number of things; masculine, as minutes are in all three languages.
pub fn number_before_noun(language: Language, value: u16) -> Vec<&'static str> {
    let mut words = number(language, value);
    if let (Language::Spanish, Some(last)) = (language, words.last_mut()) {
        *last = match *last {
            "1" => "1-",
            "21" => "21-",
            other => other,
        };
    }
    words
}

/// Four hundred and twenty one.
fn english(hundreds: usize, rest: usize) -> Vec<&'static str> {
    let mut words = Vec::new();
    if hundreds > 0 {
        words.extend([UNITS[hundreds], "hundred"]);
    }
    if hundreds > 0 && rest > 0 {
        words.push("and");
    }
    if rest > 0 || hundreds == 0 {
        below_hundred(&mut words, rest, 20, None);
    }
    words
}

/// Quatrocentos e vinte e um; cem, but cento e um.
fn portuguese(hundreds: usize, rest: usize) -> Vec<&'static str> {
    let mut words = Vec::new();
    if hundreds > 0 {
        words.push(if (hundreds, rest > 0) == (1, true) { "100+" } else { HUNDREDS[hundreds] });
    }
    if hundreds > 0 && rest > 0 {
        words.push("and");
    }
    if rest > 0 || hundreds == 0 {
        below_hundred(&mut words, rest, 20, Some("and"));
    }
    words
}

/// Cuatrocientos veintiuno, cuatrocientos treinta y uno; cien, but ciento uno.
fn spanish(hundreds: usize, rest: usize) -> Vec<&'static str> {
    let mut words = Vec::new();
    if hundreds > 0 {
        words.push(if (hundreds, rest > 0) == (1, true) { "100+" } else { HUNDREDS[hundreds] });
    }
    if rest > 0 || hundreds == 0 {
        below_hundred(&mut words, rest, 30, Some("and"));
    }
    words
}

/// Below `whole` each number has a word of its own; from there on they are made of tens and units.
fn below_hundred(words: &mut Vec<&'static str>, value: usize, whole: usize, between: Option<&'static str>) {
    if value < whole {
        words.push(UNITS[value]);
        return;
    }
    words.push(TENS[value / 10]);
    if !value.is_multiple_of(10) {
        words.extend(between);
        words.push(UNITS[value % 10]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(language: Language, value: u16) -> String {
        number(language, value).join(" ")
    }

    /// QE-06: numbers as people say them.
    #[test]
    fn english_numbers() {
        let all = [
            (0, "0"),
            (4, "4"),
            (13, "13"),
            (20, "20"),
            (21, "20 1"),
            (99, "90 9"),
            (100, "1 hundred"),
            (101, "1 hundred and 1"),
            (342, "3 hundred and 40 2"),
            (999, "9 hundred and 90 9"),
            (5_000, "9 hundred and 90 9"),
        ];
        for (value, words) in all {
            assert_eq!(said(Language::English, value), words);
        }
    }

    /// QE-06: cento e um, but cem.
    #[test]
    fn portuguese_numbers() {
        let all = [
            (0, "0"),
            (16, "16"),
            (20, "20"),
            (22, "20 and 2"),
            (100, "100"),
            (101, "100+ and 1"),
            (120, "100+ and 20"),
            (200, "200"),
            (345, "300 and 40 and 5"),
            (999, "900 and 90 and 9"),
        ];
        for (value, words) in all {
            assert_eq!(said(Language::Portuguese, value), words);
        }
    }

    /// QE-06: veintiuno is one word, treinta y uno three; un minuto, veintiún minutos.
    #[test]
    fn spanish_numbers() {
        let all = [
            (0, "0"),
            (16, "16"),
            (21, "21"),
            (30, "30"),
            (31, "30 and 1"),
            (100, "100"),
            (101, "100+ 1"),
            (121, "100+ 21"),
            (555, "500 50 and 5"),
            (999, "900 90 and 9"),
        ];
        for (value, words) in all {
            assert_eq!(said(Language::Spanish, value), words);
        }
        let before = |value| number_before_noun(Language::Spanish, value).join(" ");
        assert_eq!([1, 2, 21, 31, 101].map(before), ["1-", "2", "21-", "30 and 1-", "100+ 1-"]);
        assert_eq!(number_before_noun(Language::Portuguese, 21), ["20", "and", "1"]);
    }

    /// All numbers differ, and each is made of few words.
    #[test]
    fn no_two_numbers_sound_alike() {
        for language in Language::ALL {
            let all: std::collections::BTreeSet<_> = (0..=NUMBER_MAX).map(|value| said(language, value)).collect();
            assert_eq!(all.len(), 1_000);
            assert!((0..=NUMBER_MAX).all(|value| number(language, value).len() <= 5));
        }
    }
}
