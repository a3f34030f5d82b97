//! Where a body carries its session description.

use smallvec::SmallVec;

/// Parts of a multipart body that are searched for a description.
const PARTS_MAX: usize = 8;

/// The session description in a body: the whole of it, or the first such part of a multipart (RFC 5621).
pub fn description<'a>(content_type: &str, body: &'a [u8]) -> Option<&'a [u8]> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/sdp") {
        return Some(body);
    }
    if !kind.get(..10).is_some_and(|head| head.eq_ignore_ascii_case("multipart/")) {
        return None;
    }
    let boundary = boundary(content_type)?;
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = format!("--{boundary}");
    let pieces = split_on(body, delimiter.as_bytes());
    let mut description = None;
    for part in pieces.iter().skip(1).filter_map(|piece| Part::read(piece)) {
        match description {
            _ if !part.is_sdp() && part.must_be_understood() => return None,
            None if part.is_sdp() => description = Some(part.content),
            None | Some(_) => {}
        }
    }
    description
}

/// One of a multipart body.
struct Part<'a> {
    head: &'a str,
    content: &'a [u8],
}

impl<'a> Part<'a> {
    fn read(part: &'a [u8]) -> Option<Self> {
        let at = find(part, b"\r\n\r\n")?;
        Some(Self { head: std::str::from_utf8(part.get(..at)?).ok()?, content: part.get(at + 4..)? })
    }

    fn is_sdp(&self) -> bool {
        let kinds = self.values(&["Content-Type", "c"]);
        kinds
            .map(|kind| kind.split(';').next().unwrap_or_default())
            .any(|kind| kind.trim().eq_ignore_ascii_case("application/sdp"))
    }

    /// Its sender says that the request means nothing without it (RFC 5621 8).
    fn must_be_understood(&self) -> bool {
        let parameters = self.values(&["Content-Disposition"]).flat_map(|value| value.split(';').skip(1));
        parameters.filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("handling")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("required")
        })
    }

    fn values(&self, names: &'static [&'static str]) -> impl Iterator<Item = &'a str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(name, _)| names.iter().any(|known| known.eq_ignore_ascii_case(name.trim())))
            .map(|(_, value)| value)
    }
}

/// What its parts are parted by. A quoted one may have a semicolon in it, and names know no case (RFC 2045 5.1).
fn boundary(content_type: &str) -> Option<&str> {
    let (_, mut rest) = content_type.split_once(';')?;
    loop {
        let (name, value) = rest.split_once('=')?;
        let value = value.trim_start();
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if name.trim().eq_ignore_ascii_case("boundary") {
            return Some(value.trim_end());
        }
        (_, rest) = behind.split_once(';')?;
    }
}

/// The pieces between delimiters; those beyond [`PARTS_MAX`] are let go.
fn split_on<'a>(text: &'a [u8], delimiter: &[u8]) -> SmallVec<[&'a [u8]; PARTS_MAX]> {
    let mut pieces = SmallVec::new();
    let mut rest = text;
    while pieces.len() < PARTS_MAX {
        let Some((piece, behind)) =
            find(rest, delimiter).and_then(|at| Some((rest.get(..at)?, rest.get(at + delimiter.len()..)?)))
        else {
            pieces.push(rest);
            break;
        };
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
