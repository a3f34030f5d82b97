//! Pages of an Ogg stream (RFC 3533 6), and a packet of several Opus streams as one (RFC 6716 B): what an Opus file is made
//! of (RFC 7845).

/// Octets of a page's head, in front of the lengths of its segments.
const HEAD: usize = 27;

/// Packets that end on one page have at least one segment each.
pub const PAGE_PACKETS_MAX: usize = 255;

/// The longest packet that fits on a page of its own.
pub const PACKET_OCTETS_MAX: usize = PAGE_PACKETS_MAX * 255 - 1;

/// The longest page there is.
pub const PAGE_OCTETS_MAX: usize = HEAD + 255 + 255 * 255;

const BEGINS: u8 = 2;
const ENDS: u8 = 4;

/// A page that is filled: whole packets alone.
#[derive(Debug, Default)]
pub struct Page {
    lengths: Vec<u8>,
    body: Vec<u8>,
    packets: usize,
}

/// Which page of a stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub serial: u32,
    pub sequence: u32,
    /// Samples at 48 kHz up to its end (RFC 7845 4).
    pub granule: u64,
    pub begins: bool,
    pub ends: bool,
}

impl Page {
    pub fn is_empty(&self) -> bool {
        self.packets == 0
    }

    pub fn packets(&self) -> usize {
        self.packets
    }

    /// False: it does not fit any more.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        let segments = packet.len() / 255 + 1;
        if self.lengths.len() + segments > 255 {
            return false;
        }
        self.lengths.extend(std::iter::repeat_n(255, segments - 1));
        self.lengths.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
        self.packets += 1;
        true
    }

    /// Adds the page to `octets`, and is empty.
    pub fn write(&mut self, place: Place, octets: &mut Vec<u8>) {
        let from = octets.len();
        octets.extend_from_slice(b"OggS\0");
        octets.push(if place.begins { BEGINS } else { 0 } | if place.ends { ENDS } else { 0 });
        octets.extend_from_slice(&place.granule.to_le_bytes());
        octets.extend_from_slice(&place.serial.to_le_bytes());
        octets.extend_from_slice(&place.sequence.to_le_bytes());
        octets.extend_from_slice(&[0; 4]);
        octets.push(self.lengths.len() as u8);
        octets.append(&mut self.lengths);
        octets.append(&mut self.body);
        self.packets = 0;
        seal(&mut octets[from..]);
    }
}

/// The last whole page in the end of a file: where it begins there, how long it is, and what it is.
pub fn last_page(octets: &[u8]) -> Option<(usize, usize, Place)> {
    (0..octets.len().saturating_sub(HEAD)).rev().find_map(|from| {
        let (length, place) = read(&octets[from..])?;
        Some((from, length, place))
    })
}

/// Says of a page that it is its stream's last.
pub fn end(page: &mut [u8]) {
    if let Some(flags) = page.get_mut(5) {
        *flags |= ENDS;
        seal(page);
    }
}

/// The page that these octets begin with: its length and what it is. `None`: none, or a torn one.
pub fn read(octets: &[u8]) -> Option<(usize, Place)> {
    let head = octets.first_chunk::<HEAD>()?;
    if !head.starts_with(b"OggS\0") {
        return None;
    }
    let lengths = octets.get(HEAD..HEAD + usize::from(head[26]))?;
    let length = HEAD + lengths.len() + lengths.iter().map(|length| usize::from(*length)).sum::<usize>();
    let page = octets.get(..length)?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    (sum(page) == word(22)).then_some(())?;
    let granule = u64::from(word(6)) | u64::from(word(10)) << 32;
    let (begins, ends) = (head[5] & BEGINS != 0, head[5] & ENDS != 0);
    Some((length, Place { serial: word(14), sequence: word(18), granule, begins, ends }))
}

fn seal(page: &mut [u8]) {
    let sum = sum(page);
    if let Some(place) = page.get_mut(22..26) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
}

/// The checksum of a page, as if its own place were empty: the polynomial 0x04c11db7, from the highest bit on.
fn sum(page: &[u8]) -> u32 {
    page.iter().enumerate().fold(0, |sum, (at, octet)| {
        let octet = if (22..26).contains(&at) { 0 } else { *octet };
        sum << 8 ^ SUMS[(sum >> 24) as usize ^ usize::from(octet)]
    })
}

