//! Passwords made at first start: printed once, kept as hashes in the data folder.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    api::password,
    base::{Private, UserId},
    engine::Centre,
    sip::digest::Ha1,
    switch::User,
};

/// In the data folder.
const FILE: &str = "passwords.toml";

/// Letters and digits that can't be mistaken for one another: 5 bits each, 100 bits a password.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const PASSWORD_LENGTH: usize = 20;

#[derive(Serialize, Deserialize)]
struct Kept {
    realm: String,
    ha1_md5: String,
    ha1_sha256: String,
    page: String,
}

/// A password just made; shown once and never again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fresh {
    pub user: String,
    pub password: Private<String>,
}

/// Passwords just made and what is to be kept of them. Until [`Unsaved::save`] nothing has happened: a start that fails
/// must not leave passwords behind that nobody has seen.
pub struct Unsaved {
    pub fresh: Vec<Fresh>,
    path: PathBuf,
    kept: BTreeMap<String, Kept>,
}

impl Unsaved {
    pub fn save(&self) -> io::Result<()> {
        if self.fresh.is_empty() { Ok(()) } else { write(&self.path, &self.kept) }
    }
}

/// Gives every user in `generated` the hashes kept in `folder`, or makes a password for who has none there (or one of
/// another realm).
pub fn fill(centre: &mut Centre, generated: &[UserId], folder: &Path, realm: &str) -> io::Result<Unsaved> {
    let path = folder.join(FILE);
    if generated.is_empty() {
        return Ok(Unsaved { fresh: Vec::new(), path, kept: BTreeMap::new() });
    }
    let mut kept = read(&path)?;
    let mut fresh = Vec::new();
    for user in centre.users.iter_mut().filter(|user| generated.contains(&user.id)) {
        let name = user.name.as_str().to_owned();
        let known = kept.get(&name).filter(|kept| kept.realm == realm);
        let entry = match known {
            Some(_) => kept.remove(&name),
            None => {
                let password = new_password()?;
                let entry = hashes(&name, realm, &password)?;
                fresh.push(Fresh { user: name.clone(), password: Private::new(password) });
                Some(entry)
            }
        };
        if let Some(entry) = entry {
            give(user, &entry);
            kept.insert(name, entry);
        }
    }
    Ok(Unsaved { fresh, path, kept })
}

/// Gives every user in `generated` the hashes kept in `folder`, where there are some. Makes nothing.
pub fn recall(centre: &mut Centre, generated: &[UserId], folder: &Path, realm: &str) -> io::Result<()> {
    if generated.is_empty() {
        return Ok(());
    }
    let kept = read(&folder.join(FILE))?;
    for user in centre.users.iter_mut().filter(|user| generated.contains(&user.id)) {
        if let Some(entry) = kept.get(user.name.as_str()).filter(|kept| kept.realm == realm) {
            give(user, entry);
        }
    }
    Ok(())
}

fn give(user: &mut User, kept: &Kept) {
    user.ha1 = Some(Ha1 { md5: kept.ha1_md5.clone(), sha256: kept.ha1_sha256.clone() });
    user.page_password.get_or_insert_with(|| Private::new(kept.page.clone()));
}

fn hashes(name: &str, realm: &str, password: &str) -> io::Result<Kept> {
    let ha1 = Ha1::new(name, realm, password);
    let page = password::hash(password).map_err(io::Error::other)?.into_inner();
    Ok(Kept { realm: realm.to_owned(), ha1_md5: ha1.md5, ha1_sha256: ha1.sha256, page })
}

fn new_password() -> io::Result<String> {
    let bytes = random::<PASSWORD_LENGTH>()?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

/// Randomness from the system.
#[expect(clippy::disallowed_methods, reason = "the shell asks the system")]
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn read(path: &PathBuf) -> io::Result<BTreeMap<String, Kept>> {
    match fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let why = format!(
                "{}:{line}: {}\n    hint: mend that line, or move the file away: then others are made and shown",
                path.display(),
                error.message()
            );
            io::Error::new(io::ErrorKind::InvalidData, why)
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// Whole or not at all: written beside, then moved over.
fn write(path: &Path, kept: &BTreeMap<String, Kept>) -> io::Result<()> {
    let beside = path.with_extension("new");
    let text = toml::to_string(kept).map_err(io::Error::other)?;
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(
        b"# Hashes of passwords that were made at first start. Take an entry out to have a new one made.\n\n",
    )?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use argon2::{Argon2, PasswordVerifier, password_hash::PasswordHash};

    use super::*;
    use crate::settings::{Source, load};

    fn centre(realm: &str) -> (Centre, Vec<UserId>) {
        let text =
            format!("realm = \"{realm}\"\n[[user]]\nkey = \"ana\"\ngenerate_password = true\n[[user]]\nkey = \"x\"\n");
        let loaded = load(Source::new("t", text), Vec::new(), &[]).unwrap();
        (loaded.files.centre, loaded.files.generated)
    }

    /// A second start knows the password of the first and prints nothing.
    #[test]
    fn a_generated_password_is_told_once_and_kept() {
        let folder = crate::store::scratch::Scratch::new("credentials");
        let (mut first, generated) = centre("r");
        let unsaved = fill(&mut first, &generated, &folder, "r").unwrap();
        assert!(!folder.join(FILE).exists(), "kept before anybody has seen it");
        unsaved.save().unwrap();
        let fresh = unsaved.fresh;
        assert_eq!(fresh.len(), 1);
        let password = fresh[0].password.reveal();
        assert_eq!(password.len(), PASSWORD_LENGTH);
        assert!(first.users[0].ha1 == Some(Ha1::new("ana", "r", password)));
        assert!(first.users[1].ha1.is_none());
        let page = first.users[0].page_password.clone().unwrap().into_inner();
        Argon2::default().verify_password(password.as_bytes(), &PasswordHash::new(&page).unwrap()).unwrap();

        let text = fs::read_to_string(folder.join(FILE)).unwrap();
        assert!(!text.contains(password.as_str()), "the password itself is on disk");
        assert_eq!(fs::metadata(folder.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);

        let (mut second, generated) = centre("r");
        assert!(fill(&mut second, &generated, &folder, "r").unwrap().fresh.is_empty());
        assert!(second == first);

        let (mut third, generated) = centre("other");
        assert_eq!(
            fill(&mut third, &generated, &folder, "other").unwrap().fresh.len(),
            1,
            "another realm needs new hashes"
        );
    }
}
