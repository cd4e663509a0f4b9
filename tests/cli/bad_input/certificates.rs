//! Files of keys and certificates that are missing, unreadable, or not what they should be; and
//! what a peer with a wrong one is told.
//!
//! Not here: servers that are not believed (`interop/tls/distrust`).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use wharf_tests::certs::{Authority, Identity};
use wharf_tests::need::{Need, Tool};
use wharf_tests::program::binary;
use wharf_tests::{require, wharf};

use super::fails;

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// What a listener with this certificate and key must say.
#[track_caller]
fn listener_fails(certificate: &Path, key: &Path, says: &[&str]) {
    let (certificate, key) = (text(certificate), text(key));
    let left = format!("tls-listen://127.0.0.1:0#cert={certificate},key={key}");
    fails([&left, "echo:"], 9, says);
}

fn identity() -> (Authority, Identity) {
    let authority = Authority::new();
    let identity = authority.server(&["a.test"]);
    (authority, identity)
}

#[test]
fn missing_files_are_named_before_anything_listens() {
    let (_authority, identity) = identity();
    let nowhere = Path::new("/nowhere/file.pem");
    let missing = "/nowhere/file.pem: no such file or directory";
    listener_fails(identity.certificate(), nowhere, &["key", missing]);
    listener_fails(nowhere, identity.key(), &["certificate", missing]);
    fails(
        ["tls://127.0.0.1:1#ca=/nowhere/file.pem"],
        9,
        &["ca", missing],
    );
}

#[test]
fn files_without_what_is_wanted_say_what_that_is() {
    let (_authority, identity) = identity();
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("empty", ""), ("garbage", "this is no PEM\n")] {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        listener_fails(
            identity.certificate(),
            &file,
            &["there is no PEM private key in it"],
        );
        listener_fails(
            &file,
            identity.key(),
            &["there is no PEM certificate in it"],
        );
        let to = format!("tls://127.0.0.1:1#ca={}", text(&file));
        fails([to], 9, &["there is no PEM certificate in it"]);
    }
    listener_fails(folder.path(), identity.key(), &["is a directory"]);
}

#[test]
fn a_key_of_another_certificate_is_noticed_at_once() {
    let (authority, identity) = identity();
    let other = authority.server(&["b.test"]);
    let says = [
        "it is not the key of the certificate in",
        text(identity.certificate()),
    ];
    listener_fails(identity.certificate(), other.key(), &says);
}

#[test]
fn an_encrypted_key_says_how_to_decrypt_it() {
    require!(Tool::OPENSSL);
    let (_authority, identity) = identity();
    let folder = tempfile::tempdir().unwrap();
    let encrypted = folder.path().join("encrypted.pem");
    let words = [
        "pkey",
        "-in",
        text(identity.key()),
        "-aes128",
        "-passout",
        "pass:x",
    ];
    let words = words.into_iter().chain(["-out", text(&encrypted)]);
    Tool::OPENSSL.with(words).run().code(0);
    listener_fails(
        identity.certificate(),
        &encrypted,
        &["it is encrypted", "try: openssl pkey"],
    );
}

#[test]
fn a_key_that_may_not_be_read_is_a_matter_of_privilege() {
    require!(Need::Root, Tool::SETPRIV);
    let (_authority, identity) = identity();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    // All but the key can be read by everybody.
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    fs::copy(identity.certificate(), &certificate).unwrap();
    fs::copy(identity.key(), &key).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let program = folder.path().join("wharf");
    fs::copy(binary(), &program).unwrap();
    let left = format!(
        "tls-listen://127.0.0.1:0#cert={},key={}",
        text(&certificate),
        text(&key)
    );
    let words = [
        "--reuid",
        "65534",
        "--clear-groups",
        text(&program),
        &left,
        "echo:",
    ];
    let output = Tool::SETPRIV.with(words).folder(folder.path()).run();
    output.code(10).stderr_has("key.pem: permission denied");
}

#[test]
fn halves_of_an_identity_are_refused_as_typed_wrong() {
    let (_authority, identity) = identity();
    let key = text(identity.key());
    let left = format!("tls-listen://127.0.0.1:0#key={key}");
    fails(
        [&left, "echo:"],
        2,
        &["a key without a certificate", "try: cert=FILE,key=FILE"],
    );
    fails(
        ["tls://127.0.0.1:1#pin=1234"],
        2,
        &["64 hexadecimal digits", "try: wharf cert ADDRESS"],
    );
}

#[test]
fn a_certificate_of_our_own_that_has_expired_is_warned_of() {
    let authority = Authority::new();
    let expired = authority.expired(&["a.test"]);
    let (certificate, key) = (text(expired.certificate()), text(expired.key()));
    let left = format!("tls-listen://127.0.0.1:0#cert={certificate},key={key}");
    let server = wharf([&left, "echo:"]).spawn();
    server.stderr_line("expired on 2001-12-31");
    server.stop().code(0);
}
