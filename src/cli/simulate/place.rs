//! Where in a scenario's text something stands, for what is wrong with it.

use toml::de::{DeArray, DeTable, DeValue};

/// One step into a table or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Item(usize),
}

/// Something wrong with a scenario: the way to where it stands, what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub way: Vec<Step>,
    pub problem: String,
    pub hint: Option<String>,
}

impl Fault {
    /// `list` and the number of the entry lead to a key of it.
    pub fn of_entry(list: &str, entry: usize, key: &str, problem: String) -> Self {
        Self { way: vec![Step::Key(list.into()), Step::Item(entry), Step::Key(key.into())], problem, hint: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// `day.toml:7: calls 1: …`
    pub fn told(&self, file: &str, text: &str) -> String {
        let hint = self.hint.as_ref().map_or_else(String::new, |hint| format!("\n    hint: {hint}"));
        format!("{file}:{}: {}{hint}", line(text, byte(text, &self.way)), self.problem)
    }
}

/// The line, from 1, in which an octet stands.
pub fn line(text: &str, byte: usize) -> usize {
    1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
}

enum Here<'a> {
    Table(&'a DeTable<'a>),
    List(&'a DeArray<'a>),
}

/// Where the last thing on the way begins that is there.
fn byte(text: &str, way: &[Step]) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 0 };
    let (mut here, mut byte) = (Here::Table(root.get_ref()), 0);
    for step in way {
        let found = match (&here, step) {
            (Here::Table(table), Step::Key(key)) => {
                let found = table.iter().find(|(name, _)| name.get_ref() == key);
                found.map(|(name, value)| (name.span().start, value))
            }
            (Here::List(list), Step::Item(item)) => list.get(*item).map(|value| (value.span().start, value)),
            (Here::Table(_), Step::Item(_)) | (Here::List(_), Step::Key(_)) => None,
        };
        let Some((at, value)) = found else { return byte };
        byte = at;
        here = match value.get_ref() {
            DeValue::Table(table) => Here::Table(table),
            DeValue::Array(list) => Here::List(list),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => return byte,
        };
    }
    byte
}
