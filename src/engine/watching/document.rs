//! One state of something watched, written once for all who watch it.

use bytes::{Bytes, BytesMut};

use crate::sip::Body;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Document {
    content_type: &'static str,
    head: Bytes,
    /// What stands behind the version; `None` where there is none.
    tail: Option<Bytes>,
}

impl Document {
    pub fn plain(content_type: &'static str, text: String) -> Self {
        Self { content_type, head: text.into(), tail: None }
    }

    /// With a place for a version, which counts in each subscription by itself (RFC 4235 4.1).
    pub fn versioned(content_type: &'static str, head: String, tail: String) -> Self {
        Self { content_type, head: head.into(), tail: Some(tail.into()) }
    }

    pub fn body(&self, version: u32) -> Body {
        let bytes = match &self.tail {
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
