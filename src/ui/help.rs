//! What `/help` shows.
//!
//! Owns: its texts, in groups: the commands, those of operators, the keys.
//! Must not know: what the commands do.
//! Driven by: `command`.

/// The commands.
const COMMANDS: &str = "\
Talk
  /me TEXT         show an action: * jack waves
  /msg NICK TEXT   write to somebody in private; /reply TEXT answers the last one
  //TEXT           say /TEXT
The room
  /who             who is here
  /history N       show N earlier messages; /search WORDS shows those with all the words
  /seen            who has received what you said last
People
  /ignore NICK     hide somebody on this device; /unignore NICK; /ignore lists them
  /block NICK      refuse somebody's private messages; /unblock NICK; /block lists them
You
  /nick NAME       take another nick
  /release         give your nick back, for others once you have left; or /release NICK
  /clear           clear the screen
  !q               leave; or /quit
More
  /help op         the commands that take a right
  /help keys       the keys, on a terminal";

/// The commands that take a right.
const OF_OPERATORS: &str = "\
People
  /kick NICK [WHY]            send somebody out for a minute
  /mute NICK DURATION [WHY]   keep somebody from posting: /mute ann 10m; /unmute NICK
  /ban NICK [DURATION] [WHY]  keep somebody out; /unban NICK
  /release NICK               give somebody's nick back
Who may come in
  /invite [NICK] [x5] [7d]    make a link to join with, for a nick, five uses, a week; /revoke ID ends one
  /admit NICK                 make somebody known without one
  /members                    who is known, and who has to stay out
  /access open|known          who may come in: everybody, or only those who are known
The room
  /topic TEXT                 set the topic; /topic - removes it
  /op NICK, /deop NICK        make an operator, or a member again: the owner may
NICK can be NICK#FINGERPRINT, as /members shows it, a whole key, or the address of a plain-text member";

/// The keys.
const KEYS: &str = "\
Sending
  Enter            send; Alt-Enter begins another line
  Tab              complete a nick or a command; once more for the next one
  Up, Down         what you have entered before; Ctrl-R searches it
Moving
  Ctrl-A, Ctrl-E   to the beginning, to the end; Alt-B, Alt-F by words
Cutting
  Ctrl-U, Ctrl-K   to the beginning, to the end; Ctrl-W, Alt-D a word; Ctrl-Y inserts what was cut
The program
  Ctrl-C           clear the line; on an empty one, leave
  Ctrl-D           leave, on an empty line
  Ctrl-Z           suspend; fg goes on
  Ctrl-L           paint again";

/// Returns the text about a topic: none is about all commands.
///
/// # Errors
/// There is no such topic.
pub fn about(topic: &str) -> Result<&'static str, String> {
    match topic {
        "" => Ok(COMMANDS),
        "op" => Ok(OF_OPERATORS),
        "keys" => Ok(KEYS),
        _ => Err("expected /help, /help op or /help keys".into()),
    }
}
