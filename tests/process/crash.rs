//! The server's core panics all the same: what its members notice, and what the next server knows of it.
//!
//! The program that the tests run has a panic planted in it, for which there is no way in in the program that is released.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // tests are allowed to

use std::path::Path;
use std::process::Command;

use crate::common::{Process, path_in, udpchat_with};

/// The post that it panics at.
const PANIC: &str = udpchat::sabotage::PANIC;

fn serve(home: &Path, bind: &str) -> (Process, String) {
    let mut command = udpchat_with(&["serve", "--bind", bind, "--db"]);
    command.arg(home.join("room.db")).arg("--key").arg(home.join("server.key")).env("UDPCHAT_PLANT_PANIC", "1");
    let process = Process::start(&mut command);
    let shown = process.stderr.wait_until("the address", |shown, _| shown.contains("listening on "));
    let address = shown.split_once("listening on ").unwrap().1.split_whitespace().next().unwrap().to_owned();
    (process, address)
}

/// The program as a user whose keys are in `home`.
fn user(home: &Path, args: &[&str]) -> Command {
    let mut command = udpchat_with(args);
    command.env("XDG_STATE_HOME", home);
    command
}

#[test]
fn a_panic_of_the_core_tells_the_members_and_the_next_server_goes_on_without_who_made_it_panic() {
    let homes = tempfile::tempdir().unwrap();
    let [server_home, jill_home, mallory_home] = ["server", "jill", "mallory"].map(|name| path_in(&homes, name));
    for home in [&server_home, &jill_home, &mallory_home] {
        std::fs::create_dir(home).unwrap();
    }
    let (mut server, address) = serve(&server_home, "127.0.0.1:0");
    let mut jill = Process::start_on_terminal(&mut user(&jill_home, &["join", "-n", "jill", "-s", &address]));
    jill.stdout.wait_for("jill joined!");
    jill.enter("before\n");
    jill.stdout.wait_for("jill: before");
    let mut mallory =
        Process::start(&mut user(&mallory_home, &["send", "-n", "mallory", "-t", "1s", "-s", &address, PANIC]));
    jill.stdout.wait_for(&format!("udpchat: {address} has ended, retrying"));
    assert_ne!(server.code(), 0, "the supervisor is to start it again");
    let said = server.stderr.to_end();
    assert!(said.contains("the server broke while it dealt with what key "), "{said}");
    assert_eq!(mallory.code(), 5, "{}", mallory.stderr.so_far());

    let (server, _) = serve(&server_home, &address);
    assert!(server.stderr.so_far().contains("is refused for "), "{}", server.stderr.so_far());
    jill.stdout.wait_for(&format!("udpchat: {address} is back"));
    jill.enter("after\n");
    jill.stdout.wait_for("jill: after");
    let mut mallory = Process::start(&mut user(&mallory_home, &["send", "-n", "mallory", "-s", &address, "and again"]));
    assert_eq!(mallory.code(), 4, "{}", mallory.stderr.so_far());
    assert!(mallory.stderr.to_end().contains("refuses your key for some minutes"), "{}", mallory.stderr.so_far());
    let mut jack =
        Process::start(&mut user(&server_home, &["send", "-n", "jack", "-s", &address, "others are not refused"]));
    assert_eq!(jack.code(), 0, "{}", jack.stderr.so_far());
    jill.stdout.wait_for("jack: others are not refused");
    let shown = jill.stdout.so_far();
    for once in ["jill: before", "jill: after", "jill joined!"] {
        assert_eq!(shown.matches(once).count(), 1, "{shown}");
    }
    assert!(!shown.contains("mallory"), "{shown}");
}
