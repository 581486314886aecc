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

/// Shell functions for a second host, `client`, on a link to this one.
const TWO_HOSTS: &str = r#"
    trap 'kill $(jobs -p) 2>/dev/null' EXIT
    unshare -n sleep 100 & client=$!
    until [ "$(readlink /proc/$client/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.02; done
    ip link add server type veth peer name client netns $client
    nodad() { case $1 in *:*) echo nodad;; esac; }
    on_client() { nsenter -t $client -n "$@"; }
    up() { # up MTU SERVER-ADDRESSES -- CLIENT-ADDRESSES
        mtu=$1; shift
        while [ "$1" != -- ]; do ip addr add $1 dev server $(nodad $1); shift; done; shift
        for ip; do on_client ip addr add $ip dev client $(nodad $ip); done
        ip link set server mtu $mtu up; on_client ip link set client mtu $mtu up
    }
    # Our client sends until the server is up.
    wait_for_server() {
        for try in $(seq 50); do
            if on_client $udpchat send --text -n first -s "$1" -t 200ms hello 2>/dev/null; then return; fi
        done
        return 1
    }
"#;

#[test]
fn a_server_on_the_wildcard_answers_from_the_address_it_was_asked_at() {
    // The client is another host: on the same one the system would choose the right address by itself.
    let script = r#"
        up 1500 10.77.0.1/24 10.77.0.2/24 fd77::1/64 fd77::2/64 -- 10.77.0.9/24 fd77::9/64
        $udpchat serve --bind 0.0.0.0:9999 --bind '[::]:9999' --quiet &
        wait_for_server 10.77.0.1
        # Our clients take nothing from any other address than the one they asked.
        for server in 10.77.0.1 10.77.0.2 fd77::1 fd77::2; do
            code=0
            on_client $udpchat send --nick "at $server" --server "$server" --timeout 2s hello || code=$?
            echo "answered from $server: $code"
        done
    "#;
    let script = &format!("{TWO_HOSTS}{script}");
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
fn a_link_too_narrow_for_runs_of_long_lines_loses_none_of_them() {
    let script = r#"
        up 600 10.77.0.1/24 -- 10.77.0.9/24
        $udpchat serve --bind 0.0.0.0:9999 --quiet --rate off &
        wait_for_server 10.77.0.1
        line=$(printf 'x%.0s' $(seq 900))
        for number in $(seq 100 299); do echo "$number $line"; done | on_client $udpchat send --text -n bot -s 10.77.0.1 -
    "#;
    let Some(mut process) = in_namespace(&format!("{TWO_HOSTS}{script}")) else { return };
    process.close_input();
    assert_eq!(process.code(), 0, "{}", process.stderr.so_far());
    assert!(process.stderr.to_end().contains("200 of 200 lines confirmed by 10.77.0.1:9999"));
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
