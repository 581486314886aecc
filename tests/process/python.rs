//! The Python client that was written from docs/PROTOCOL.md alone: it passes the test vectors, and talks with our server.
//!
//! Where python3 or its package `cryptography` is missing, these tests have nothing to run.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::common::{Server, at_home, new_home};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Runs the client; `None` where it cannot run.
#[allow(clippy::unwrap_in_result)] // a test
fn client(args: &[&str]) -> Option<(i32, String)> {
    let python = || Command::new("python3");
    let has_package = python().args(["-c", "import cryptography"]).output().is_ok_and(|output| output.status.success());
    if !has_package {
        eprintln!("skipped: python3 with its package cryptography is not here");
        return None;
    }
    let Output { status, stdout, stderr } = python().arg(file("python/client.py")).args(args).output().unwrap();
    let said = [stdout, stderr].concat();
    Some((status.code().unwrap(), String::from_utf8(said).unwrap()))
}

#[test]
fn a_client_in_another_language_passes_every_vector_and_fails_if_one_is_changed() {
    let vectors = file("vectors/session.json");
    let Some((code, said)) = client(&["--vectors", vectors.to_str().unwrap()]) else { return };
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.matches("ok  ").count(), 7, "{said}");
    let changed = new_home().join("changed.json");
    let text = std::fs::read_to_string(&vectors).unwrap();
    // A byte of the last packet with AES, of a frame, and of a private message's text.
    for (what, from) in [("\"aes\"", "\"packet\""), ("\"frames\"", "\"page\""), ("\"letters\"", "\"prologue\"")] {
        let at = text.find(what).unwrap();
        let at = at + text[at..].find(from).unwrap();
        let at = at + text[at..].find("\": \"").unwrap() + 60;
        let at = at + text[at..].find(|character: char| "01234567".contains(character)).unwrap();
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        std::fs::write(&changed, bytes).unwrap();
        let (code, said) = client(&["--vectors", changed.to_str().unwrap()]).unwrap();
        assert!(code == 1 && said.contains("DIFFERENT"), "{what}: {said}");
    }
}

#[test]
fn a_client_in_another_language_talks_with_our_server_with_both_ciphers_and_reads_back() {
    let server = Server::start(&[]);
    let mut jill = at_home(&new_home(), &["join", "--nick", "jill", "--server", &server.name()]);
    jill.stdout.wait_for("jill joined!");
    let talk = |args: &[&str]| client(&[&["--talk", &server.name(), "--nick", "snake"], args].concat());
    let Some((code, said)) = talk(&["one"]) else { return };
    assert!(code == 0 && said.contains("cipher 0") && said.contains("accepted: entry"), "{said}");
    jill.stdout.wait_for("snake: one\n");
    // Where the processor has no AES, the server does not offer it.
    let (code, said) = talk(&["--aes", "--present", "--fetch", "9", "two"]).unwrap();
    assert!(code == 0 && said.contains("cipher "), "{said}");
    assert!(said.contains("snake: one\n") && said.contains("snake: two\n"), "{said}");
    let shown = jill.stdout.wait_for("snake left\n");
    assert!(shown.contains("snake joined!\nsnake: two\n"), "{shown}");
    jill.close_input();
    assert_eq!(jill.code(), 0);
}
