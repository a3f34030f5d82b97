//! Text ↔ validated values: the main file with the environment over it, the centre's files, and the way back.
//!
//! Pure: texts are handed in and handed out; the shell reads and writes the files. The types of the centre belong to
//! `switch` and `acd`; here is only how they are written down. Whatever is wrong with a text is a [`Fault`] with file,
//! line and hint, and all of them are told together.

mod centre;
mod devices;
mod differ;
mod fault;
mod hep;
mod listener;
mod load;
mod near;
mod notify;
mod read;
mod server;
mod tls;
mod words;

pub use crate::base::Endpoint;
pub use centre::{BUILT_IN, BUILT_IN_WORD, CentreFiles, ClipFile, RANGE_MAX, difference, dump};
pub use differ::{server_difference, without_values};
pub use fault::{At, Fault, Faults, Mark, Places, Source};
pub use hep::HepSettings;
pub use listener::{LISTENERS_MAX, Listener, ListenerKind};
pub use load::{Included, Loaded, includes, load, server_as_read};
pub use notify::NotifySettings;
pub use server::{
    ENVIRONMENT_PREFIX, HttpSettings, JournalSync, Limits, LogFormat, LogSettings, RtpSettings, ServerSettings,
    SipSettings, StoreSettings, level_fault,
};
pub use tls::{OwnCertificate, TRUSTED, TlsSettings};
