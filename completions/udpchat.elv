
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
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand serve 'Serve a chat room'
            cand join 'Join a chat room and talk'
            cand send 'Send one message and wait until the room has it'
            cand ping 'Check that a server is up, and what it is'
            cand history 'Show, search, export or delete what a room on this machine has logged'
            cand key 'Show keys, take yours to another device, or forget a server''s'
            cand bench 'Load a server and measure it'
            cand sim 'Run the protocols in a simulated network'
        }
        &'udpchat;serve'= {
            cand --bind 'Listen on this address and port; repeatable'
            cand --room 'Name of the room: its log is NAME.db in $XDG_STATE_HOME/udpchat'
            cand --keep 'Delete entries older than this [default: keep everything]'
            cand --keep-entries 'Delete all but the last N entries [default: keep everything]'
            cand --db 'Store the log in this file instead; '':memory:'' stores nothing'
            cand --sync 'When a confirmed message is on the disk'
            cand --text 'Which addresses may speak plain text, as the original does'
            cand --max-members 'Most members at a time'
            cand --rate 'Messages per second from each key or address, ten seconds'' worth at once'
            cand --signup-rate 'New text members per second from each IPv4 /24 or IPv6 /64, 64 at once'
            cand --text-idle 'Remove a text member after this much silence'
            cand --text-history 'Send each new text member the last N lines, at most 1000'
            cand --announce-each 'With more members than this, announce joins and leaves in batches'
            cand --key 'File with the server''s key, created if missing [default: server.key in $XDG_STATE_HOME/udpchat]'
            cand -q 'Write no transcript to stdout'
            cand --quiet 'Write no transcript to stdout'
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'udpchat;join'= {
            cand -n 'Your nick, 1 to 32 bytes; asked for on a terminal if missing'
            cand --nick 'Your nick, 1 to 32 bytes; asked for on a terminal if missing'
            cand --history 'On your first visit, show the last N messages, those of the last DURATION, or all'
            cand -s 'Server to talk to; the port defaults to 9999'
            cand --server 'Server to talk to; the port defaults to 9999'
            cand -t 'How long to wait for the server''s answer, and for confirmations'
            cand --timeout 'How long to wait for the server''s answer, and for confirmations'
            cand --secure 'Speak sessions only, never plain text, which anybody can read and forge'
            cand --text 'Speak plain text only, as the original does'
            cand --json 'Write each event as a JSON object, one a line (docs/JSON.md)'
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'udpchat;send'= {
            cand -n 'Your nick, 1 to 32 bytes'
            cand --nick 'Your nick, 1 to 32 bytes'
            cand --id 'Name for this message: sent again under the same KEY, it is in the room once'
            cand -s 'Server to talk to; the port defaults to 9999'
            cand --server 'Server to talk to; the port defaults to 9999'
            cand -t 'How long to wait for the server''s answer, and for confirmations'
            cand --timeout 'How long to wait for the server''s answer, and for confirmations'
            cand --secure 'Speak sessions only, never plain text, which anybody can read and forge'
            cand --text 'Speak plain text only, as the original does'
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'udpchat;ping'= {
            cand -c 'Number of pings'
            cand --count 'Number of pings'
            cand -i 'Time between two pings'
            cand --interval 'Time between two pings'
            cand -t 'How long to wait for the first answer, and for the last'
            cand --timeout 'How long to wait for the first answer, and for the last'
            cand --json 'Report as one JSON object'
            cand --secure 'Speak sessions only, never plain text, which anybody can read and forge'
            cand --text 'Speak plain text only, as the original does'
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'udpchat;history'= {
            cand -n 'Only the last N entries'
            cand --lines 'Only the last N entries'
            cand --since 'Only entries since TIME: 1h (ago), today, yesterday, 14:03, 2026-11-23, ''2026-11-23 14:03'''
            cand --until 'Only entries before TIME'
            cand --from 'Only messages, joins and leaves of NICK'
            cand --grep 'Only entries matching REGEX'
            cand --export 'Write JSON to FILE, whole or not at all; ''-'' is stdout'
            cand --room 'Room to show [default: the only one on this machine]'
            cand --db 'Show the log in this file instead'
            cand --forget 'Overwrite for ever what the key behind NICK posted, under whatever nick'
            cand -f 'Keep running and show new entries as they are logged'
            cand --follow 'Keep running and show new entries as they are logged'
            cand --json 'Write one JSON object a line (docs/JSON.md)'
            cand --yes 'Do not ask before --forget overwrites'
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'udpchat;key'= {
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
            cand forget 'Forget a server''s key; the next connection trusts whatever key the server presents'
            cand export 'Write your key to FILE, to use it on another device; ''-'' is stdout'
            cand import 'Take the key in FILE as your own; ''-'' is stdin'
        }
        &'udpchat;key;forget'= {
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'udpchat;key;export'= {
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'udpchat;key;import'= {
            cand --replace 'Replace your present key, which is kept in a file beside it'
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'udpchat;bench'= {
            cand -m 'Number of members that listen'
            cand --members 'Number of members that listen'
            cand --senders 'Number of members that talk, in turn'
            cand --duration 'Stop after this time [default: 10s if --messages is not given]'
            cand --messages 'Stop after N messages'
            cand --size 'Length of the messages in bytes, or a range to spread them over'
            cand --window 'Closed loop: keep N messages in flight'
            cand --rate 'Open loop: N messages a second; latency counts from when each was due'
            cand --repeat 'Run N times with the same members, and report medians'
            cand --restart 'Once the crowd is in, run CMD to restart the server, and measure the return'
            cand -s 'Server to talk to; the port defaults to 9999'
            cand --server 'Server to talk to; the port defaults to 9999'
            cand -t 'How long to wait for the server''s answer, and for confirmations'
            cand --timeout 'How long to wait for the server''s answer, and for confirmations'
            cand --dialect 'Protocol to speak'
            cand --pid 'Process of the server: also report its CPU time and memory (Linux)'
            cand --present 'Measure a crowd instead: all join at once with sessions while two talk'
            cand --json 'Report as one JSON object'
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'udpchat;sim'= {
            cand -w 'A preset; explicit options override it'
            cand --weather 'A preset; explicit options override it'
            cand --loss 'Share of the datagrams lost in each direction'
            cand --delay 'One-way delay [default: 1ms]'
            cand --jitter 'Most random delay on top'
            cand --duplicate 'Share of the datagrams delivered twice'
            cand --reorder 'Share of the datagrams overtaken by later ones'
            cand --rate-limit 'Rate of each client''s line in each direction, like 1Mbit'
            cand --partition 'Cut every other client off for this long'
            cand --restart-server 'Kill the server and restart it, with its log or an empty one'
            cand -c 'Number of clients that talk'
            cand --clients 'Number of clients that talk'
            cand -m 'Messages in all, sent by the clients in turn'
            cand --messages 'Messages in all, sent by the clients in turn'
            cand --interval 'Time between two messages'
            cand --size 'Length of each message in bytes'
            cand --dialect 'Protocol to run'
            cand --seed 'Seed of all randomness'
            cand --rebind 'Give every other client a new address'
            cand --restart-clients 'Kill every third client and restart it'
            cand --trace 'Print the story too, datagram by datagram'
            cand --json 'Report as one JSON object, with a key for each protocol'
            cand -v 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand --verbose 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
    ]
    $completions[$command]
}
