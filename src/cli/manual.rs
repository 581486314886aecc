//! The sections of the man pages beyond the options.
//!
//! Owns: the text on exit codes, variables, files and examples of each subcommand.
//! Must not know: the format of the pages.
//! Driven by: `examples/generate.rs`, which writes `man/`.

/// The sections of a man page beyond the options.
#[derive(Clone, Copy, Debug)]
pub struct Manual {
    /// Exit codes and their meanings.
    pub exit_status: &'static [(&'static str, &'static str)],
    /// Environment variables and their effects.
    pub environment: &'static [(&'static str, &'static str)],
    /// Paths and their purposes.
    pub files: &'static [(&'static str, &'static str)],
    /// Descriptions of example commands, and the commands.
    pub examples: &'static [(&'static str, &'static str)],
}

const RUST_LOG: (&str, &str) =
    ("RUST_LOG", "What to log on stderr, in the form of env_logger: 'debug', 'udpchat::server=trace'.");
const SERVER: (&str, &str) = ("UDPCHAT_SERVER", "The server, if none is named.");
const NICK: (&str, &str) = ("UDPCHAT_NICK", "The nick, if --nick is not given.");
const STDOUT: (&str, &str) = ("stdout", "The messages of the room; control characters are escaped.");

const DONE: (&str, &str) = ("0", "Done.");
const FAILURE: (&str, &str) = ("1", "A system error, or a line of the input could not be sent.");
const USAGE: (&str, &str) = ("2", "The command line is wrong.");
const UNREACHABLE: (&str, &str) = (
    "3",
    "Unreachable: nothing listens there, there is no route, the name does not resolve, or no answer came in time.",
);
const REFUSED: (&str, &str) = (
    "4",
    "Refused: the nick is taken, the room is full or closed, your key is banned, a message was not accepted, nobody could be written to under that name, --id names \
     another message, the server's key or that of a nick has changed, or the server speaks only plain text and --secure or --to forbids that.",
);
const NOT_CONFIRMED: (&str, &str) = ("5", "Not confirmed in time: the message may or may not have arrived.");
const SYSTEM: (&str, &str) = ("1", "A system error; stderr says which.");
const INTERRUPTED: (&str, &str) = ("130", "Interrupted by a signal before it was done.");

const CLIENT_STATUS: &[(&str, &str)] = &[DONE, FAILURE, USAGE, UNREACHABLE, REFUSED, NOT_CONFIRMED, INTERRUPTED];
const NO_FILE: (&str, &str) = ("none", "No file is read or written.");
const STATE: (&str, &str) =
    ("XDG_STATE_HOME", "Keys and logs are kept in its folder udpchat; without it in ~/.local/state/udpchat.");
const CLIENT_KEY: (&str, &str) = (
    "$XDG_STATE_HOME/udpchat/client.key",
    "Your key, created on first use. Anyone with this file can impersonate you.",
);
const SERVER_KEY: (&str, &str) =
    ("$XDG_STATE_HOME/udpchat/server.key", "The key of your server, unless --key is given.");
const REFUSED_KEYS: (&str, &str) = (
    "$XDG_STATE_HOME/udpchat/server.key.refused",
    "Keys refused for ten minutes because a datagram of theirs crashed the server.",
);
const PINS: (&str, &str) = ("$XDG_STATE_HOME/udpchat/servers/HOST:PORT", "The key by which you recognise this server.");
const LOG: (&str, &str) = (
    "$XDG_STATE_HOME/udpchat/ROOM.db",
    "The room's log (SQLite), unless --db is given. ROOM is the name that --room gives, else 'room'.",
);
const PLACES: (&str, &str) = (
    "$XDG_STATE_HOME/udpchat/places/HOST:PORT/NICK.N",
    "How far you have read there; one file for each client that runs at the same time.",
);

const SEEN: (&str, &str) = (
    "$XDG_STATE_HOME/udpchat/places/HOST:PORT/NICK.N.seen",
    "Which private messages were shown, so that the server cannot show one as new again.",
);
const OUTBOX: (&str, &str) = (
    "$XDG_STATE_HOME/udpchat/places/HOST:PORT/NICK.N.outbox",
    "What you have said and what is not confirmed yet: the next run finds out.",
);
const PEOPLE: (&str, &str) = (
    "$XDG_STATE_HOME/udpchat/people/HOST:PORT/NICK.key",
    "The key of somebody whom you have written to in private: no other key is written to under that nick.",
);
const IGNORED: (&str, &str) = (
    "$XDG_STATE_HOME/udpchat/ignored/HOST:PORT",
    "Those whom you ignore there: the beginning of the fingerprint, the nick.",
);

const OVERVIEW: Manual = Manual {
    exit_status: CLIENT_STATUS,
    environment: &[SERVER, NICK, STATE, RUST_LOG],
    files: &[CLIENT_KEY, SERVER_KEY, PINS],
    examples: &[
        ("Serve a room for this machine:", "udpchat serve"),
        ("Join it from another terminal:", "udpchat join --nick jack"),
        ("Send a message from a script:", "udpchat send --nick bot 'the build is done'"),
    ],
};

