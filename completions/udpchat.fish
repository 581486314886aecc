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

complete -c udpchat -n "__fish_udpchat_needs_command" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_needs_command" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_needs_command" -s V -l version -d 'Print version'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "serve" -d 'Serve a chat room'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "join" -d 'Join a chat room and talk'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "web" -d 'Show a chat room in the browser'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "send" -d 'Send one message and wait until the room has it'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "ping" -d 'Check that a server is up, and what it is'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "history" -d 'Show, search, export or delete what a room has logged'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "key" -d 'Show keys, take yours to another device, or forget a server\'s'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "invite" -d 'Invite somebody: prints a link to join with'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "members" -d 'Show who is known to a room and who has to stay out'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "access" -d 'Set who may come in: everybody, or only known keys'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "admit" -d 'Make a key known without an invitation'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "kick" -d 'Send somebody out for a minute'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "mute" -d 'Keep somebody from posting for a time'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "unmute" -d 'Let somebody post again'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "ban" -d 'Keep somebody out, for a time or for ever'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "unban" -d 'Lift a ban'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "release" -d 'Give a nick back, for others to take'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "topic" -d 'Set the topic'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "op" -d 'Make somebody an operator; only the owner may'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "deop" -d 'Make an operator a member again; only the owner may'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "bench" -d 'Load a server and measure it'
complete -c udpchat -n "__fish_udpchat_needs_command" -f -a "sim" -d 'Run the protocols in a simulated network'
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l bind -d 'Listen on this address and port; repeatable' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l room -d 'Name of the room: its log is NAME.db in $XDG_STATE_HOME/udpchat' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l keep -d 'Delete entries older than this [default: keep everything]' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l keep-entries -d 'Delete all but the last N entries [default: keep everything]' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l db -d 'Store the log in this file instead; \':memory:\' stores nothing' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l sync -d 'When a confirmed message is on the disk' -r -f -a "normal\t'Within seconds: a crash of the server loses nothing, a power failure the last seconds'
full\t'Before it is confirmed: every message waits for the disk'"
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l text -d 'Which addresses may speak plain text, as the original does' -r -f -a "private\t'Loopback, private, link-local, shared (100.64/10) and unique-local addresses'
any\t'Every address: a spoofed source address can subscribe a victim to the room'
off\t'Nobody'"
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l cipher -d 'Cipher of sessions: AES-256-GCM where both processors have instructions for it, or always ChaCha20-Poly1305' -r -f -a "auto\t'The faster one'
chacha20\t'ChaCha20-Poly1305'"
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l max-members -d 'Most members at a time' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l rate -d 'Messages per second from each key or address, ten seconds\' worth at once' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l signup-rate -d 'New text members per second from each IPv4 /24 or IPv6 /64, 64 at once' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l text-idle -d 'Remove a text member after this much silence' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l text-history -d 'Send each new text member the last N lines, at most 1000' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l announce-each -d 'With more members than this, announce joins and leaves in batches' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l access -d 'Who may come in [default: as the room was left; a new one is open]; \'known\' turns plain text off' -r -f -a "open\t'Everybody'
known\t'Known keys, and who has an invitation; no plain text'"
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l nick-expiry -d 'How long the nick of a known key stays its own while it is away [default for a new room: 90d]' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l owner -d 'Make the key in FILE the room\'s owner [default for a new room: owner.key beside the server\'s key]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l name -d 'Where others reach the server, for invitations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -l key -d 'File with the server\'s key, created if missing [default: server.key in $XDG_STATE_HOME/udpchat]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -s q -l quiet -d 'Write no transcript to stdout'
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand serve" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -s n -l nick -d 'Your nick, 1 to 32 bytes; asked for on a terminal if missing' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l history -d 'On your first visit, show the last N messages, those of the last DURATION, or all' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l color -d 'When to use colours' -r -f -a "auto\t'Unless NO_COLOR is set'
always\t'Even if it is'
never\t'Not at all'"
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l highlight -d 'Also ring when somebody writes one of these words, as when somebody writes your nick' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l no-receipts -d 'Keep from others whether your program has received their messages'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l plain -d 'Show lines as the tutorial\'s client does, one after the other, also on a terminal (for screen readers)'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l no-input-history -d 'Do not keep the lines that you enter for your next visit'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l secure -d 'Speak sessions only, never plain text, which anybody can read and forge'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l text -d 'Speak plain text only, as the original does'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -l json -d 'Write each event as a JSON object, one a line, and take objects as well as lines (docs/JSON.md)'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand join" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -s n -l nick -d 'Your nick, 1 to 32 bytes; the page asks for it if missing' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -l listen -d 'Serve the page on this address and port of this machine' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -l allow-host -d 'Also answer under this name, under which a proxy with TLS serves the page; repeatable' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -l no-receipts -d 'Keep from others whether your program has received their messages'
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -l open -d 'Open the page in the browser'
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -l new-token -d 'Make a new address: tabs that have the old one are locked out'
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -l secure -d 'Speak sessions only, never plain text, which anybody can read and forge'
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -l text -d 'Speak plain text only, as the original does'
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand web" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -s n -l nick -d 'Your nick, 1 to 32 bytes' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -l to -d 'Send it in private, to this nick, NICK#FINGERPRINT or whole key alone' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -l wait -d 'Wait until the members who were there have received it, or N of them' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -l wait-for -d 'Wait until this member has received it; may be given several times' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -l id -d 'Name for this message: sent again under the same KEY, it is in the room once' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -l secure -d 'Speak sessions only, never plain text, which anybody can read and forge'
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -l text -d 'Speak plain text only, as the original does'
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand send" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -s c -l count -d 'Number of pings' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -s i -l interval -d 'Time between two pings' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -s t -l timeout -d 'How long to wait for the first answer, and for the last' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -l json -d 'Report as one JSON object'
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -l secure -d 'Speak sessions only, never plain text, which anybody can read and forge'
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -l text -d 'Speak plain text only, as the original does'
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand ping" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -s n -l lines -d 'Only the last N entries' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l since -d 'Only entries since TIME: 1h (ago), today, yesterday, 14:03, 2026-11-23, \'2026-11-23 14:03\'' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l until -d 'Only entries before TIME' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l from -d 'Only messages, joins and leaves of NICK' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l grep -d 'Only entries matching REGEX' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l export -d 'Write JSON to FILE, whole or not at all; \'-\' is stdout' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l room -d 'Room to show [default: the only one on this machine]' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l db -d 'Show the log in this file instead' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -s s -l server -d 'Read what this server has logged, with your key; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -s t -l timeout -d 'With --server, how long to wait for each answer' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l forget -d 'Overwrite for ever what the key behind NICK posted, under whatever nick' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -s f -l follow -d 'Keep running and show new entries as they are logged'
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l json -d 'Write one JSON object a line (docs/JSON.md)'
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -l yes -d 'Do not ask before --forget overwrites'
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand history" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and not __fish_seen_subcommand_from forget export import" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and not __fish_seen_subcommand_from forget export import" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and not __fish_seen_subcommand_from forget export import" -f -a "forget" -d 'Forget a server\'s key, or that of somebody there whom you have written to'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and not __fish_seen_subcommand_from forget export import" -f -a "export" -d 'Write your key to FILE, to use it on another device; \'-\' is stdout'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and not __fish_seen_subcommand_from forget export import" -f -a "import" -d 'Take the key in FILE as your own; \'-\' is stdin'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and __fish_seen_subcommand_from forget" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and __fish_seen_subcommand_from import" -l replace -d 'Replace your present key, which is kept in a file beside it'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand key; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -l uses -d 'How often it can be used' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -l expires -d 'How long it can be used [default: 24h, or 1h for an operator]' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -l nick -d 'For this nick only' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -l role -d 'What it makes of whoever uses it' -r -f -a "member\t'A known member'
op\t'An operator; for one use and an hour at the most, and only the owner may'"
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -l revoke -d 'Revoke the invitation with this id' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -l list -d 'Show the invitations that can still be used'
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand invite" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and not __fish_seen_subcommand_from export import" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and not __fish_seen_subcommand_from export import" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and not __fish_seen_subcommand_from export import" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and not __fish_seen_subcommand_from export import" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and not __fish_seen_subcommand_from export import" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and not __fish_seen_subcommand_from export import" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and not __fish_seen_subcommand_from export import" -f -a "export" -d 'Write the known keys to a file, one a line: key, role, nick'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and not __fish_seen_subcommand_from export import" -f -a "import" -d 'Admit the keys in such a file'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from export" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from export" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from export" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from export" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from import" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from import" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from import" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from import" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand members; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand access" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand access" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand access" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand access" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand access" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand access" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand admit" -l why -d 'Why; everybody sees it' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand admit" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand admit" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand admit" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand admit" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand admit" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand admit" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand kick" -l why -d 'Why; everybody sees it' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand kick" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand kick" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand kick" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand kick" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand kick" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand kick" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand mute" -l why -d 'Why; everybody sees it' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand mute" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand mute" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand mute" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand mute" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand mute" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand mute" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand unmute" -l why -d 'Why; everybody sees it' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand unmute" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand unmute" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand unmute" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand unmute" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand unmute" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand unmute" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand ban" -l why -d 'Why; everybody sees it' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand ban" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand ban" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand ban" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand ban" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand ban" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand ban" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand unban" -l why -d 'Why; everybody sees it' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand unban" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand unban" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand unban" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand unban" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand unban" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand unban" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand release" -l why -d 'Why; everybody sees it' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand release" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand release" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand release" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand release" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand release" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand release" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand topic" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand topic" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand topic" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand topic" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand topic" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand topic" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand op" -l why -d 'Why; everybody sees it' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand op" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand op" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand op" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand op" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand op" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand op" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand deop" -l why -d 'Why; everybody sees it' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand deop" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand deop" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand deop" -l key -d 'Act with the key in FILE [default: on the server\'s machine the owner\'s, elsewhere yours]' -r -F
complete -c udpchat -n "__fish_udpchat_using_subcommand deop" -l json -d 'Report as JSON'
complete -c udpchat -n "__fish_udpchat_using_subcommand deop" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand deop" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -s m -l members -d 'Number of members that listen' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l senders -d 'Number of members that talk, in turn' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l duration -d 'Stop after this time [default: 10s if --messages is not given]' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l messages -d 'Stop after N messages' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l size -d 'Length of the messages in bytes, or a range to spread them over' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l window -d 'Closed loop: keep N messages in flight' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l rate -d 'Open loop: N messages a second; latency counts from when each was due' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l repeat -d 'Run N times with the same members, and report medians' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l restart -d 'Once the crowd is in, run CMD to restart the server, and measure the return' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -s s -l server -d 'Server to talk to, or an invitation; the port defaults to 9999' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -s t -l timeout -d 'How long to wait for the server\'s answer, and for confirmations' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l dialect -d 'Protocol to speak' -r -f -a "text\t'The original\'s protocol'
session\t'Sessions: encrypted and acknowledged'"
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l pid -d 'Process of the server: also report its CPU time and memory (Linux)' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l present -d 'Measure a crowd instead: all join at once with sessions while two talk'
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -l json -d 'Report as one JSON object'
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand bench" -s h -l help -d 'Print help'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -s w -l weather -d 'A preset; explicit options override it' -r -f -a "wifi\t'Busy home Wi-Fi: 2 % loss, 3 ms'
mobile\t'Phone on a train: 5 % loss, 45 ms, 5 Mbit, changing addresses'
satellite\t'Geostationary satellite: 1 % loss, 280 ms, 2 Mbit'
storm\t'Everything at once: 30 % loss, 100 ms, duplicates, reordering, a 5 s cut, changing addresses'"
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l loss -d 'Share of the datagrams lost in each direction' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l delay -d 'One-way delay [default: 1ms]' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l jitter -d 'Most random delay on top' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l duplicate -d 'Share of the datagrams delivered twice' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l reorder -d 'Share of the datagrams overtaken by later ones' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l rate-limit -d 'Rate of each client\'s line in each direction, like 1Mbit' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l partition -d 'Cut every other client off for this long' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l restart-server -d 'Kill the server and restart it, with its log or an empty one' -r -f -a "same-log\t'Restart with the log'
new-log\t'Restart with an empty log'"
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -s c -l clients -d 'Number of clients that talk' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -s m -l messages -d 'Messages in all, sent by the clients in turn' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l interval -d 'Time between two messages' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l size -d 'Length of each message in bytes' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l dialect -d 'Protocol to run' -r -f -a "text\t'The original\'s protocol'
session\t'Sessions'
both\t'Both, one after the other in the same weather'"
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l seed -d 'Seed of all randomness' -r
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l rebind -d 'Give every other client a new address'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l restart-clients -d 'Kill every third client and restart it'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l trace -d 'Print the story too, datagram by datagram'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -l json -d 'Report as one JSON object, with a key for each protocol'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -s v -l verbose -d 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)'
complete -c udpchat -n "__fish_udpchat_using_subcommand sim" -s h -l help -d 'Print help'
