//! The certificate that is made at first start when the settings name none.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rcgen::{CertificateParams, DnType, KeyPair};

use crate::{
    net::{Tls, TlsSettings, check_authorities},
    settings::{At, Faults, Places, ServerSettings, TRUSTED},
};

/// In the data folder.
const FOLDER: &str = "tls";

/// Where the certificates are. Without one in the settings a self-signed one is made, once, for the names and addresses
/// that are listened on; it is good for a demo and for phones that are told to trust it.
pub fn find(server: &ServerSettings, folder: &Path, data: &Path) -> io::Result<TlsSettings> {
    let (certificate, key) = match &server.tls.own {
        Some(own) => (folder.join(&own.certificate.value), folder.join(&own.key.value)),
        None => own(server, data)?,
    };
    Ok(TlsSettings {
        certificate,
        key,
        client_authorities: server.tls.client_authorities.as_ref().map(|file| folder.join(&file.value)),
        client_required: server.tls.client_required,
        trusted: folder.join(server.tls.trusted.as_ref().map_or(TRUSTED, |file| &file.value)),
    })
}

/// Whether the files that `[tls]` names can be read and used. Nothing is made.
pub fn check(server: &ServerSettings, folder: &Path, places: &Places) -> Result<(), Faults> {
    check_own(server, folder, places)?;
    for named in [&server.tls.client_authorities, &server.tls.trusted].into_iter().flatten() {
        check_authorities(&folder.join(&named.value)).map_err(|error| told(places, named, &error.to_string()))?;
    }
    Ok(())
}

fn check_own(server: &ServerSettings, folder: &Path, places: &Places) -> Result<(), Faults> {
    let Some(own) = &server.tls.own else { return Ok(()) };
    let settings = find(server, folder, folder).map_err(|why| told(places, &own.certificate, &why.to_string()))?;
    let Err(error) = Tls::new(settings) else { return Ok(()) };
    let named = [Some(&own.certificate), Some(&own.key), server.tls.client_authorities.as_ref()];
    let at = named.into_iter().flatten().find(|named| folder.join(&named.value) == error.path());
    Err(told(places, at.unwrap_or(&own.certificate), &error.to_string()))
}

fn told(places: &Places, at: &At<String>, why: &str) -> Faults {
    let hint =
        "PEM files are looked for beside the main file, and the user that runs the switch must be able to read them";
    Faults(vec![places.fault(at.mark, why, Some(String::from(hint)))])
}

fn own(server: &ServerSettings, data: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let folder = data.join(FOLDER);
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    let mut names = BTreeSet::from([String::from("localhost")]);
    names.extend(server.sip.advertised.clone());
    let addresses = server.sip.listen.iter().map(|listener| listener.address.ip());
    names.extend(addresses.filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string()));
    let mut params = CertificateParams::new(names.into_iter().collect::<Vec<_>>()).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, "strowger, self-signed");
    let pair = KeyPair::generate().map_err(io::Error::other)?;
    let made = params.self_signed(&pair).map_err(io::Error::other)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    write(&key, &pair.serialize_pem())?;
    write(&certificate, &made.pem())?;
    tracing::info!(certificate = %certificate.display(), "a self-signed certificate was made");
    Ok((certificate, key))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::settings::{Source, load};

    /// OP-06: files of a certificate that can't be used are a fault where they are named.
    #[test]
    fn op_06_a_certificate_that_cannot_be_used_is_told_where_it_is_named() {
        let folder = crate::store::scratch::Scratch::new("certificate-check");
        let made = own(&ServerSettings::preset(), &folder).unwrap();
        fs::copy(&made.0, folder.join("good.pem")).unwrap();
        fs::copy(&made.1, folder.join("good.key")).unwrap();
        fs::write(folder.join("no.pem"), "nothing").unwrap();
        let said = |certificate: &str, key: &str| {
            let text = format!("[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n");
            let loaded = load(Source::new("x.toml", text), Vec::new(), &[]).unwrap();
            check(&loaded.server, &folder, &loaded.places).err().map(|faults| faults.to_string()).unwrap_or_default()
        };
        assert_eq!(said("good.pem", "good.key"), "");
        assert!(said("gone.pem", "good.key").starts_with("x.toml:2:15: "), "{}", said("gone.pem", "good.key"));
        assert!(said("good.pem", "no.pem").starts_with("x.toml:3:7: "), "{}", said("good.pem", "no.pem"));
    }

    /// OP-06: files of authorities too, with a certificate of our own or without.
    #[test]
    fn op_06_authorities_that_cannot_be_used_are_told_where_they_are_named() {
        let folder = crate::store::scratch::Scratch::new("authorities-check");
        let made = own(&ServerSettings::preset(), &folder).unwrap();
        fs::copy(&made.0, folder.join("good.pem")).unwrap();
        fs::write(folder.join("no.pem"), "nothing").unwrap();
        let said = |line: &str| {
            let loaded = load(Source::new("x.toml", format!("[tls]\n{line}\n")), Vec::new(), &[]).unwrap();
            check(&loaded.server, &folder, &loaded.places).err().map(|faults| faults.to_string()).unwrap_or_default()
        };
        for (key, column) in [("client_authorities", 22), ("trusted", 11)] {
            assert_eq!(said(&format!("{key} = \"good.pem\"")), "");
            for (file, why) in [("gone.pem", "No such file"), ("no.pem", "no certificate in it")] {
                let said = said(&format!("{key} = \"{file}\""));
                assert!(said.starts_with(&format!("x.toml:2:{column}: ")) && said.contains(why), "{said}");
            }
        }
        assert_eq!(said(&format!("trusted = \"{TRUSTED}\"")), "", "a distribution may have none");
    }

    /// SW-03: made once, kept for the next start, its key readable for nobody else, and good for TLS.
    #[test]
    fn a_certificate_is_made_once() {
        let data = crate::store::scratch::Scratch::new("certificate");
        let server = ServerSettings::preset();
        let first = find(&server, Path::new("."), &data).unwrap();
        let text = fs::read_to_string(&first.certificate).unwrap();
        assert_eq!(fs::metadata(&first.key).unwrap().permissions().mode() & 0o777, 0o600);
        let second = find(&server, Path::new("."), &data).unwrap();
        assert_eq!(second, first);
        assert_eq!(fs::read_to_string(&second.certificate).unwrap(), text);
        Tls::new(second).unwrap();
    }
}