const SERVE: Manual = Manual {
    exit_status: &[
        ("0", "Ended by a signal."),
        SYSTEM,
        USAGE,
        ("101", "The server crashed, told its members and wrote why to stderr: start it again."),
    ],
    environment: &[STATE, RUST_LOG],
    files: &[("stdout", "The transcript, unless --quiet is given."), SERVER_KEY, OWNER_KEY, REFUSED_KEYS, LOG],
    examples: &[
        ("Serve the local network, over IPv4 and IPv6:", "udpchat serve --bind 0.0.0.0:9999 --bind '[::]:9999'"),
        ("Delete entries older than a month:", "udpchat serve --keep 30d"),
        ("Let known keys in only:", "udpchat serve --access known --name chat.example:9999"),
        ("Store nothing on disk but the transcript:", "udpchat serve --db :memory: >transcript.txt"),
        ("Log how many members there are:", "pkill -USR1 -f '^[^ ]*udpchat serve'"),
    ],
};

const JOIN: Manual = Manual {
    environment: &[SERVER, NICK, STATE, RUST_LOG],
    files: &[STDOUT, CLIENT_KEY, PINS, PLACES, SEEN, OUTBOX, PEOPLE, IGNORED],
    examples: &[
        ("Be asked for the nick, as the original does:", "udpchat join"),
        ("Talk on another machine's server:", "udpchat join --nick jack --server 192.168.1.5:9999"),
        ("Send some lines and wait until they are confirmed:", "printf 'hey\\nbye\\n' | udpchat join --nick jack"),
        ("Never speak plain text:", "udpchat join --nick jack --secure"),
        ("For a program:", "udpchat join --nick jack --json"),
    ],
    ..OVERVIEW
};

const WEB: Manual = Manual {
    exit_status: &[("0", "A signal ended it."), SYSTEM, USAGE, UNREACHABLE],
    environment: &[SERVER, NICK, STATE, RUST_LOG],
    files: &[
        ("stdout", "The address to open, on the first line."),
        (
            "$XDG_STATE_HOME/udpchat/web.token",
            "The secret part of that address. Anyone with it, on this machine, is you in the room.",
        ),
        CLIENT_KEY,
        PINS,
        PEOPLE,
        IGNORED,
    ],
    examples: &[
        ("Show the room of this machine in the browser:", "udpchat web --nick jack --open"),
        ("Show the room of another server:", "udpchat web --server 10.0.0.5:9999"),
    ],
};

const SEND: Manual = Manual {
    environment: &[SERVER, NICK, STATE, RUST_LOG],
    files: &[CLIENT_KEY, PINS, PEOPLE],
    examples: &[
        ("Write to one member in private:", "udpchat send --nick bot --to jack 'only for you: the build is done'"),
        (
            "Send a message, and check that it arrived:",
            "udpchat send --nick bot 'the build is done' || echo 'not sent'",
        ),
        (
            "Retry until the room has it, exactly once:",
            "until udpchat send --nick bot --id build-42 'the build is done'; do sleep 10; done",
        ),
        ("Send each line of a file:", "udpchat send --nick bot - <README.md"),
        (
            "Send a message, and wait until everybody who is there has received it:",
            "udpchat send --nick bot --wait received 'the build is done'",
        ),
    ],
    ..OVERVIEW
};

const PING: Manual = Manual {
    exit_status: &[
        ("0", "At least one ping came back, or the server is up and lets only known keys in."),
        SYSTEM,
        USAGE,
        ("3", "Unreachable, or none came back."),
        ("4", "Refused: the server's key has changed, or it speaks only plain text and --secure forbids that."),
        INTERRUPTED,
    ],
    environment: &[SERVER, STATE, RUST_LOG],
    files: &[("stdout", "The report."), PINS],
    examples: &[
        ("Is it there?", "udpchat ping --count 1 127.0.0.1:9999"),
        ("Every 200 ms, for a program:", "udpchat ping --count 10 --interval 200ms --json"),
    ],
};

const HISTORY: Manual = Manual {
    exit_status: &[
        DONE,
        ("1", "There is no log, it cannot be read, or --forget found nothing."),
        USAGE,
        ("3", "With --server: it cannot be reached, or does not answer."),
        ("4", "With --server: it lets only known keys in, has another key than before, or speaks plain text only."),
    ],
    environment: &[("TZ", "Time zone in which times are shown and read."), STATE, RUST_LOG],
    files: &[("stdout", "The entries, unless --export names a file."), LOG],
    examples: &[
        ("Show today's entries:", "udpchat history --since today"),
        (
            "Show the last ten messages of a nick, and follow its new ones:",
            "udpchat history --from jack -n 10 --follow",
        ),
        ("Show everything with a number in it, for a program:", "udpchat history --grep '[0-9]+' --json"),
        ("Copy the log, as JSON:", "udpchat history --export room.jsonl"),
        ("Search what another server has logged:", "udpchat history --server 127.0.0.1:9999 --grep build"),
    ],
};

