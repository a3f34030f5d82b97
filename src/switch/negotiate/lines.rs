//! The `m=` lines of a leg: the one that carries its sound or fax, and the others, refused in their places (RFC 3264 6). Once
//! there, they stay in every description of either side (8).

use serde::{Deserialize, Serialize};

use crate::wire::sdp::{Media, Session};

/// In order; `None` stands for the one that is taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lines(Vec<Option<Box<str>>>);

impl Default for Lines {
    fn default() -> Self {
        Self(vec![None])
    }
}

impl Lines {
    /// Those of an offer of which one is taken.
    pub fn of(session: &Session, taken: usize) -> Self {
        Self(session.media.iter().enumerate().map(|(at, media)| (at != taken).then(|| refused(media))).collect())
    }

    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Where the one that is taken stands.
    pub fn taken(&self) -> usize {
        self.0.iter().position(Option::is_none).unwrap_or_default()
    }

    pub fn write(&self, text: &mut String, ours: impl Fn(&mut String)) {
        for line in &self.0 {
            match line {
                Some(refused) => text.push_str(refused),
                None => ours(text),
            }
        }
    }
}

/// An `m=` line refused (RFC 3264 6), with one of its formats since the grammar wants one.
fn refused(media: &Media) -> Box<str> {
    let kind = media.kind_text();
    let other = || media.other_formats.first().cloned().unwrap_or_else(|| "0".to_owned());
    let format = media.formats.first().map_or_else(other, |format| format.pt.to_string());
    let mid = media.lines.iter().find(|line| line.starts_with("a=mid:"));
    let mid = mid.map(|line| format!("{line}\r\n")).unwrap_or_default();
    format!("m={kind} 0 {} {format}\r\n{mid}", media.proto).into()
}
