//! `[tls]`: certificates for TLS and WSS listeners.

use super::{
    fault::At,
    read::{Section, or},
};

/// Where a distribution keeps the authorities that everybody trusts, if it has them installed.
pub const TRUSTED: &str = "/etc/ssl/certs/ca-certificates.crt";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificate and key in PEM, relative to the main file; `None`: a self-signed one is made in the data folder.
    pub own: Option<OwnCertificate>,
    /// Authorities of the certificates that phones and carriers may show.
    pub client_authorities: Option<At<String>>,
    pub client_required: bool,
    /// Authorities that vouch for carriers; `None`: those of the distribution, which may have none.
    pub trusted: Option<At<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    pub certificate: At<String>,
    pub key: At<String>,
}

pub(super) fn read(tls: &Section<'_>) -> TlsSettings {
    let given = |key| tls.text(key).filter(|text| !text.value.is_empty());
    let own = match (given("certificate"), given("key")) {
        (Some(certificate), Some(key)) => Some(OwnCertificate { certificate, key }),
        (None, None) => None,
        (Some(one), None) => {
            tls.fault(one.mark, "certificate: needs its key too", Some(String::from("add key = \"….pem\"")));
            None
        }
        (None, Some(one)) => {
            tls.fault(one.mark, "key: needs its certificate too", Some(String::from("add certificate = \"….pem\"")));
            None
        }
    };
    let client_authorities = given("client_authorities");
    let required = tls.one_of("client_certificates", &[("optional", false), ("required", true)]);
    if let (Some(required), None) = (&required, &client_authorities)
        && required.value
    {
        let hint = Some(String::from("name the file of their authorities: client_authorities = \"….pem\""));
        tls.fault(required.mark, "client_certificates: nobody could show one that is trusted", hint);
    }
    TlsSettings {
        own,
        client_authorities,
        client_required: or(required, false),
        trusted: given("trusted").filter(|text| text.value != TRUSTED),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Source, load};

    /// OP-06: half a certificate, or a demand that nobody could meet, is a fault with its place.
    #[test]
    fn half_a_certificate_is_a_fault() {
        let text = "[tls]\ncertificate = \"own.pem\"\nclient_certificates = \"required\"\n";
        let said = load(Source::new("x.toml", text), Vec::new(), &[]).unwrap_err().to_string();
        assert!(said.contains("x.toml:2:15: certificate: needs its key too"), "{said}");
        assert!(said.contains("x.toml:3:23: client_certificates: nobody could show one"), "{said}");
    }
}
