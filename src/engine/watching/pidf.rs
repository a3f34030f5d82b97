//! Presence documents: PIDF (RFC 3863) with RPID (RFC 4480), read from phones and written for watchers.

use quick_xml::{Reader, events::Event};
use serde::{Deserialize, Deserializer, Serialize};

use super::xml::escaped;

pub(super) const TYPE: &str = "application/pidf+xml";

/// Elements within elements; a presence document has six.
const DEPTH_MAX: usize = 16;

/// Characters of a note that are kept.
const NOTE_MAX: usize = 128;

/// What people do, of RFC 4480 3.2; what else a phone says is not passed on.
const ACTIVITIES: [&str; 25] = [
    "appointment",
    "away",
    "breakfast",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "looking-for-work",
    "lunch",
    "meal",
    "meeting",
    "on-the-phone",
    "performance",
    "permanent-absence",
    "playing",
    "presentation",
    "shopping",
    "sleeping",
    "spectator",
    "steering",
    "travel",
    "tv",
    "vacation",
    "working",
    "worship",
];

/// One of [`ACTIVITIES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Activity(&'static str);

impl<'de> Deserialize<'de> for Activity {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Self::named(name.as_bytes()).ok_or_else(|| serde::de::Error::custom("no activity of RFC 4480"))
    }
}

impl Activity {
    pub const ON_THE_PHONE: Self = Self("on-the-phone");
    pub const MEETING: Self = Self("meeting");
    pub const BUSY: Self = Self("busy");

    fn named(name: &[u8]) -> Option<Self> {
        ACTIVITIES.into_iter().find(|known| known.as_bytes() == name).map(Self)
    }
}

/// What a presence document says.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    pub open: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Box<str>>,
}

/// Where a text stands that means something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Basic,
    Note,
    Elsewhere,
}

impl Place {
    fn of(name: &[u8]) -> Self {
        match name {
            b"basic" => Self::Basic,
            b"note" => Self::Note,
            _ => Self::Elsewhere,
        }
    }
}

/// A document while it is read.
#[derive(Default)]
struct Draft {
    /// Names of the elements around.
    around: Vec<Place>,
    in_activities: bool,
    rooted: bool,
    basics: Vec<String>,
    activity: Option<Activity>,
    note: String,
    notes: usize,
}

impl Seen {
    /// Reads what a phone has published. `Err` says what is wrong with it.
    pub fn read(document: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(document).map_err(|_| "Not UTF-8")?;
        let mut reader = Reader::from_str(text);
        let mut draft = Draft::default();
        loop {
            match reader.read_event().map_err(|_| "Bad XML")? {
                Event::Start(element) => draft.enter(element.local_name().as_ref())?,
                Event::Empty(element) => {
                    draft.enter(element.local_name().as_ref())?;
                    draft.leave();
                }
                Event::End(_) => draft.leave(),
                Event::Text(text) => draft.text(&text.decode().map_err(|_| "Bad XML")?),
                Event::GeneralRef(reference) => {
                    let named = reference.decode().map_err(|_| "Bad XML")?;
                    let numbered = reference.resolve_char_ref().map_err(|_| "Bad XML")?.map(String::from);
                    let known = numbered.as_deref().or_else(|| quick_xml::escape::resolve_predefined_entity(&named));
                    draft.text(known.ok_or("Unknown Entity")?);
                }
                Event::CData(text) => draft.text(&text.decode().map_err(|_| "Bad XML")?),
                // A document type is the door to every known attack on XML, and no phone sends one.
                Event::DocType(_) => return Err("Document Type"),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => return draft.finish(),
            }
        }
    }

    /// The document for who watches `entity`.
    pub fn write(&self, entity: &str) -> String {
        let entity = escaped(entity);
        let basic = if self.open { "open" } else { "closed" };
        let activities = self
            .activity
            .map_or_else(String::new, |Activity(name)| format!("<rpid:activities><rpid:{name}/></rpid:activities>"));
        let note = |name: &str| {
            let note = self.note.as_ref();
            note.map_or_else(String::new, |note| format!("<{name}>{}</{name}>", escaped(note)))
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" \
             entity=\"{entity}\">\r\n<tuple id=\"line\"><status><basic>{basic}</basic></status>\
             <contact>{entity}</contact>{}</tuple>\r\n<dm:person id=\"person\">{activities}{}</dm:person>\r\n\
             </presence>\r\n",
            note("note"),
            note("dm:note"),
        )
    }
}

