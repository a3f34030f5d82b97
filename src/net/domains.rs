//! Which SIP domains a certificate is for (RFC 5922 7.1).

use rustls::pki_types::CertificateDer;
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use crate::wire::sip::Uri;

/// Domains of one certificate; the rest is not looked at.
const DOMAINS_MAX: usize = 64;

/// In small letters, each once. Of `subjectAltName` the `sip:` URIs without a user and the DNS names; the subject's
/// common name only where there is no `subjectAltName` at all. A wildcard is a domain of that very name, and so
/// nobody's (7.2).
pub fn domains(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = parse_x509_certificate(certificate) else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |name: &str| {
        let name = name.to_ascii_lowercase();
        if found.len() < DOMAINS_MAX && !name.is_empty() && !found.contains(&name) {
            found.push(name);
        }
    };
    match certificate.subject_alternative_name() {
        Ok(Some(names)) => {
            for name in &names.value.general_names {
                match name {
                    GeneralName::DNSName(name) => add(name),
                    GeneralName::URI(uri) => domain_of(uri).iter().for_each(|name| add(name)),
                    GeneralName::OtherName(..)
                    | GeneralName::RFC822Name(_)
                    | GeneralName::X400Address(_)
                    | GeneralName::DirectoryName(_)
                    | GeneralName::EDIPartyName(_)
                    | GeneralName::IPAddress(_)
                    | GeneralName::RegisteredID(_)
                    | GeneralName::Invalid(..) => {}
                }
            }
        }
        Ok(None) => certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).for_each(add),
        // Twice the same extension, or one that can't be read, says nothing.
        Err(_) => {}
    }
    found
}

/// `sip:carrier.example`; one with a user is about somebody there, not about the domain.
fn domain_of(uri: &str) -> Option<String> {
    let uri = Uri::parse(uri).ok()?;
    (uri.scheme.eq_ignore_ascii_case("sip") && uri.user.is_none()).then(|| uri.host.to_string())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn of(names: &[&str], uris: &[&str]) -> Vec<String> {
        let mut params =
            CertificateParams::new(names.iter().map(|name| String::from(*name)).collect::<Vec<_>>()).unwrap();
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        params.distinguished_name.push(DnType::CommonName, "Common.example");
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        domains(made.der())
    }

    /// SW-03, RFC 5922 7.1: a certificate is for its DNS names and the domains of its SIP URIs; its common name counts where
    /// there is nothing else.
    #[test]
    fn sw_03_a_certificate_is_for_its_domains() {
        assert_eq!(of(&["SIP.carrier.example", "sip.carrier.example"], &[]), ["sip.carrier.example"]);
        let uris = ["sip:carrier.example", "sip:ana@users.example", "https://web.example/", "sips:secure.example"];
        assert_eq!(of(&["a.example", "192.0.2.1"], &uris), ["a.example", "carrier.example"]);
        assert_eq!(of(&[], &["sip:ana@users.example"]), [""; 0], "its owner is a person");
        assert_eq!(of(&[], &[]), ["common.example"]);
        assert_eq!(domains(&CertificateDer::from(vec![0x30, 3, 1, 2])), [""; 0]);
    }
}