static SUMS: [u32; 256] = {
    let (mut sums, mut octet) = ([0; 256], 0);
    while octet < 256 {
        let (mut sum, mut bit) = ((octet as u32) << 24, 0);
        while bit < 8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
            bit += 1;
        }
        sums[octet] = sum;
        octet += 1;
    }
    sums
};

/// Adds an Opus packet of one frame with its length in front, so that another can follow it. What has more frames than
/// one, which no encoder of ours makes of 20 ms, is left empty: a decoder conceals it.
pub fn delimit(packet: &[u8], octets: &mut Vec<u8>) {
    let first = packet.first().copied().unwrap_or(0);
    let frame = if first & 3 == 0 { packet.get(1..).unwrap_or_default() } else { &[] };
    octets.push(first & !3);
    match u8::try_from(frame.len()) {
        Ok(length) if length < 252 => octets.push(length),
        Ok(_) | Err(_) => {
            // RFC 6716 3.2.1: the second octet counts fours.
            let first = 252 | (frame.len() & 3);
            octets.extend([first as u8, ((frame.len() - first) / 4) as u8]);
        }
    }
    octets.extend_from_slice(frame);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { serial: 7, sequence: 3, granule: 1 << 33 | 960, begins: false, ends: false };

    /// A page is read as it was written; torn or changed it is none, and the last whole one is found.
    #[test]
    fn pages_are_written_and_found() {
        let (mut page, mut octets) = (Page::default(), Vec::new());
        for length in [0, 1, 254, 255, 256, 1_000] {
            assert!(page.push(&vec![length as u8; length]));
        }
        page.write(PLACE, &mut octets);
        assert!(page.is_empty());
        assert_eq!(read(&octets), Some((octets.len(), PLACE)));
        let whole = octets.len();
        assert!(page.push(b"OggS\0 is in it"));
        page.write(Place { sequence: 4, begins: true, ends: true, ..PLACE }, &mut octets);
        for cut in whole..octets.len() {
            assert_eq!(last_page(&octets[..cut]), Some((0, whole, PLACE)), "cut at {cut}");
        }
        let (from, length, place) = last_page(&octets).unwrap();
        assert_eq!((from, from + length, place.sequence, place.begins), (whole, octets.len(), 4, true));
        for at in 0..whole {
            octets[at] ^= 1;
            assert_eq!(read(&octets), None, "changed at {at}");
            octets[at] ^= 1;
        }
        end(&mut octets[..whole]);
        assert_eq!(read(&octets), Some((whole, Place { ends: true, ..PLACE })));
        assert_eq!(last_page(&[]), None);
        let mut full = Page::default();
        while full.push(&[1]) {}
        assert_eq!(full.packets(), PAGE_PACKETS_MAX);
        assert!(
            !Page::default().push(&vec![0; PACKET_OCTETS_MAX + 1]) && Page::default().push(&vec![0; PACKET_OCTETS_MAX])
        );
    }

    /// The checksum of a page of another program: the first of `sip-tests/corpus/upload/tone.ogg`.
    #[test]
    fn another_programs_page_is_read() {
        let file = include_bytes!("../../sip-tests/corpus/upload/tone.ogg");
        let (length, first) = read(file).unwrap();
        assert!(first.begins && first.sequence == 0);
        assert_eq!(read(&file[length..]).unwrap().1.sequence, 1);
    }

    /// RFC 6716 B: lengths of one octet and of two.
    #[test]
    fn frames_are_delimited() {
        for length in [0, 1, 251, 252, 253, 254, 255, 256, 500, 1_275] {
            let mut packet = vec![9; length + 1];
            packet[0] = 0x48;
            let mut octets = Vec::new();
            delimit(&packet, &mut octets);
            let (told, from) = match octets[1] {
                short @ 0..=251 => (usize::from(short), 2),
                long => (usize::from(long) + 4 * usize::from(octets[2]), 3),
            };
            assert_eq!((octets[0], told, &octets[from..]), (0x48, length, &packet[1..]), "{length}");
        }
        let mut octets = Vec::new();
        delimit(&[0x4b, 2, 1, 1], &mut octets);
        assert_eq!(octets, [0x48, 0]);
    }
}
