//! Faults of the log's file while the server runs: reading and presence go on, the server refuses messages that it cannot store
//! and states the reason, and everything recovers once the fault is over.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // tests are allowed to

use crate::common::{Process, in_namespace, in_namespace_with_mounts};

/// Shell functions for a server whose log is in `$dir`, and its users.
const ROOM: &str = r#"
    trap 'kill $(jobs -p) 2>/dev/null || true; wait || true; rm -rf $home' EXIT
    home=$(mktemp -d); dir=$home/log; db=$dir/room.db; mkdir $dir
    export XDG_STATE_HOME=$home UDPCHAT_SERVER=127.0.0.1:9999
    serve() { $udpchat serve --rate off --signup-rate off --quiet --db $db 2>>$home/server & server=$!
        until $udpchat ping -c 1 -t 200ms >/dev/null 2>&1; do sleep 0.02; done; }
    # Says a line, and shows what came of it.
    say() { code=0; $udpchat send -n bot -t 10s -- "$1" 2>$home/error || code=$?; echo "$1: $code $(cat $home/error)"; }
    # Until the log is well again.
    say_until_taken() { until $udpchat send -n bot -t 10s -- "$1" 2>/dev/null; do sleep 0.05; done; }
    # Joins, asks who is here, and shows what there was to read and who is here.
    visit() { rm -f $home/in; mkfifo $home/in
        $udpchat join -n $1 --json --history all <$home/in >$home/visit & visit=$!; exec 9>$home/in
        until grep -q '"event":"joined"' $home/visit; do sleep 0.02; done; until_read; echo /who >&9
        until grep -q '"event":"people"' $home/visit; do sleep 0.02; done; exec 9>&-; wait $visit
        python3 -c '
import json, sys
for told in map(json.loads, sys.stdin):
    if told["event"] == "people": print("here:", *(person["nick"] for person in told["people"]))
    if told["event"] == "line" and told["text"]: print("reads:", told["text"])
    if told["event"] == "gap": print("gap:", told["why"])' <$home/visit; }
    # Until what was said before is shown, if anything was.
    until_read() { until grep -q '"event":"now"' $home/visit; do sleep 0.02; done; }
    # All that the log has.
    kept() { $udpchat history --db $db | grep -v '^---' | cut -d' ' -f2- | uniq -c | sed 's/^ */kept: /'; }
    # Somebody who is there all the time.
    stay() { sleep 60 | $udpchat join -n $1 -t 30s --json >$home/$1 2>/dev/null & until grep -q '"event":"joined"' $home/$1; do sleep 0.02; done; }
"#;

/// Runs a script in a room; returns its output, or `None` where no namespace can be created.
fn in_a_room(script: &str) -> Option<String> {
    in_namespace(&format!("{ROOM}{script}")).map(shown_by)
}

fn shown_by(mut process: Process) -> String {
    process.close_input();
    let code = process.code();
    let shown = process.stdout.to_end();
    assert_eq!(code, 0, "{shown}\n{}", process.stderr.to_end());
    shown
}

#[test]
fn a_full_disk_takes_no_messages_until_there_is_place_and_the_room_goes_on_meanwhile() {
    let script = r#"
        mount -t tmpfs -o size=1m tmpfs $dir
        serve; stay jill; say before
        dd if=/dev/zero of=$dir/ballast bs=4k 2>/dev/null || true
        say full; visit jack; say "still full"
        # Who came while the disk was full, and is still there, is told later.
        stay jane; rm $dir/ballast; say after; visit jack
        until grep -q '"kind":"joined".*"nick":"jane"' $home/jill; do sleep 0.02; done
        kept | sort; grep -o 'the log, .*' $home/server | sed "s#$db#FILE#"; umount -l $dir
    "#;
    let Some(process) = in_namespace_with_mounts(&format!("{ROOM}{script}")) else { return };
    let shown = shown_by(process);
    let refused = "udpchat: 127.0.0.1:9999 refused 1 line: the server's disk is full";
    let expected = format!(
        "before: 0 \nfull: 4 {refused}\nreads: before\nhere: jack jill\nstill full: 4 {refused}\nafter: 0 \n\
         reads: after\nhere: jack jane jill\n\
         kept: 1 bot: after\nkept: 1 bot: before\nkept: 1 jack joined!\nkept: 1 jack left\nkept: 1 jane joined!\n\
         kept: 1 jill joined!\n\
         the log, FILE: the disk is full; new messages are refused until that is over\nthe log, FILE: it can be written again\n"
    );
    assert_eq!(shown, expected);
}

#[test]
fn a_file_that_cannot_be_written_any_more_is_written_again_when_it_can() {
    let script = r#"
        serve; say before
        # Each write beyond that is an error: EFBIG.
        prlimit --pid $server --fsize=1024:; say no; visit jack; say "still not"
        prlimit --pid $server --fsize=unlimited:; say after; visit jack; kept | grep bot
    "#;
    let Some(shown) = in_a_room(script) else { return };
    let refused = "udpchat: 127.0.0.1:9999 refused 1 line: the server cannot write its log";
    let expected = format!(
        "before: 0 \nno: 4 {refused}\nreads: before\nhere: jack\nstill not: 4 {refused}\nafter: 0 \n\
         reads: after\nhere: jack\nkept: 1 bot: before\nkept: 1 bot: after\n"
    );
    assert_eq!(shown, expected);
}

#[test]
fn of_a_damaged_file_the_rest_goes_on_as_the_room_and_the_numbers_stay() {
    let script = r#"
        serve; seq 1000 5999 | $udpchat send -n bot -t 20s - 2>/dev/null; kill $server; wait $server
        # The page with this line on it.
        at=$(grep -abo 'bot.3000' $db | head -1 | cut -d: -f1)
        dd if=/dev/urandom of=$db bs=4096 count=1 seek=$((at / 4096)) conv=notrunc 2>/dev/null
        serve; visit jack >$home/read
        grep -c gap: $home/read | xargs test 1 -le; echo "most of it: $(($(grep -c reads $home/read) > 4800))"
        say_until_taken after; echo after
        (cd $dir; ls *damaged*)
        kept | sed 's/kept: 1 //' >$home/kept; echo "most is kept: $(($(grep -c 'bot: [0-9]' $home/kept) > 4800))"
        tail -1 $home/kept
        $udpchat history --db $db --json --from bot | python3 -c '
import json, sys
told = [json.loads(line) for line in sys.stdin]
print("numbers stay:", all(int(line["text"]) == line["seq"] + 999 for line in told if line["text"] not in ("after", None)))'
    "#;
    let Some(shown) = in_a_room(script) else { return };
    let expected = "most of it: 1\nafter\nroom.db.damaged-1\nmost is kept: 1\nbot: after\nnumbers stay: True\n";
    assert_eq!(shown, expected);
}

#[test]
fn a_file_that_is_removed_is_made_anew_with_all_that_was_in_it() {
    let script = r#"
        serve; say one; say two; rm $db*; say three; say_until_taken four; visit jack
        kill -9 $server; wait $server || true; serve; visit jane | grep reads; kept | grep bot
    "#;
    let Some(shown) = in_a_room(script) else { return };
    let refused = "udpchat: 127.0.0.1:9999 refused 1 line: the server's log file is gone and is being created again";
    let expected = format!(
        "one: 0 \ntwo: 0 \nthree: 4 {refused}\nreads: one\nreads: two\nreads: four\nhere: jack\n\
         reads: one\nreads: two\nreads: four\nkept: 1 bot: one\nkept: 1 bot: two\nkept: 1 bot: four\n"
    );
    assert_eq!(shown, expected);
}

#[test]
fn while_something_else_is_where_the_log_was_it_can_be_read_and_it_goes_on_when_it_is_back() {
    let script = r#"
        serve; say one; mv $dir $home/aside; echo something >$dir
        say two; say three; visit jack; rm $dir; mv $home/aside $dir
        say_until_taken four; kept | grep bot
    "#;
    let Some(shown) = in_a_room(script) else { return };
    let refused = "udpchat: 127.0.0.1:9999 refused 1 line: the server's log file is gone and is being created again";
    let expected = format!(
        "one: 0 \ntwo: 4 {refused}\nthree: 4 {refused}\nreads: one\nhere: jack\nkept: 1 bot: one\nkept: 1 bot: four\n"
    );
    assert_eq!(shown, expected);
}
