//! Who may come in: Basic authentication against the users of a file.
//!
//! Source: RFC 7617. A password takes tens of milliseconds and 19 MiB to check, on purpose: so few are
//! checked at a time, the queue is bounded, and who was let in is known again for a while by a keyed digest,
//! which costs a microsecond.
//! Not here: the file (`crate::files::users`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::{hmac, rand};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine, alphabet};
use http::HeaderValue;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::files::Users;
use crate::socket::error::{Error, Kind, Op, Result};

/// So many passwords are checked at a time, and so many may wait for that.
const AT_A_TIME: usize = 2;
const WAITING: usize = 64;

/// How long who was let in is known again, and how many are.
const KNOWN: Duration = Duration::from_secs(600);
const MOST: usize = 1024;

/// Lets users in.
pub(super) struct Gate {
    users: Arc<Users>,
    key: hmac::Key,
    known: Mutex<HashMap<[u8; 32], Instant>>,
    slots: Semaphore,
    queue: Semaphore,
}

/// What became of a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// This user came in.
    Admitted(String),
    /// No name and password, or wrong ones.
    Refused,
    /// Too many wait to be checked.
    Busy,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gate({:?})", self.users)
    }
}

impl Gate {
    /// A gate for these users.
    ///
    /// # Errors
    /// There is no randomness.
    pub(super) fn new(users: Users) -> Result<Gate> {
        let mut key = [0; 32];
        rand::fill(&mut key)
            .map_err(|_| Error::new(Op::Open, Kind::Bug, "there is no randomness"))?;
        Ok(Gate {
            users: Arc::new(users),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            known: Mutex::default(),
            slots: Semaphore::new(AT_A_TIME),
            queue: Semaphore::new(WAITING),
        })
    }

    /// Checks the value of `Authorization`.
    pub(super) async fn check(&self, field: Option<&HeaderValue>) -> Entry {
        let Some((name, password)) = field.and_then(|field| credentials(field.as_bytes())) else {
            return Entry::Refused;
        };
        let digest = self.digest(&name, &password);
        if self.knows(&digest) {
            return Entry::Admitted(name);
        }
        let Ok(_queued) = self.queue.try_acquire() else {
            return Entry::Busy;
        };
        let Ok(_slot) = self.slots.acquire().await else {
            return Entry::Busy;
        };
        // Another request of the same browser may have been checked meanwhile.
        if self.knows(&digest) {
            return Entry::Admitted(name);
        }
        let users = self.users.clone();
        let checking = move || users.verify(&name, &password).then_some(name);
        match tokio::task::spawn_blocking(checking).await {
            Ok(Some(name)) => {
                self.note(digest);
                Entry::Admitted(name)
            }
            _ => Entry::Refused,
        }
    }

    /// What stands for a name and a password here; who does not know the key cannot look for one.
    fn digest(&self, name: &str, password: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(name.len() as u64).to_be_bytes());
        context.update(name.as_bytes());
        context.update(password);
        let mut digest = [0; 32];
        for (to, from) in digest.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        digest
    }

    fn knows(&self, digest: &[u8; 32]) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(digest)
            .is_some_and(|since| since.elapsed() < KNOWN)
    }

    fn note(&self, digest: [u8; 32]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, since| since.elapsed() < KNOWN);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(digest, Instant::now());
    }
}

/// The name and the password in `Basic BASE64`.
fn credentials(field: &[u8]) -> Option<(String, Vec<u8>)> {
    let at = field.iter().position(|octet| *octet == b' ')?;
    let (scheme, rest) = field.split_at_checked(at)?;
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let mut octets = BASE64.decode(rest.trim_ascii()).ok()?;
    let colon = octets.iter().position(|octet| *octet == b':')?;
    let password = octets.split_off(colon + 1);
    octets.truncate(colon);
    Some((String::from_utf8(octets).ok()?, password))
}

/// Base64 with or without its padding, whatever its last bits are: clients differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read() {
        let read = |text: &str| credentials(text.as_bytes());
        let known = Some(("Aladdin".to_owned(), b"open sesame".to_vec()));
        // RFC 7617, section 2.
        assert_eq!(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), known);
        assert_eq!(read("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ"), known);
        // Section 2.1: test, 123 and a pound sign in UTF-8.
        let pound = read("Basic dGVzdDoxMjPCow==").unwrap();
        assert_eq!(pound, ("test".to_owned(), b"123\xc2\xa3".to_vec()));
        for wrong in [
            "",
            "Basic",
            "Basic ",
            "Bearer QTpC",
            "Basic QQ",
            "Basic Q",
            "Basic Q!Q=",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(read("Basic Og=="), Some((String::new(), Vec::new())));
    }

    #[tokio::test]
    async fn who_was_let_in_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        crate::files::users::set(&path, "Aladdin", b"open sesame").unwrap();
        let gate = Gate::new(Users::read(&path).unwrap()).unwrap();
        let right = HeaderValue::from_static("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let wrong = HeaderValue::from_static("Basic QWxhZGRpbjpvcGVuIHNlc2FtZg==");
        assert_eq!(gate.check(None).await, Entry::Refused);
        assert_eq!(gate.check(Some(&wrong)).await, Entry::Refused);
        let admitted = || Entry::Admitted("Aladdin".into());
        assert_eq!(gate.check(Some(&right)).await, admitted());
        let since = std::time::Instant::now();
        for _ in 0..100 {
            assert_eq!(gate.check(Some(&right)).await, admitted());
        }
        assert!(since.elapsed() < Duration::from_millis(500));
        assert_eq!(gate.known.lock().unwrap().len(), 1);
        for n in 0..2000u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&n.to_be_bytes());
            gate.note(digest);
        }
        assert!(gate.known.lock().unwrap().len() <= MOST);
    }
}
