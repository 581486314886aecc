//! What needs a network of its own: a namespace, made where that is allowed, else skipped with a notice (in CI a failure).
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]

mod common;

use std::process::{Command, Stdio};

use common::Process;

/// A shell script in a network namespace of its own with loopback up; `None` where none can be made.
fn in_namespace(script: &str) -> Option<Process> {
    // Without root, as root of a user namespace of one's own.
    let flags = if nix::unistd::geteuid().is_root() { "-n" } else { "-rn" };
    let works = Command::new("unshare")
        .args([flags, "ip", "link", "set", "lo", "up"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !works.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI is to be able to make a network namespace, with unshare and ip");
        eprintln!("skipped: no network namespace can be made here");
        return None;
    }
    let script = format!("set -e; ip link set lo up; udpchat={}; {script}", env!("CARGO_BIN_EXE_udpchat"));
    Some(Process::start(Command::new("unshare").args([flags, "bash", "-c", &script])))
}

#[test]
fn a_server_on_the_wildcard_answers_from_the_address_it_was_asked_at() {
    // The client is another host: on the same one the system would choose the right address by itself.
    let script = r#"
        nodad() { case $1 in *:*) echo nodad;; esac; }
        unshare -n sleep 100 & client=$!
        trap 'kill $(jobs -p)' EXIT
        until ip link add server type veth peer name client netns $client 2>/dev/null; do sleep 0.05; done
        for ip in 10.77.0.1/24 10.77.0.2/24 fd77::1/64 fd77::2/64; do ip addr add $ip dev server $(nodad $ip); done
        ip link set server up
        for ip in 10.77.0.9/24 fd77::9/64; do nsenter -t $client -n ip addr add $ip dev client $(nodad $ip); done
        nsenter -t $client -n ip link set client up
        $udpchat serve --bind 0.0.0.0:9999 --bind '[::]:9999' --quiet &
        # Our clients take nothing from any other address than the one they asked.
        for server in 10.77.0.1 10.77.0.2 fd77::1 fd77::2; do
            code=1
            for try in 1 2 3 4 5; do
                if nsenter -t $client -n $udpchat send --nick "at $server" --server "$server" --timeout 2s hello; then code=0; break; fi
                sleep 0.2
            done
            echo "answered from $server: $code"
        done
    "#;
    let Some(mut process) = in_namespace(script) else { return };
    process.close_input();
    let code = process.code();
    let shown = process.stdout.to_end();
    for server in ["10.77.0.1", "10.77.0.2", "fd77::1", "fd77::2"] {
        let line = format!("answered from {server}: 0\n");
        assert!(shown.contains(&line), "{line:?} is not in {shown:?}, stderr {:?}", process.stderr.so_far());
    }
    assert_eq!(code, 0);
}

#[test]
fn no_way_to_the_server_is_said_at_once() {
    let script = "$udpchat join -n jack -s 10.99.0.1:9999 -t 1h </dev/null || echo code $?";
    let Some(mut process) = in_namespace(script) else { return };
    process.close_input();
    assert_eq!(process.code(), 0);
    assert_eq!(process.stdout.to_end(), "code 3\n");
    let said = process.stderr.to_end();
    assert!(said.contains("there is no way to 10.99.0.1:9999 (is the network up? is the address right?)"), "{said}");
}
