//! Tests in a network namespace of their own; where none can be created, they are skipped with a notice (in CI they fail).
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]

use crate::common::{Process, in_namespace};

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
    // The client is another host: on the same host, the system would choose the right address by itself.
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
    assert!(said.contains("no route to 10.99.0.1:9999 (is the network up? is the address right?)"), "{said}");
}

/// Shell functions for a router between this host and the client's, so that the path between them can be changed.
const ROUTER: &str = r#"
    trap 'kill $(jobs -p) 2>/dev/null' EXIT
    host() { unshare -n sleep 300 & eval $1=$!
        until [ "$(readlink /proc/${!1}/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.02; done; }
    host client; host router
    on_client() { nsenter -t $client -n "$@"; }
    on_router() { nsenter -t $router -n "$@"; }
    ip link add server type veth peer name south netns $router
    on_router ip link add north type veth peer name client netns $client
    ip addr add 10.77.0.1/24 dev server; ip link set server up
    on_router ip addr add 10.77.0.254/24 dev south; on_router ip link set south up
    on_router ip addr add 10.78.0.254/24 dev north; on_router ip link set north up
    on_client ip addr add 10.78.0.9/24 dev client; on_client ip link set client up
    on_client ip link set lo up
    ip route add default via 10.77.0.254; on_client ip route add default via 10.78.0.254
    on_router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    # Loses a tenth, each way.
    lose() { on_router nft -f - <<'NFT'
        table ip loss { chain forward { type filter hook forward priority 0; policy accept;
            ip protocol udp numgen random mod 100 < 10 drop; }; }
NFT
    }
    # Makes the client look like that, from there on; its mappings are forgotten.
    look_like() { on_router nft -f - <<NFT
        table ip nat; flush table ip nat;
        table ip nat { chain postrouting { type nat hook postrouting priority 100; policy accept;
            ip saddr 10.78.0.0/24 oifname "south" masquerade; }; }
NFT
        on_router ip addr flush dev south; on_router ip addr add $1/24 dev south
    }
    wait_for_server() {
        for try in $(seq 50); do
            if on_client $udpchat ping -c 1 -t 200ms 10.77.0.1 >/dev/null 2>&1; then return; fi
        done
        return 1
    }
    export XDG_STATE_HOME=$(mktemp -d)
"#;

/// Runs a script behind [`ROUTER`], with a folder that is deleted at the end; `None` if the test must be skipped.
fn behind_a_router(script: &str) -> Option<Process> {
    if cfg!(feature = "plain") {
        eprintln!("skipped: seen on the other path");
        return None;
    }
    let process = in_namespace(&format!("{ROUTER}{script}\nrm -rf $XDG_STATE_HOME"));
    process.map(|mut process| {
        process.close_input();
        process
    })
}

/// Returns the numbers of the lines `bot: N` in the output.
fn numbers(shown: &str) -> Vec<u32> {
    shown.lines().filter_map(|line| line.strip_prefix("bot: ")?.parse().ok()).collect()
}

#[test]
fn a_thousand_lines_arrive_in_order_and_once_where_a_tenth_is_lost_each_way() {
    let script = r#"
        $udpchat serve --bind 0.0.0.0:9999 --quiet --rate off & wait_for_server
        lose
        (sleep 60) | on_client $udpchat join -n jill -s 10.77.0.1 -t 30s >$XDG_STATE_HOME/shown 2>/dev/null & join=$!
        until grep -q 'jill joined!' $XDG_STATE_HOME/shown; do sleep 0.05; done
        seq 1000 | on_client $udpchat send -n bot -s 10.77.0.1 -t 30s -
        until grep -q 'bot: 1000$' $XDG_STATE_HOME/shown; do sleep 0.05; done
        cat $XDG_STATE_HOME/shown
    "#;
    let Some(mut process) = behind_a_router(script) else { return };
    assert_eq!(process.code(), 0, "{}", process.stderr.so_far());
    assert!(process.stderr.to_end().contains("1000 of 1000 lines confirmed by 10.77.0.1:9999"));
    assert!(numbers(&process.stdout.to_end()).into_iter().eq(1..=1000));
}

#[test]
fn a_clients_address_and_port_may_change_at_any_time_and_nothing_is_lost() {
    // First the address that others see, as after a restart of a router; then the client's own, as in another network.
    let script = r#"
        $udpchat serve --bind 0.0.0.0:9999 --quiet --rate off & wait_for_server
        look_like 10.77.0.254
        (sleep 60) | on_client $udpchat join -n jill -s 10.77.0.1 -t 30s >$XDG_STATE_HOME/shown 2>$XDG_STATE_HOME/said &
        until grep -q 'jill joined!' $XDG_STATE_HOME/shown; do sleep 0.05; done
        $udpchat send -n bot -s 10.77.0.1 1
        say() { for number in "$@"; do echo $number; sleep 0.02; done; }
        (say $(seq 2 100); look_like 10.77.0.253 >&2; say $(seq 101 200)
         on_client ip addr flush dev client; on_client ip addr add 10.78.0.10/24 dev client
         on_client ip route add default via 10.78.0.254; say $(seq 201 300)) |
            on_client $udpchat send -n bot -s 10.77.0.1 -t 30s -
        until grep -q 'bot: 300$' $XDG_STATE_HOME/shown; do sleep 0.05; done
        cat $XDG_STATE_HOME/shown
        cat $XDG_STATE_HOME/said >&2
    "#;
    let Some(mut process) = behind_a_router(script) else { return };
    assert_eq!(process.code(), 0, "{}", process.stderr.so_far());
    let said = process.stderr.to_end();
    assert!(said.contains("299 of 299 lines confirmed by"), "{said}");
    let shown = process.stdout.to_end();
    assert!(numbers(&shown).into_iter().eq(1..=300), "{shown}");
    assert_eq!(shown.matches("joined!").count() + shown.matches("left").count(), 1, "nobody noticed");
}

/// Has a `join` send a line while the server is dead; returns its exit code and output, and the messages on stderr.
fn said_while_the_server_is_dead(db: &str) -> Option<(String, String)> {
    let script = r#"
        serve() { $udpchat serve --bind 0.0.0.0:9999 --quiet --rate off DB & server=$!; }
        serve; wait_for_server
        (sleep 0.5; until [ -e $XDG_STATE_HOME/killed ]; do sleep 0.05; done; echo lost; sleep 0.5
         until [ -e $XDG_STATE_HOME/back ]; do sleep 0.05; done; sleep 8; echo again; sleep 2) |
            on_client $udpchat join -n jill -s 10.77.0.1 -t 60s >$XDG_STATE_HOME/shown 2>$XDG_STATE_HOME/said & join=$!
        until grep -q 'jill joined!' $XDG_STATE_HOME/shown; do sleep 0.05; done
        kill -9 $server; touch $XDG_STATE_HOME/killed; sleep 1.5
        serve; touch $XDG_STATE_HOME/back
        code=0; wait $join || code=$?
        echo code $code; cat $XDG_STATE_HOME/shown; cat $XDG_STATE_HOME/said >&2
    "#;
    let mut process = behind_a_router(&script.replace("DB", db))?;
    assert_eq!(process.code(), 0, "{}", process.stderr.so_far());
    Some((process.stdout.to_end(), process.stderr.to_end()))
}

#[test]
fn a_server_that_is_started_anew_has_its_members_back_and_nothing_is_lost() {
    let Some((shown, said)) = said_while_the_server_is_dead("") else { return };
    assert_eq!(shown, "code 0\njill joined!\njill: lost\njill: again\n", "nobody noticed: {said}");
}

#[test]
fn a_server_that_kept_nothing_has_its_members_back_in_a_new_room() {
    let Some((shown, said)) = said_while_the_server_is_dead("--db :memory:") else { return };
    assert_eq!(shown, "code 5\njill joined!\njill joined!\njill: again\n", "{said}");
    assert!(said.contains("not confirmed: lost") && said.contains("has begun a new room"), "{said}");
}

#[test]
fn an_mtu_of_1280_is_enough_and_one_of_1100_is_said_to_be_too_small() {
    let script = r#"
        $udpchat serve --bind 0.0.0.0:9999 --quiet --rate off & wait_for_server
        mtu() { on_router ip link set $1 mtu $2; }
        on_router ip link set south mtu 1280; ip link set server mtu 1280
        line=$(printf 'x%.0s' $(seq 900))
        for number in $(seq 100 199); do echo "$number $line"; done | on_client $udpchat send -n bot -s 10.77.0.1 -
        # On the way: the router says so. At the client's own link: the system does.
        on_router ip link set south mtu 1100; ip link set server mtu 1100
        code=0; on_client $udpchat send -n bot -s 10.77.0.1 -t 2s hello || code=$?; echo "on the way: $code"
        on_client ip link set client mtu 1100
        code=0; on_client $udpchat join -n bot -s 10.77.0.1 -t 2s </dev/null || code=$?; echo "at the client: $code"
        # A router that says nothing.
        on_client ip link set client mtu 1500; on_client ip route flush cache
        on_router nft -f - <<'NFT'
            table ip silent { chain output { type filter hook output priority 0; policy accept; ip protocol icmp drop; }; }
NFT
        code=0; on_client $udpchat send -n bot -s 10.77.0.1 -t 2s hello || code=$?; echo "in silence: $code"
        on_client $udpchat send --text -n bot -s 10.77.0.1 -t 2s "text gets through: $line"
    "#;
    let Some(mut process) = behind_a_router(script) else { return };
    assert_eq!(process.code(), 0, "{}", process.stderr.so_far());
    let (shown, said) = (process.stdout.to_end(), process.stderr.to_end());
    assert_eq!(shown, "on the way: 3\nat the client: 3\nin silence: 5\n", "{said}");
    assert!(said.contains("100 of 100 lines confirmed"), "{said}");
    let says = "the path to 10.77.0.1:9999 does not carry datagrams of 1200 bytes: a session needs an MTU of 1228";
    assert_eq!(said.matches(says).count(), 2, "{said}");
    assert!(said.contains("no session began within 2s (do datagrams of 1200 bytes get through?"), "{said}");
}
