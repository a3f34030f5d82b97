//! `[notify]` of the main file: a program elsewhere that is told what people should know.

use super::read::Section;
use crate::base::{Endpoint, Private};

/// Shorter ones can be guessed.
const SECRET_MIN: usize = 16;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifySettings {
    /// `None`: only pages are told.
    pub webhook: Option<Endpoint>,
    /// Signs what is sent there.
    pub secret: Option<Private<String>>,
}

pub(super) fn read(notify: &Section<'_>) -> NotifySettings {
    let given = |key| notify.text(key).filter(|text| !text.value.is_empty());
    let webhook =
        given("webhook").and_then(|text| notify.parse_by(&text, "webhook", Endpoint::EXPECTED, Endpoint::parse));
    NotifySettings { webhook: webhook.map(|at| at.value), secret: read_secret(notify) }
}

/// `secret`: signs what is sent to a program elsewhere.
pub(super) fn read_secret(section: &Section<'_>) -> Option<Private<String>> {
    let secret = section.text("secret").filter(|text| !text.value.is_empty())?;
    if secret.value.len() < SECRET_MIN {
        let problem = format!("secret: expected at least {SECRET_MIN} characters");
        section.fault(secret.mark, problem, Some(String::from("for example the output of: openssl rand -hex 32")));
    }
    Some(Private::new(secret.value))
}

#[cfg(test)]
mod tests {
    use super::super::{Source, load};

    /// SV-05, OP-06: an address that is none, or a secret that can be guessed, is a fault with its place.
    #[test]
    fn sv_05_a_webhook_is_a_whole_address() {
        let said = |text: &'static str| load(Source::new("x.toml", text), Vec::new(), &[]).unwrap_err().to_string();
        let text = "[notify]\nwebhook = \"hooks.example\"\n";
        assert!(said(text).contains("x.toml:2:11: webhook: expected an address"), "{}", said(text));
        let text = "[notify]\nsecret = \"short\"\n";
        assert!(said(text).contains("x.toml:2:10: secret: expected at least 16"), "{}", said(text));
        let text = "[notify]\nwebhook = \"https://hooks.example/x\"\nsecret = \"0123456789abcdef\"\n";
        let notify = load(Source::new("x.toml", text), Vec::new(), &[]).unwrap().server.notify;
        assert_eq!(notify.webhook.unwrap().to_string(), "https://hooks.example/x");
    }
}
