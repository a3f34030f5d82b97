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
    split_on(body, delimiter.as_bytes()).into_iter().skip(1).find_map(|part| {
        let at = find(part, b"\r\n\r\n")?;
        let head = std::str::from_utf8(part.get(..at)?).ok()?;
        let is_sdp = head.lines().any(|line| {
            let Some((name, value)) = line.split_once(':') else { return false };
            let name = name.trim();
            (name.eq_ignore_ascii_case("Content-Type") || name.eq_ignore_ascii_case("c"))
                && value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/sdp")
        });
        is_sdp.then(|| part.get(at + 4..)).flatten()
    })
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
