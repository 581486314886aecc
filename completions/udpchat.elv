
use builtin;
use str;

set edit:completion:arg-completer[udpchat] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'udpchat'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'udpchat'= {
            cand -v 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand serve 'Serve a chat room'
            cand join 'Join a chat room and talk'
            cand send 'Send a message and wait until the room has it'
            cand ping 'Ask whether a server is there, and what it is'
            cand history 'Look at what was said in a room of this machine'
            cand key 'Show keys, or forget one'
            cand bench 'Load a server and measure it'
            cand sim 'Try the protocols in a simulated network'
        }
        &'udpchat;serve'= {
            cand --bind 'Listen on this address and port; may be given several times'
            cand --text 'With which addresses to speak plain text, as the original does, beside sessions'
            cand --max-members 'The most members at a time'
            cand --text-idle 'Forget a member that was silent for this long'
            cand --rate 'Messages per second from each key or address, with bursts of ten seconds'' worth'
            cand --signup-rate 'How many new members a second may come from a neighbourhood (IPv4 /24, IPv6 /64), after a burst of 64'
            cand --announce-each 'With more members than this joins and leaves are told several at a time, within a second: "37 joined"'
            cand --key 'The file with the server''s key, made if it is not there [default: server.key in $XDG_STATE_HOME/udpchat]'
            cand --room 'Name of the room: its log is NAME.db in $XDG_STATE_HOME/udpchat'
            cand --db 'Keep the room''s log in this file instead; '':memory:'' keeps nothing'
            cand --sync 'When what is confirmed survives a loss of power: at once, or but for the last seconds; a crash it survives always'
            cand --keep 'Forget what is older'
            cand --keep-entries 'Forget what is not among so many entries'
            cand --text-history 'Send new text members the last lines; at most 1000, and without a promise'
            cand -q 'Write no transcript to stdout'
            cand --quiet 'Write no transcript to stdout'
            cand -v 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'udpchat;join'= {
            cand -n 'What to be called, 1 to 32 bytes; asked for on a terminal if it is not given'
            cand --nick 'What to be called, 1 to 32 bytes; asked for on a terminal if it is not given'
            cand -s 'The server; without a port it is 9999'
            cand --server 'The server; without a port it is 9999'
            cand -t 'Wait this long for the server to answer, and for a line to be confirmed'
            cand --timeout 'Wait this long for the server to answer, and for a line to be confirmed'
            cand --history 'Where you were not before: begin with so many of the last messages, with those of so long, or with all'
            cand --secure 'Speak sessions only: never plain text, which anybody can read and forge'
            cand --text 'Speak plain text only, as the original does'
            cand --json 'Tell what happens as JSON, one object a line (docs/JSON.md)'
            cand -v 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'udpchat;send'= {
            cand -n 'What to be called, 1 to 32 bytes'
            cand --nick 'What to be called, 1 to 32 bytes'
            cand -s 'The server; without a port it is 9999'
            cand --server 'The server; without a port it is 9999'
            cand -t 'Wait this long for the server to answer, and for a line to be confirmed'
            cand --timeout 'Wait this long for the server to answer, and for a line to be confirmed'
            cand --id 'Name the message, so that it is in the room once however often it is sent under this name'
            cand --secure 'Speak sessions only: never plain text, which anybody can read and forge'
            cand --text 'Speak plain text only, as the original does'
            cand -v 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'udpchat;ping'= {
            cand -c 'How often to ask'
            cand --count 'How often to ask'
            cand -i 'Between two questions'
            cand --interval 'Between two questions'
            cand -t 'Wait this long for the first answer, and for the last'
            cand --timeout 'Wait this long for the first answer, and for the last'
            cand --secure 'Speak sessions only: never plain text, which anybody can read and forge'
            cand --text 'Speak plain text only, as the original does'
            cand --json 'Report as one JSON object'
            cand -v 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'udpchat;history'= {
            cand --room 'Room to show [default: the only one on this machine]'
            cand --db 'Show the log in this file instead'
            cand --since 'From then on: so long ago, a day, a local time or RFC 3339, like 1h, today, 14:03, 2026-11-23, ''2026-11-23 14:03'''
            cand --until 'Up to then'
            cand --from 'What concerns this nick: its messages, and when it came and went'
            cand --grep 'What has a part that this regular expression describes'
            cand -n 'The last N of them'
            cand --lines 'The last N of them'
            cand --export 'Write them to this file, as with --json, whole or not at all; ''-'' is stdout'
            cand --forget 'Overwrite for ever what the key behind NICK posted, under whatever nick, and when it came and went'
            cand -f 'Go on with what is said from now on, until you stop it'
            cand --follow 'Go on with what is said from now on, until you stop it'
            cand --json 'One JSON object a line (docs/JSON.md)'
            cand --yes 'Do not ask before --forget overwrites'
            cand -v 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'udpchat;key'= {
            cand -v 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand forget 'Forget the key of a server: the next one that it has is taken for its own'
        }
        &'udpchat;key;forget'= {
            cand -v 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'udpchat;bench'= {
            cand -s 'The server; without a port it is 9999'
            cand --server 'The server; without a port it is 9999'
            cand -t 'Wait this long for the server to answer, and for a line to be confirmed'
            cand --timeout 'Wait this long for the server to answer, and for a line to be confirmed'
            cand --dialect 'What to speak'
            cand -m 'How many members listen'
            cand --members 'How many members listen'
            cand --senders 'How many of them talk, in turn'
            cand --messages 'End a run after so many messages'
            cand --duration 'End a run after this long; 10s if there is no other end'
            cand --size 'The length of the lines in bytes, or a range to spread them over'
            cand --window 'Closed loop: so many messages under way'
            cand --rate 'Open loop: so many messages a second; latency counts from when they were due'
            cand --repeat 'Run so often with the same members, and report the medians'
            cand --pid 'The server''s process: report its time on a processor by delivery, and its memory (Linux)'
            cand --restart 'When all are in run this with sh, which is to kill the server and start it anew, and measure how they come back'
            cand --present 'Let the members in all at once, with sessions, each announced, while two of them talk; measure that alone'
            cand --json 'Report as one JSON object'
            cand -v 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'udpchat;sim'= {
            cand -c 'How many clients talk'
            cand --clients 'How many clients talk'
            cand -m 'How many messages they say in all, in turns'
            cand --messages 'How many messages they say in all, in turns'
            cand --interval 'Between two messages'
            cand --size 'How long each message is, in bytes'
            cand -w 'A weather with a name; what is given beside it counts more'
            cand --weather 'A weather with a name; what is given beside it counts more'
            cand --loss 'Which part of the datagrams is lost, each way'
            cand --delay 'How long a datagram takes, one way; 1ms if nothing else is said'
            cand --jitter 'By how much longer it takes at most, by chance'
            cand --duplicate 'Which part of the datagrams comes twice'
            cand --reorder 'Which part comes later than those behind it'
            cand --rate-limit 'How much goes over each client''s line, each way, like 1Mbit'
            cand --partition 'Cut every other client off for so long'
            cand --restart-server 'Kill the server and start it again, with the log that it had or an empty one'
            cand --seed 'Everything that happens by chance comes from this number'
            cand --dialect 'What is spoken'
            cand --rebind 'Give every other client another address'
            cand --restart-clients 'Kill every third client and start it again'
            cand --json 'Report as one JSON object, with a key for each dialect'
            cand --trace 'Tell the story too, datagram by datagram'
            cand -v 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; up to three times (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