const KEY: Manual = Manual {
    exit_status: &[
        DONE,
        ("1", "There is no such key, you have another one already, or it cannot be read, written or removed."),
        USAGE,
    ],
    environment: &[STATE, RUST_LOG],
    files: &[CLIENT_KEY, SERVER_KEY, PINS, PEOPLE],
    examples: &[
        ("Accept another key of jill's for private messages:", "udpchat key forget 127.0.0.1:9999 jill"),
        ("Show fingerprints, to compare them with somebody else's:", "udpchat key"),
        ("Trust whatever key a server presents next:", "udpchat key forget 127.0.0.1:9999"),
        ("Be the same person on another machine:", "udpchat key export - | ssh laptop udpchat key import -"),
    ],
};

const BENCH: Manual = Manual {
    exit_status: &[DONE, SYSTEM, USAGE, UNREACHABLE],
    environment: &[SERVER, RUST_LOG],
    files: &[NO_FILE],
    examples: &[
        (
            "A server without limits, and 100 members on it:",
            "udpchat serve --bind 127.0.0.1:9998 --quiet --rate off --signup-rate off --db :memory:",
        ),
        ("", "udpchat bench -s 127.0.0.1:9998 --members 100 --duration 5s"),
        ("The same with sessions:", "udpchat bench -s 127.0.0.1:9998 --dialect session --members 100 --duration 5s"),
        (
            "Messages of mixed lengths at a steady rate, with the server's CPU time:",
            "udpchat bench -s 127.0.0.1:9998 --size 20-256 --rate 200 --pid $(pgrep -f 'serve --bind 127.0.0.1:9998')",
        ),
    ],
};

const SIM: Manual = Manual {
    exit_status: &[DONE, ("1", "A promise of the protocol did not hold in this run."), USAGE],
    environment: &[RUST_LOG],
    files: &[("none", "No file is read or written, and nothing is sent.")],
    examples: &[
        ("See what loss does to both protocols:", "udpchat sim --loss 10% --delay 40ms"),
        (
            "Read how a lost datagram is repaired:",
            "udpchat sim --clients 2 --messages 20 --loss 20% --dialect session --trace",
        ),
        ("Kill the server in a storm:", "udpchat sim --weather storm --restart-server --seed 7 --json"),
    ],
};

const OWNER_KEY: (&str, &str) = (
    "$XDG_STATE_HOME/udpchat/owner.key",
    "The key of the owner of this machine's rooms, made by 'serve'. Used by itself if the server is that of this machine.",
);

const ACT_STATUS: &[(&str, &str)] = &[
    DONE,
    SYSTEM,
    USAGE,
    UNREACHABLE,
    ("4", "Refused: you do not have the right, nobody is known by that name, or it would change nothing."),
    ("5", "Not confirmed in time: it may or may not have been done."),
    INTERRUPTED,
];

const ACT: Manual = Manual {
    exit_status: ACT_STATUS,
    environment: &[SERVER, STATE, RUST_LOG],
    files: &[OWNER_KEY, CLIENT_KEY, PINS],
    examples: &[
        ("Make somebody an operator, on the server's machine:", "udpchat op ann"),
        ("Give somebody ten minutes to think:", "udpchat mute ben 10m --why 'too loud'"),
        ("Keep a key out, whatever nick it takes:", "udpchat ban 'ben#e9759025' --why spam"),
        ("Keep a plain-text member out for an hour:", "udpchat ban 192.168.1.7 1h"),
        ("Close the room to strangers:", "udpchat access known"),
    ],
};

const INVITE: Manual = Manual {
    examples: &[
        ("Invite one person, until tomorrow:", "udpchat invite"),
        ("Invite a class, for a week:", "udpchat invite --uses 30 --expires 7d"),
        ("Show what can still be used, for a program:", "udpchat invite --list --json"),
    ],
    ..ACT
};

const MEMBERS: Manual = Manual {
    files: &[("stdout", "The list, or the exported keys."), OWNER_KEY, CLIENT_KEY, PINS],
    examples: &[
        ("Show who is known and who has to stay out:", "udpchat members"),
        (
            "Take the known keys to another room:",
            "udpchat members export - | udpchat members import - -s 127.0.0.1:9998",
        ),
    ],
    ..ACT
};

/// Returns the manual of a subcommand, or for any other name that of the whole program.
pub fn manual(subcommand: &str) -> Manual {
    match subcommand {
        "serve" => SERVE,
        "join" => JOIN,
        "web" => WEB,
        "send" => SEND,
        "ping" => PING,
        "history" => HISTORY,
        "key" => KEY,
        "bench" => BENCH,
        "sim" => SIM,
        "invite" => INVITE,
        "members" => MEMBERS,
        "access" | "admit" | "kick" | "mute" | "unmute" | "ban" | "unban" | "release" | "topic" | "op" | "deop" => ACT,
        _ => OVERVIEW,
    }
}
