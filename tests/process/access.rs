//! Who may come in, and who may act on others: the owner, operators, invitations, bans.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // tests are allowed to

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::common::{Process, at_home, new_home, receive, serve_at_home, udpchat};

/// A room with a home of its own, whose owner has made Ann an operator.
struct Room {
    home: TempDir,
    server: Process,
    name: String,
    args: Vec<&'static str>,
    ann: PathBuf,
}

impl Room {
    fn new(args: &[&'static str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let (server, name) = serve_at_home(home.path(), "127.0.0.1:0", args);
        let room = Self { home, server, name, args: args.to_vec(), ann: new_home() };
        let key = make_key(&room.ann);
        assert_eq!(room.owner(&["op", &format!("ann#{key}")]), (0, format!("opped ann#{key}\n"), String::new()));
        room
    }

    /// Runs a subcommand on the server's machine.
    fn owner(&self, args: &[&str]) -> (i32, String, String) {
        self.run(self.home.path(), args)
    }

    /// Runs a subcommand as that user. Returns its exit code, its output, and what it says besides.
    fn run(&self, home: &Path, args: &[&str]) -> (i32, String, String) {
        let mut process = at_home(home, &[args, &["--server", &self.name]].concat());
        (process.code(), process.stdout.to_end(), process.stderr.to_end())
    }

    fn send(&self, home: &Path, nick: &str, text: &str) -> (i32, String) {
        let (code, _, said) = self.run(home, &["send", "--nick", nick, text]);
        (code, said)
    }

    fn join(&self, home: &Path, nick: &str) -> Process {
        let joined = at_home(home, &["join", "--nick", nick, "--server", &self.name]);
        joined.stdout.wait_for(&format!("{nick} joined!\n"));
        joined
    }

    fn invitation(&self, args: &[&str]) -> String {
        let (code, link, said) = self.owner(&[&["invite"], args].concat());
        assert_eq!(code, 0, "{said}");
        assert!(link.starts_with(&format!("udpchat://{}/#", self.name)) && link.lines().count() == 1, "{link}");
        link.trim().to_owned()
    }

    /// Kills the server without warning and starts it again.
    fn crash(&mut self) {
        self.server.signal(Signal::SIGKILL);
        self.server.wait();
        let (server, _) = serve_at_home(self.home.path(), &self.name.clone(), &self.args.clone());
        self.server = server;
    }

    fn history(&self) -> String {
        let mut process = at_home(self.home.path(), &["history"]);
        process.code();
        process.stdout.to_end()
    }
}

/// Makes a user's key. Returns its public half.
fn make_key(home: &Path) -> String {
    let copy = home.join("copy.key");
    let mut process = at_home(home, &["key", "export", copy.to_str().unwrap()]);
    assert_eq!(process.code(), 0);
    public_half(&copy)
}

/// Returns the public half of the key in that file, as people pass it on.
fn public_half(path: &Path) -> String {
    let key = udpchat::net::state::load_key(path).unwrap();
    udpchat::wire::order::key_text(&key.public().0)
}

#[test]
fn the_owner_needs_no_set_up_and_nobody_else_has_its_rights() {
    let room = Room::new(&[]);
    assert!(room.home.path().join("udpchat/owner.key").exists());
    let ben = new_home();
    let (code, out, said) = room.run(&ben, &["kick", "ann"]);
    assert_eq!((code, out.as_str()), (4, ""));
    assert!(said.contains("this is for operators"), "{said}");
    // An operator may not do everything either, nor act on the owner.
    let (code, _, said) = room.run(&room.ann, &["op", "ann"]);
    assert_eq!(code, 4);
    assert!(said.contains("op ann: you do not have the right"), "{said}");
    let owner = public_half(&room.home.path().join("udpchat/owner.key"));
    assert_eq!(room.run(&room.ann, &["ban", &owner]).0, 4);
    // The owner's key says nothing in the room.
    std::fs::create_dir_all(ben.join("udpchat")).unwrap();
    let posing = new_home();
    std::fs::create_dir_all(posing.join("udpchat")).unwrap();
    std::fs::copy(room.home.path().join("udpchat/owner.key"), posing.join("udpchat/client.key")).unwrap();
    let (code, said) = room.send(&posing, "boss", "hey");
    assert!(code == 4 && said.contains("you do not have the right"), "{code} {said}");
}

#[test]
fn another_owner_takes_the_room_over_with_a_key_of_its_own() {
    let mut room = Room::new(&[]);
    let elsewhere = new_home();
    let mut process = at_home(&elsewhere, &["key", "export", elsewhere.join("boss.key").to_str().unwrap()]);
    assert_eq!(process.code(), 0);
    let file = elsewhere.join("boss.key").to_str().unwrap().to_owned();
    room.server.signal(Signal::SIGTERM);
    room.server.wait();
    let (server, _) = serve_at_home(room.home.path(), &room.name.clone(), &["--owner", &file]);
    room.server = server;
    assert_eq!(room.owner(&["topic", "tea"]).0, 4, "the one before has no right any more");
    assert_eq!(room.run(&elsewhere, &["topic", "tea", "--key", &file]).0, 0);
    room.crash();
    assert_eq!(room.run(&elsewhere, &["topic", "coffee", "--key", &file]).0, 0, "it stays, without the option");
}

#[test]
fn of_two_who_use_an_invitation_at_the_same_moment_one_comes_in() {
    let room = Room::new(&["--access", "known"]);
    let link = room.invitation(&[]);
    let homes = [new_home(), new_home()];
    let mut both: Vec<_> = (0..2)
        .map(|number| {
            at_home(&homes[number], &["send", "--nick", &format!("guest{number}"), "--server", &link, "here I am"])
        })
        .collect();
    let codes: Vec<_> = both.iter_mut().map(Process::code).collect();
    let said: String = both.iter().map(|process| process.stderr.to_end()).collect();
    assert!(codes == [0, 4] || codes == [4, 0], "{codes:?} {said}");
    assert!(said.contains("does not accept the invitation: it is used up"), "{said}");
    let history = room.history();
    assert_eq!(history.matches("came in with an invitation").count(), 1, "{history}");
    assert_eq!(history.matches("here I am").count(), 1, "{history}");
    // Who is in needs none any more, and who is not hears what to ask for.
    let (inside, outside) = if codes[0] == 0 { (0, 1) } else { (1, 0) };
    assert_eq!(room.send(&homes[inside], &format!("guest{inside}"), "again").0, 0);
    let (code, said) = room.send(&homes[outside], &format!("guest{outside}"), "again");
    let key = public_half(&homes[outside].join("udpchat/client.key"));
    assert!(code == 4 && said.contains(&format!("udpchat admit {key}")), "{code} {said}");
    assert_eq!(room.run(&room.ann, &["admit", &key]).0, 0);
    assert_eq!(room.send(&homes[outside], &format!("guest{outside}"), "thanks").0, 0);
}

#[test]
fn an_invitation_pins_the_server_and_never_replaces_another_pin() {
    let (room, other) = (Room::new(&[]), Room::new(&[]));
    let link = room.invitation(&["--uses", "5"]);
    // By each way to name a server.
    for number in 0..3 {
        let home = new_home();
        let nick = format!("guest{number}");
        let mut process = match number {
            0 => at_home(&home, &["join", "--nick", &nick, &link]),
            1 => at_home(&home, &["join", "--nick", &nick, "-"]),
            _ => {
                let mut command = udpchat();
                command.args(["join", "--nick", &nick]).env("XDG_STATE_HOME", &home).env("UDPCHAT_SERVER", &link);
                Process::start(&mut command)
            }
        };
        if number == 1 {
            process.enter(&format!("{link}\nsaid behind the link\n"));
            process.stdout.wait_for("guest1: said behind the link\n");
        }
        process.stdout.wait_for(&format!("{nick} joined!\n"));
        process.close_input();
        assert_eq!(process.code(), 0);
        assert_eq!(room.send(&home, &nick, "known by its address from now on").0, 0);
    }
    // Of a server with another key: the address is the other room's.
    let moved = link.replace(&room.name, &other.name);
    let stranger = new_home();
    let mut process = at_home(&stranger, &["send", "--nick", "x", "--server", &moved, "hey"]);
    assert_eq!(process.code(), 4);
    assert!(process.stderr.to_end().contains("is not the server of the invitation"));
    assert!(!stranger.join("udpchat/servers").join(&other.name).exists(), "nothing is pinned by a failure");
    // Where another key is pinned, nothing is asked of the server at all.
    assert_eq!(other.send(&stranger, "x", "hey").0, 0);
    let mut process = at_home(&stranger, &["send", "--nick", "x", "--server", &moved, "hey"]);
    assert_eq!(process.code(), 4);
    let said = process.stderr.to_end();
    assert!(said.contains("is known by its key") && said.contains("udpchat key forget"), "{said}");
    let mut process = at_home(&stranger, &["join", "--nick", "x", &link[..link.len() - 3]]);
    assert_eq!(process.code(), 2, "a link that was cut");
}

#[test]
fn invitations_are_listed_and_revoked_and_one_is_for_its_nick_only() {
    let room = Room::new(&["--access", "known", "--name", "chat.example:4000"]);
    let (code, link, _) = room.owner(&["invite", "--nick", "cat", "--expires", "7d"]);
    assert_eq!(code, 0);
    assert!(link.starts_with("udpchat://chat.example:4000/#"), "{link}");
    let link = link.trim().replace("chat.example:4000", &room.name);
    let (_, list, _) = room.owner(&["invite", "--list"]);
    assert!(list.contains("once for cat, until ") && list.contains("by the owner"), "{list}");
    let secret = link.rsplit('.').next().unwrap();
    assert!(!list.contains(secret), "the list does not have the secret");
    let home = new_home();
    let mut process = at_home(&home, &["send", "--nick", "dan", "--server", &link, "hey"]);
    assert_eq!(process.code(), 4);
    assert!(process.stderr.to_end().contains("it is for another one"));
    let id = list.split_whitespace().next().unwrap();
    assert_eq!(room.run(&room.ann, &["invite", "--revoke", id]).0, 0);
    let mut process = at_home(&home, &["send", "--nick", "cat", "--server", &link, "hey"]);
    assert_eq!(process.code(), 4);
    assert!(process.stderr.to_end().contains("used up, has ended or was revoked"));
    assert_eq!(room.owner(&["invite", "--list"]).1, "");
    assert_eq!(room.run(&room.ann, &["invite", "--role", "op"]).0, 4, "for the owner alone");
    let op = room.invitation_of_op();
    assert!(room.history().contains("The owner made an invitation (for an operator)"));
    let mut process = at_home(&home, &["send", "--nick", "dan", "--server", &op, "hey"]);
    assert_eq!(process.code(), 0);
    assert_eq!(room.run(&home, &["topic", "tea"]).0, 0, "an operator from the first moment");
}

impl Room {
    fn invitation_of_op(&self) -> String {
        let (code, link, said) = self.owner(&["invite", "--role", "op"]);
        assert_eq!(code, 0, "{said}");
        link.trim().replace("chat.example:4000", &self.name)
    }
}

#[test]
fn a_closed_room_is_up_for_whoever_pings_it_and_a_ping_uses_no_invitation_up() {
    let room = Room::new(&["--access", "known"]);
    let link = room.invitation(&[]);
    for server in [&room.name, &link] {
        let mut process = at_home(&new_home(), &["ping", "--count", "1", server]);
        assert_eq!(process.code(), 0);
        assert!(process.stdout.to_end().contains("is up: it speaks sessions, version 2, and lets only known keys in"));
    }
    let mut process = at_home(&new_home(), &["ping", "--json", &room.name]);
    assert_eq!(process.code(), 0);
    assert!(process.stdout.to_end().contains("\"closed\":true"));
    let mut process = at_home(&new_home(), &["send", "--nick", "x", "--server", &link, "it is still good"]);
    assert_eq!(process.code(), 0);
    let (code, _, said) = room.owner(&["invite", "--role", "op", "--uses", "2"]);
    assert!(code == 2 && said.contains("for one use"), "{code} {said}");
}

#[test]
fn who_is_kicked_hears_why_and_does_not_come_back_by_itself_nor_at_once() {
    let room = Room::new(&[]);
    let ben = new_home();
    let mut bens = room.join(&ben, "ben");
    let anns = room.join(&room.ann, "ann");
    let (code, out, said) = room.run(&room.ann, &["kick", "ben", "--why", "cool down"]);
    assert_eq!((code, out.as_str(), said.as_str()), (0, "kicked ben\n", ""));
    assert_eq!(bens.code(), 4);
    let said = bens.stderr.to_end();
    assert!(
        said.contains("you are kicked at") && said.contains("by ann until ") && said.contains(": cool down"),
        "{said}"
    );
    anns.stdout.wait_for("ann kicked ben (cool down)\nben left (kicked)\n");
    let (code, said) = room.send(&ben, "ben", "back");
    assert!(code == 4 && said.contains("you are kicked at"), "{code} {said}");
}

#[test]
fn a_ban_outlives_a_restart_and_a_crash_and_can_be_lifted() {
    let mut room = Room::new(&[]);
    let ben = new_home();
    assert_eq!(room.send(&ben, "ben", "spam").0, 0);
    let key = public_half(&ben.join("udpchat/client.key"));
    // He is away by now, and holds no nick: he is found by what he said.
    let (code, out, said) = room.run(&room.ann, &["ban", "ben", "--why", "spam"]);
    assert_eq!((code, out.as_str()), (0, "banned ben\n"));
    assert!(said.contains("come back with another key"), "in an open room: {said}");
    room.crash();
    let (code, said) = room.send(&ben, "ben", "spam");
    assert!(code == 4 && said.contains("you are banned at") && said.contains("by ann: spam"), "{code} {said}");
    let (_, members, _) = room.run(&room.ann, &["members"]);
    assert!(members.contains("banned for ever by ann: spam"), "{members}");
    assert_eq!(room.owner(&["unban", &key]).0, 0);
    assert_eq!(room.send(&ben, "ben", "sorry").0, 0);
}

#[test]
fn an_operator_that_the_owner_mutes_says_nothing_more() {
    let room = Room::new(&[]);
    let mut anns = room.join(&room.ann, "ann");
    anns.enter("first\n");
    anns.stdout.wait_for("ann: first\n");
    assert_eq!(room.owner(&["mute", "ann", "10m", "--why", "a word too much"]).0, 0);
    anns.enter("second\n/topic mine\n/me waves\n/nick loud\n");
    for refused in ["not sent, you are muted: second", "topic: you are muted", "not sent, you are muted: waves"] {
        anns.stderr.wait_for(refused);
    }
    anns.stderr.wait_for("nick not changed to loud: you are muted");
    assert_eq!(room.owner(&["unmute", "ann"]).0, 0);
    anns.enter("third\n");
    let shown = anns.stdout.wait_for("ann: third\n");
    assert!(!shown.contains("second") && shown.contains("The owner muted ann (a word too much) until "), "{shown}");
}

#[test]
fn an_operator_gets_somebody_who_lost_a_key_back_in_under_the_old_nick() {
    let room = Room::new(&["--access", "known"]);
    let (before, after) = (new_home(), new_home());
    let mut process = at_home(&before, &["join", "--nick", "jill", &room.invitation(&[])]);
    process.stdout.wait_for("jill joined!\n");
    process.close_input();
    assert_eq!(process.code(), 0);
    let (code, said) = room.send(&after, "jill", "it is me");
    assert!(code == 4 && said.contains("udpchat admit "), "{code} {said}");
    let key = public_half(&after.join("udpchat/client.key"));
    assert_eq!(room.run(&room.ann, &["admit", &format!("jill#{key}")]).0, 0);
    let (code, said) = room.send(&after, "jill", "it is me");
    assert!(code == 4 && said.contains("'jill' has belonged to key "), "{code} {said}");
    let old = public_half(&before.join("udpchat/client.key"));
    assert_eq!(room.run(&room.ann, &["release", &format!("jill#{old}")]).0, 0);
    assert_eq!(room.run(&room.ann, &["ban", &old, "--why", "lost"]).0, 0);
    let mut process = room.join(&after, "jill");
    process.close_input();
    assert_eq!(process.code(), 0);
    assert_eq!(room.send(&before, "jill", "found it").0, 4);
}

#[test]
fn a_room_that_is_closed_keeps_who_is_there_and_sends_the_others_out() {
    let room = Room::new(&[]);
    let (ben, cat) = (new_home(), new_home());
    let mut bens = room.join(&ben, "ben");
    assert_eq!(room.send(&cat, "cat", "just passing").0, 0);
    let text = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    text.connect(&room.name).unwrap();
    text.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    text.send(b"SIGNUP_TAG:walt").unwrap();
    assert_eq!(receive(&text), "walt joined!");
    bens.enter("/access known\n");
    bens.stderr.wait_for("access: you do not have the right");
    assert_eq!(room.run(&room.ann, &["access", "known"]).0, 0);
    bens.stdout.wait_for("ann closed the room to strangers\n");
    bens.enter("still here\n");
    bens.stdout.wait_for("ben: still here\n");
    assert_eq!(room.send(&cat, "cat", "hello?").0, 4);
    text.send(b"walt: hello?").unwrap();
    text.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let mut heard = Vec::new();
    let mut buffer = [0; 2048];
    while let Ok(len) = text.recv(&mut buffer) {
        heard.push(String::from_utf8(buffer[..len].to_vec()).unwrap());
    }
    assert!(heard.iter().all(|line| !line.contains("still here") && !line.contains("hello?")), "{heard:?}");
    assert_eq!(room.run(&room.ann, &["access", "open"]).0, 4, "that is for the owner");
    assert_eq!(room.owner(&["access", "open"]).0, 0);
    assert_eq!(room.send(&cat, "cat", "hello again").0, 0);
}

#[test]
fn a_text_member_is_muted_and_kicked_by_its_address() {
    let room = Room::new(&[]);
    let anns = room.join(&room.ann, "ann");
    let text = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    text.connect(&room.name).unwrap();
    text.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    text.send(b"SIGNUP_TAG:walt").unwrap();
    anns.stdout.wait_for("(unverified) walt joined!\n");
    assert_eq!(room.run(&room.ann, &["mute", "walt", "10m"]).0, 0);
    text.send(b"walt: can you hear me?").unwrap();
    assert_eq!(room.run(&room.ann, &["unmute", "walt"]).0, 0);
    text.send(b"walt: and now?").unwrap();
    let shown = anns.stdout.wait_for("(unverified) walt: and now?\n");
    assert!(shown.contains("ann muted walt until ") && !shown.contains("can you hear me?"), "{shown}");
    let (_, members, _) = room.run(&room.ann, &["members"]);
    assert!(members.contains("text      walt  127.0.0.1  (unverified)"), "{members}");
    assert_eq!(room.run(&room.ann, &["ban", "walt"]).0, 4, "an address is never banned for ever");
    assert_eq!(room.run(&room.ann, &["ban", "127.0.0.1"]).0, 2, "and that is said at once");
    assert_eq!(room.run(&room.ann, &["ban", "walt", "1h"]).0, 0);
    text.send(b"SIGNUP_TAG:walt").unwrap();
    assert_eq!(room.send(&room.ann, "ann", "sessions from there go on").0, 0);
}

#[test]
fn nobody_is_banned_for_what_somebody_else_said_under_the_same_nick() {
    let room = Room::new(&[]);
    let ben = new_home();
    let bens = room.join(&ben, "ben");
    let text = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    text.connect(&room.name).unwrap();
    text.send(b"SIGNUP_TAG:ben").unwrap();
    text.send(b"ben: buy pills").unwrap();
    bens.stdout.wait_for("(unverified) ben: buy pills\n");
    let (code, _, said) = room.run(&room.ann, &["ban", "ben", "1h"]);
    assert!(code == 4 && said.contains("several are known by that name"), "{code} {said}");
    assert_eq!(room.run(&room.ann, &["ban", "127.0.0.1", "1h"]).0, 0);
    let key = public_half(&ben.join("udpchat/client.key"));
    assert_eq!(room.run(&room.ann, &["mute", &format!("ben#{key}"), "1h"]).0, 0);
    bens.stdout.wait_for("ann muted ben until ");
}

#[test]
fn a_full_room_does_not_keep_its_owner_out() {
    let room = Room::new(&["--max-members", "2"]);
    let (ben, cat) = (new_home(), new_home());
    let (mut bens, _cats) = (room.join(&ben, "ben"), room.join(&cat, "cat"));
    assert_eq!(room.send(&new_home(), "dan", "is there place?").0, 4);
    assert_eq!(room.owner(&["kick", "ben"]).0, 0);
    assert_eq!(bens.code(), 4);
}

#[test]
fn the_owner_s_key_is_shown_to_no_other_server_of_the_machine() {
    let (room, other) = (Room::new(&[]), Room::new(&[]));
    // The owner of the first room is a user like others in the second one.
    let mut process = at_home(room.home.path(), &["topic", "mine", "--server", &other.name]);
    assert_eq!(process.code(), 4);
    assert!(process.stderr.to_end().contains("this is for operators"));
    let key = public_half(&room.home.path().join("udpchat/client.key"));
    assert_eq!(other.owner(&["op", &format!("guest#{key}")]).0, 0);
    let mut process = at_home(room.home.path(), &["topic", "mine", "--server", &other.name]);
    assert_eq!(process.code(), 0);
    assert!(other.history().contains("guest set the topic: mine"));
    assert_eq!(room.owner(&["topic", "the owner's"]).0, 0);
}

#[test]
fn a_program_in_the_room_is_told_its_invitations_and_the_members() {
    let room = Room::new(&[]);
    let mut anns = at_home(&room.ann, &["join", "--nick", "ann", "--json", "--server", &room.name]);
    anns.enter("/invite x2\n/members\n/ban ann 10\n");
    anns.stdout.wait_for("{\"event\":\"invitation\",\"link\":\"udpchat://");
    anns.stdout.wait_for("{\"event\":\"members\",\"members\":[{\"kind\":\"settings\"");
    anns.stdout.wait_for("expected /ban NICK [DURATION]");
    let mut process =
        at_home(&new_home(), &["send", "--text", "--nick", "x", "--server", &room.invitation(&[]), "hey"]);
    assert_eq!(process.code(), 2, "plain text knows no invitations");
}

#[test]
fn known_keys_are_carried_to_another_room_in_a_file() {
    let room = Room::new(&[]);
    let (ben, other) = (new_home(), Room::new(&["--access", "known"]));
    assert_eq!(room.send(&ben, "ben", "hey").0, 0);
    let key = public_half(&ben.join("udpchat/client.key"));
    assert_eq!(room.run(&room.ann, &["admit", &format!("ben#{key}")]).0, 0);
    let file = ben.join("members");
    let name = file.to_str().unwrap();
    assert_eq!(room.owner(&["members", "export", name]).0, 0);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&format!("{key} member ben\n")) && text.contains(" operator ann\n"), "{text}");
    assert_eq!(other.send(&ben, "ben", "hey").0, 4);
    let (code, _, said) = other.owner(&["members", "import", name]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("2 of 2 are new, 0 were known already"), "{said}");
    assert_eq!(other.send(&ben, "ben", "hey").0, 0);
    assert!(other.owner(&["members", "import", name]).2.contains("0 of 2 are new, 2 were known already"));
    std::fs::write(&file, "no key at all\n").unwrap();
    let (code, _, said) = other.owner(&["members", "import", name]);
    assert!(code == 2 && said.contains("line 1: the first word is no key"), "{code} {said}");
}

#[test]
fn operators_have_commands_in_the_room_too() {
    let room = Room::new(&[]);
    let ben = new_home();
    let mut anns = room.join(&room.ann, "ann");
    anns.stderr.wait_for("you are an operator here");
    let bens = room.join(&ben, "ben");
    anns.enter("/topic tea at five\n/mute ben 10m\n/invite cat x2 7d\n/members\n/kick nobody\n/ban\n/help op\n");
    bens.stdout.wait_for("ann made an invitation for cat\n");
    for told in [
        "kick nobody: nobody and nothing is known by that name",
        "the invitation, to be passed on:\nudpchat://",
        "operator  ann",
    ] {
        anns.stderr.wait_for(told);
    }
    anns.stderr.wait_for("expected /ban NICK");
    anns.stderr.wait_for("/kick NICK [WHY]");
    // Who comes now is told what the room is about.
    let cat = new_home();
    let cats = room.join(&cat, "cat");
    cats.stderr.wait_for("topic: tea at five");
}
