//! One state of something watched, written once for all who watch it.

use bytes::{Bytes, BytesMut};

use crate::sip::Body;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Document {
    content_type: &'static str,
    head: Bytes,
    /// What stands behind the version; `None` where there is none.
    tail: Option<Bytes>,
    /// The same for who may pick up what rings, where that is more.
    tail_for_colleagues: Option<Bytes>,
}

impl Document {
    pub fn plain(content_type: &'static str, text: String) -> Self {
        Self { content_type, head: text.into(), tail: None, tail_for_colleagues: None }
    }

    /// With a place for a version, which counts in each subscription by itself (RFC 4235 4.1).
    pub fn versioned(content_type: &'static str, head: String, tail: String, for_colleagues: Option<String>) -> Self {
        let tail_for_colleagues = for_colleagues.map(Bytes::from);
        Self { content_type, head: head.into(), tail: Some(tail.into()), tail_for_colleagues }
    }

    pub fn body(&self, version: u32, for_colleague: bool) -> Body {
        let for_colleague = self.tail_for_colleagues.as_ref().filter(|_| for_colleague);
        let bytes = match for_colleague.or(self.tail.as_ref()) {
            None => self.head.clone(),
            Some(tail) => {
                let version = version.to_string();
                let mut bytes = BytesMut::with_capacity(self.head.len() + version.len() + tail.len());
                for part in [&self.head[..], version.as_bytes(), &tail[..]] {
                    bytes.extend_from_slice(part);
                }
                bytes.freeze()
            }
        };
        Body::new(self.content_type, bytes)
    }
}
