# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_udpchat_global_optspecs
    string join \n v/verbose h/help V/version
end

function __fish_udpchat_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_udpchat_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_udpchat_using_subcommand
    set -l cmd (__fish_udpchat_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c udpchat -n "__fish_udpchat_needs_command" -s v -l verbose -d 'Say more on stderr; up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c udpchat -n "__fish_udpchat_needs_command" -s V -l version -d 'Print version'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "serve" -d 'Serve a chat room'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "join" -d 'Join a chat room and talk'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "send" -d 'Send a message and wait until the room has it'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "ping" -d 'Ask whether a server is there, and what it is'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "history" -d 'Look at what was said in a room of this machine'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "key" -d 'Show keys, or forget one'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "bench" -d 'Load a server and measure it'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "sim" -d 'Try the protocols in a simulated network'
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l bind -d 'Listen on this address and port; may be given several times' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l text -d 'With which addresses to speak plain text, as the original does, beside sessions' -r -f -a "private\t'Loopback, private, link-local, shared (100.64/10) and unique-local addresses'
any\t'Every address; makes the server a reflector for whoever forges a source address'
off\t'Nobody'"
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l max-members -d 'The most members at a time' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l text-idle -d 'Forget a member that was silent for this long' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l rate -d 'Messages per second from each key or address, with bursts of ten seconds\' worth' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l signup-rate -d 'How many new members a second may come from a neighbourhood (IPv4 /24, IPv6 /64), after a burst of 64' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l announce-each -d 'With more members than this joins and leaves are told several at a time, within a second: "37 joined"' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l key -d 'The file with the server\'s key, made if it is not there [default: server.key in $XDG_STATE_HOME/udpchat]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l room -d 'Name of the room: its log is NAME.db in $XDG_STATE_HOME/udpchat' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l db -d 'Keep the room\'s log in this file instead; \':memory:\' keeps nothing' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l sync -d 'When what is confirmed survives a loss of power: at once, or but for the last seconds; a crash it survives always' -r -f -a "normal\t'But for the last seconds'
full\t'At once: every message waits for the disk'"
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l keep -d 'Forget what is older' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l keep-entries -d 'Forget what is not among so many entries' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l text-history -d 'Send new text members the last lines; at most 1000, and without a promise' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -s q -l quiet -d 'Write no transcript to stdout'
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -s v -l verbose -d 'Say more on stderr; up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -s n -l nick -d 'What to be called, 1 to 32 bytes; asked for on a terminal if it is not given' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -s s -l server -d 'The server; without a port it is 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -s t -l timeout -d 'Wait this long for the server to answer, and for a line to be confirmed' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l history -d 'Where you were not before: begin with so many of the last messages, with those of so long, or with all' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l secure -d 'Speak sessions only: never plain text, which anybody can read and forge'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l text -d 'Speak plain text only, as the original does'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l json -d 'Tell what happens as JSON, one object a line (docs/JSON.md)'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -s v -l verbose -d 'Say more on stderr; up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -s n -l nick -d 'What to be called, 1 to 32 bytes' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -s s -l server -d 'The server; without a port it is 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -s t -l timeout -d 'Wait this long for the server to answer, and for a line to be confirmed' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -l id -d 'Name the message, so that it is in the room once however often it is sent under this name' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -l secure -d 'Speak sessions only: never plain text, which anybody can read and forge'
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -l text -d 'Speak plain text only, as the original does'
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -s v -l verbose -d 'Say more on stderr; up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -s c -l count -d 'How often to ask' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -s i -l interval -d 'Between two questions' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -s t -l timeout -d 'Wait this long for the first answer, and for the last' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -l secure -d 'Speak sessions only: never plain text, which anybody can read and forge'
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -l text -d 'Speak plain text only, as the original does'
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -l json -d 'Report as one JSON object'
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -s v -l verbose -d 'Say more on stderr; up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l room -d 'Room to show [default: the only one on this machine]' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l db -d 'Show the log in this file instead' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l since -d 'From then on: so long ago, a day, a local time or RFC 3339, like 1h, today, 14:03, 2026-11-23, \'2026-11-23 14:03\'' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l until -d 'Up to then' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l from -d 'What concerns this nick: its messages, and when it came and went' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l grep -d 'What has a part that this regular expression describes' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -s n -l lines -d 'The last N of them' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l export -d 'Write them to this file, as with --json, whole or not at all; \'-\' is stdout' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l forget -d 'Overwrite for ever what the key behind NICK posted, under whatever nick, and when it came and went' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -s f -l follow -d 'Go on with what is said from now on, until you stop it'
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l json -d 'One JSON object a line (docs/JSON.md)'
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l yes -d 'Do not ask before --forget overwrites'
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -s v -l verbose -d 'Say more on stderr; up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and not __fish_seen_subcommand_from forget" -s v -l verbose -d 'Say more on stderr; up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and not __fish_seen_subcommand_from forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and not __fish_seen_subcommand_from forget" -f -a "forget" -d 'Forget the key of a server: the next one that it has is taken for its own'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and __fish_seen_subcommand_from forget" -s v -l verbose -d 'Say more on stderr; up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -s s -l server -d 'The server; without a port it is 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -s t -l timeout -d 'Wait this long for the server to answer, and for a line to be confirmed' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l dialect -d 'What to speak' -r -f -a "text\t'The original\'s protocol'
session\t'Sessions: encrypted and acknowledged'"
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -s m -l members -d 'How many members listen' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l senders -d 'How many of them talk, in turn' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l messages -d 'End a run after so many messages' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l duration -d 'End a run after this long; 10s if there is no other end' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l size -d 'The length of the lines in bytes, or a range to spread them over' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l window -d 'Closed loop: so many messages under way' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l rate -d 'Open loop: so many messages a second; latency counts from when they were due' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l repeat -d 'Run so often with the same members, and report the medians' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l pid -d 'The server\'s process: report its time on a processor by delivery, and its memory (Linux)' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l restart -d 'When all are in run this with sh, which is to kill the server and start it anew, and measure how they come back' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l present -d 'Let the members in all at once, with sessions, each announced, while two of them talk; measure that alone'
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l json -d 'Report as one JSON object'
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -s v -l verbose -d 'Say more on stderr; up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -s c -l clients -d 'How many clients talk' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -s m -l messages -d 'How many messages they say in all, in turns' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l interval -d 'Between two messages' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l size -d 'How long each message is, in bytes' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -s w -l weather -d 'A weather with a name; what is given beside it counts more' -r -f -a "wifi\t'A busy radio network at home: 2 % loss, 3 ms'
mobile\t'A telephone on a train: 5 % loss, 45 ms, 5 Mbit, addresses change'
satellite\t'A geostationary satellite: 1 % loss, 280 ms, 2 Mbit'
storm\t'Everything at once: 30 % loss, 100 ms, doubles, disorder, a cut of 5 s, addresses change'"
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l loss -d 'Which part of the datagrams is lost, each way' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l delay -d 'How long a datagram takes, one way; 1ms if nothing else is said' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l jitter -d 'By how much longer it takes at most, by chance' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l duplicate -d 'Which part of the datagrams comes twice' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l reorder -d 'Which part comes later than those behind it' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l rate-limit -d 'How much goes over each client\'s line, each way, like 1Mbit' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l partition -d 'Cut every other client off for so long' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l restart-server -d 'Kill the server and start it again, with the log that it had or an empty one' -r -f -a "same-log\t'What was committed is still there'
new-log\t'The log is another one, and empty'"
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l seed -d 'Everything that happens by chance comes from this number' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l dialect -d 'What is spoken' -r -f -a "text\t'The original\'s protocol'
session\t'Sessions'
both\t'One after the other in the same weather'"
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l rebind -d 'Give every other client another address'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l restart-clients -d 'Kill every third client and start it again'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l json -d 'Report as one JSON object, with a key for each dialect'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l trace -d 'Tell the story too, datagram by datagram'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -s v -l verbose -d 'Say more on stderr; up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -s h -l help -d 'Print help (see more with \'--help\')'