impl Draft {
    fn enter(&mut self, name: &[u8]) -> Result<(), &'static str> {
        if self.around.len() >= DEPTH_MAX {
            return Err("Too Deep");
        }
        if self.around.is_empty() {
            if self.rooted || name != b"presence" {
                return Err("Not A Presence Document");
            }
            self.rooted = true;
        }
        if self.in_activities {
            self.activity = self.activity.or_else(|| Activity::named(name));
        }
        self.in_activities = name == b"activities";
        let place = Place::of(name);
        match place {
            Place::Basic => self.basics.push(String::new()),
            Place::Note => self.notes += 1,
            Place::Elsewhere => {}
        }
        self.around.push(place);
        Ok(())
    }

    fn leave(&mut self) {
        // The reader has seen to it that every end has its start.
        self.around.pop();
        self.in_activities = false;
    }

    fn text(&mut self, text: &str) {
        match self.around.last() {
            Some(Place::Basic) => {
                if let Some(basic) = self.basics.last_mut() {
                    basic.push_str(text);
                }
            }
            // The first note counts.
            Some(Place::Note) if self.notes == 1 => {
                let room = NOTE_MAX.saturating_sub(self.note.chars().count());
                self.note.extend(text.chars().take(room));
            }
            Some(Place::Note | Place::Elsewhere) | None => {}
        }
    }

    fn finish(self) -> Result<Seen, &'static str> {
        if !self.rooted || !self.around.is_empty() {
            return Err("Not A Presence Document");
        }
        let note = self.note.trim();
        Ok(Seen {
            // Reachable on one of his devices is reachable. A document that says nothing of it says that he is there.
            open: self.basics.is_empty() || self.basics.iter().any(|basic| basic.trim() == "open"),
            activity: self.activity,
            note: (!note.is_empty()).then(|| note.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SW-14: what a phone publishes is read as it means it, whatever prefixes it uses; and what is written can be read.
    #[test]
    fn a_phones_document_is_understood() {
        let text = "<?xml version=\"1.0\"?><p:presence xmlns:p=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@b\">\
                    <p:tuple id=\"x\"><p:status><p:basic> open </p:basic></p:status></p:tuple>\
                    <d:person><r:activities><r:vacation/><r:meal/></r:activities><d:note>away &amp; &#x3c;far</d:note>\
                    <d:note>second</d:note></d:person></p:presence>";
        let seen = Seen::read(text.as_bytes()).unwrap();
        assert_eq!(seen, Seen { open: true, activity: Some(Activity("vacation")), note: Some("away & <far".into()) });
        assert_eq!(Seen::read(seen.write("sip:ana@x").as_bytes()), Ok(seen));
    }

    /// SW-14: a document that is none, or would harm, is refused and says why.
    #[test]
    fn a_harmful_document_is_refused() {
        let deep = format!("<presence>{}", "<a>".repeat(10_000));
        let cases = [
            ("<presence><tuple>", "Not A Presence Document"),
            ("", "Not A Presence Document"),
            ("<presence/><presence/>", "Not A Presence Document"),
            ("<dialog-info/>", "Not A Presence Document"),
            ("<!DOCTYPE x [<!ENTITY a \"b\">]><presence/>", "Document Type"),
            ("<presence><note>&a;</note></presence>", "Unknown Entity"),
            ("<presence></note>", "Bad XML"),
            (&deep, "Too Deep"),
        ];
        for (text, why) in cases {
            assert_eq!(Seen::read(text.as_bytes()), Err(why), "{}", &text[..text.len().min(60)]);
        }
        assert_eq!(Seen::read(b"\xff"), Err("Not UTF-8"));
    }
}
