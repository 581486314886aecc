
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'udpchat' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'udpchat'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'udpchat' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve a chat room')
            [CompletionResult]::new('join', 'join', [CompletionResultType]::ParameterValue, 'Join a chat room and talk')
            [CompletionResult]::new('web', 'web', [CompletionResultType]::ParameterValue, 'Show a chat room in the browser')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Send one message and wait until the room has it')
            [CompletionResult]::new('ping', 'ping', [CompletionResultType]::ParameterValue, 'Check that a server is up, and what it is')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'Show, search, export or delete what a room has logged')
            [CompletionResult]::new('key', 'key', [CompletionResultType]::ParameterValue, 'Show keys, take yours to another device, or forget a server''s')
            [CompletionResult]::new('invite', 'invite', [CompletionResultType]::ParameterValue, 'Invite somebody: prints a link to join with')
            [CompletionResult]::new('members', 'members', [CompletionResultType]::ParameterValue, 'Show who is known to a room and who has to stay out')
            [CompletionResult]::new('access', 'access', [CompletionResultType]::ParameterValue, 'Set who may come in: everybody, or only known keys')
            [CompletionResult]::new('admit', 'admit', [CompletionResultType]::ParameterValue, 'Make a key known without an invitation')
            [CompletionResult]::new('kick', 'kick', [CompletionResultType]::ParameterValue, 'Send somebody out for a minute')
            [CompletionResult]::new('mute', 'mute', [CompletionResultType]::ParameterValue, 'Keep somebody from posting for a time')
            [CompletionResult]::new('unmute', 'unmute', [CompletionResultType]::ParameterValue, 'Let somebody post again')
            [CompletionResult]::new('ban', 'ban', [CompletionResultType]::ParameterValue, 'Keep somebody out, for a time or for ever')
            [CompletionResult]::new('unban', 'unban', [CompletionResultType]::ParameterValue, 'Lift a ban')
            [CompletionResult]::new('release', 'release', [CompletionResultType]::ParameterValue, 'Give a nick back, for others to take')
            [CompletionResult]::new('topic', 'topic', [CompletionResultType]::ParameterValue, 'Set the topic')
            [CompletionResult]::new('op', 'op', [CompletionResultType]::ParameterValue, 'Make somebody an operator; only the owner may')
            [CompletionResult]::new('deop', 'deop', [CompletionResultType]::ParameterValue, 'Make an operator a member again; only the owner may')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Load a server and measure it')
            [CompletionResult]::new('sim', 'sim', [CompletionResultType]::ParameterValue, 'Run the protocols in a simulated network')
            break
        }
        'udpchat;serve' {
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Listen on this address and port; repeatable')
            [CompletionResult]::new('--room', '--room', [CompletionResultType]::ParameterName, 'Name of the room: its log is NAME.db in $XDG_STATE_HOME/udpchat')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'Delete entries older than this [default: keep everything]')
            [CompletionResult]::new('--keep-entries', '--keep-entries', [CompletionResultType]::ParameterName, 'Delete all but the last N entries [default: keep everything]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Store the log in this file instead; '':memory:'' stores nothing')
            [CompletionResult]::new('--sync', '--sync', [CompletionResultType]::ParameterName, 'When a confirmed message is on the disk')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Which addresses may speak plain text, as the original does')
            [CompletionResult]::new('--cipher', '--cipher', [CompletionResultType]::ParameterName, 'Cipher of sessions: AES-256-GCM where both processors have instructions for it, or always ChaCha20-Poly1305')
            [CompletionResult]::new('--max-members', '--max-members', [CompletionResultType]::ParameterName, 'Most members at a time')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Messages per second from each key or address, ten seconds'' worth at once')
            [CompletionResult]::new('--signup-rate', '--signup-rate', [CompletionResultType]::ParameterName, 'New text members per second from each IPv4 /24 or IPv6 /64, 64 at once')
            [CompletionResult]::new('--text-idle', '--text-idle', [CompletionResultType]::ParameterName, 'Remove a text member after this much silence')
            [CompletionResult]::new('--text-history', '--text-history', [CompletionResultType]::ParameterName, 'Send each new text member the last N lines, at most 1000')
            [CompletionResult]::new('--announce-each', '--announce-each', [CompletionResultType]::ParameterName, 'With more members than this, announce joins and leaves in batches')
            [CompletionResult]::new('--access', '--access', [CompletionResultType]::ParameterName, 'Who may come in [default: as the room was left; a new one is open]; ''known'' turns plain text off')
            [CompletionResult]::new('--nick-expiry', '--nick-expiry', [CompletionResultType]::ParameterName, 'How long the nick of a known key stays its own while it is away [default for a new room: 90d]')
            [CompletionResult]::new('--owner', '--owner', [CompletionResultType]::ParameterName, 'Make the key in FILE the room''s owner [default for a new room: owner.key beside the server''s key]')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Where others reach the server, for invitations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'File with the server''s key, created if missing [default: server.key in $XDG_STATE_HOME/udpchat]')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write no transcript to stdout')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write no transcript to stdout')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;join' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Your nick, 1 to 32 bytes; asked for on a terminal if missing')
            [CompletionResult]::new('--nick', '--nick', [CompletionResultType]::ParameterName, 'Your nick, 1 to 32 bytes; asked for on a terminal if missing')
            [CompletionResult]::new('--history', '--history', [CompletionResultType]::ParameterName, 'On your first visit, show the last N messages, those of the last DURATION, or all')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours')
            [CompletionResult]::new('--highlight', '--highlight', [CompletionResultType]::ParameterName, 'Also ring when somebody writes one of these words, as when somebody writes your nick')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--no-receipts', '--no-receipts', [CompletionResultType]::ParameterName, 'Keep from others whether your program has received their messages')
            [CompletionResult]::new('--plain', '--plain', [CompletionResultType]::ParameterName, 'Show lines as the tutorial''s client does, one after the other, also on a terminal (for screen readers)')
            [CompletionResult]::new('--no-input-history', '--no-input-history', [CompletionResultType]::ParameterName, 'Do not keep the lines that you enter for your next visit')
            [CompletionResult]::new('--secure', '--secure', [CompletionResultType]::ParameterName, 'Speak sessions only, never plain text, which anybody can read and forge')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Speak plain text only, as the original does')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write each event as a JSON object, one a line, and take objects as well as lines (docs/JSON.md)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;web' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Your nick, 1 to 32 bytes; the page asks for it if missing')
            [CompletionResult]::new('--nick', '--nick', [CompletionResultType]::ParameterName, 'Your nick, 1 to 32 bytes; the page asks for it if missing')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Serve the page on this address and port of this machine')
            [CompletionResult]::new('--allow-host', '--allow-host', [CompletionResultType]::ParameterName, 'Also answer under this name, under which a proxy with TLS serves the page; repeatable')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--no-receipts', '--no-receipts', [CompletionResultType]::ParameterName, 'Keep from others whether your program has received their messages')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'Open the page in the browser')
            [CompletionResult]::new('--new-token', '--new-token', [CompletionResultType]::ParameterName, 'Make a new address: tabs that have the old one are locked out')
            [CompletionResult]::new('--secure', '--secure', [CompletionResultType]::ParameterName, 'Speak sessions only, never plain text, which anybody can read and forge')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Speak plain text only, as the original does')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;send' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Your nick, 1 to 32 bytes')
            [CompletionResult]::new('--nick', '--nick', [CompletionResultType]::ParameterName, 'Your nick, 1 to 32 bytes')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Send it in private, to this nick, NICK#FINGERPRINT or whole key alone')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait until the members who were there have received it, or N of them')
            [CompletionResult]::new('--wait-for', '--wait-for', [CompletionResultType]::ParameterName, 'Wait until this member has received it; may be given several times')
            [CompletionResult]::new('--id', '--id', [CompletionResultType]::ParameterName, 'Name for this message: sent again under the same KEY, it is in the room once')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--secure', '--secure', [CompletionResultType]::ParameterName, 'Speak sessions only, never plain text, which anybody can read and forge')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Speak plain text only, as the original does')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;ping' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Number of pings')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Number of pings')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Time between two pings')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Time between two pings')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the first answer, and for the last')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the first answer, and for the last')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as one JSON object')
            [CompletionResult]::new('--secure', '--secure', [CompletionResultType]::ParameterName, 'Speak sessions only, never plain text, which anybody can read and forge')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Speak plain text only, as the original does')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;history' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Only the last N entries')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Only the last N entries')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only entries since TIME: 1h (ago), today, yesterday, 14:03, 2026-11-23, ''2026-11-23 14:03''')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Only entries before TIME')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Only messages, joins and leaves of NICK')
            [CompletionResult]::new('--grep', '--grep', [CompletionResultType]::ParameterName, 'Only entries matching REGEX')
            [CompletionResult]::new('--export', '--export', [CompletionResultType]::ParameterName, 'Write JSON to FILE, whole or not at all; ''-'' is stdout')
            [CompletionResult]::new('--room', '--room', [CompletionResultType]::ParameterName, 'Room to show [default: the only one on this machine]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Show the log in this file instead')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Read what this server has logged, with your key; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Read what this server has logged, with your key; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'With --server, how long to wait for each answer')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'With --server, how long to wait for each answer')
            [CompletionResult]::new('--forget', '--forget', [CompletionResultType]::ParameterName, 'Overwrite for ever what the key behind NICK posted, under whatever nick')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Keep running and show new entries as they are logged')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Keep running and show new entries as they are logged')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Write one JSON object a line (docs/JSON.md)')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before --forget overwrites')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;key' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('forget', 'forget', [CompletionResultType]::ParameterValue, 'Forget a server''s key, or that of somebody there whom you have written to')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write your key to FILE, to use it on another device; ''-'' is stdout')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Take the key in FILE as your own; ''-'' is stdin')
            break
        }
        'udpchat;key;forget' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;key;export' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;key;import' {
            [CompletionResult]::new('--replace', '--replace', [CompletionResultType]::ParameterName, 'Replace your present key, which is kept in a file beside it')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;invite' {
            [CompletionResult]::new('--uses', '--uses', [CompletionResultType]::ParameterName, 'How often it can be used')
            [CompletionResult]::new('--expires', '--expires', [CompletionResultType]::ParameterName, 'How long it can be used [default: 24h, or 1h for an operator]')
            [CompletionResult]::new('--nick', '--nick', [CompletionResultType]::ParameterName, 'For this nick only')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'What it makes of whoever uses it')
            [CompletionResult]::new('--revoke', '--revoke', [CompletionResultType]::ParameterName, 'Revoke the invitation with this id')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Show the invitations that can still be used')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;members' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the known keys to a file, one a line: key, role, nick')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Admit the keys in such a file')
            break
        }
        'udpchat;members;export' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;members;import' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;access' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;admit' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; everybody sees it')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;kick' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; everybody sees it')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;mute' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; everybody sees it')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;unmute' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; everybody sees it')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;ban' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; everybody sees it')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;unban' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; everybody sees it')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;release' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; everybody sees it')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;topic' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;op' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; everybody sees it')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;deop' {
            [CompletionResult]::new('--why', '--why', [CompletionResultType]::ParameterName, 'Why; everybody sees it')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Act with the key in FILE [default: on the server''s machine the owner''s, elsewhere yours]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as JSON')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;bench' {
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Number of members that listen')
            [CompletionResult]::new('--members', '--members', [CompletionResultType]::ParameterName, 'Number of members that listen')
            [CompletionResult]::new('--senders', '--senders', [CompletionResultType]::ParameterName, 'Number of members that talk, in turn')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Stop after this time [default: 10s if --messages is not given]')
            [CompletionResult]::new('--messages', '--messages', [CompletionResultType]::ParameterName, 'Stop after N messages')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Length of the messages in bytes, or a range to spread them over')
            [CompletionResult]::new('--window', '--window', [CompletionResultType]::ParameterName, 'Closed loop: keep N messages in flight')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Open loop: N messages a second; latency counts from when each was due')
            [CompletionResult]::new('--repeat', '--repeat', [CompletionResultType]::ParameterName, 'Run N times with the same members, and report medians')
            [CompletionResult]::new('--restart', '--restart', [CompletionResultType]::ParameterName, 'Once the crowd is in, run CMD to restart the server, and measure the return')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Server to talk to, or an invitation; the port defaults to 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server''s answer, and for confirmations')
            [CompletionResult]::new('--dialect', '--dialect', [CompletionResultType]::ParameterName, 'Protocol to speak')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Process of the server: also report its CPU time and memory (Linux)')
            [CompletionResult]::new('--present', '--present', [CompletionResultType]::ParameterName, 'Measure a crowd instead: all join at once with sessions while two talk')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as one JSON object')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;sim' {
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'A preset; explicit options override it')
            [CompletionResult]::new('--weather', '--weather', [CompletionResultType]::ParameterName, 'A preset; explicit options override it')
            [CompletionResult]::new('--loss', '--loss', [CompletionResultType]::ParameterName, 'Share of the datagrams lost in each direction')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'One-way delay [default: 1ms]')
            [CompletionResult]::new('--jitter', '--jitter', [CompletionResultType]::ParameterName, 'Most random delay on top')
            [CompletionResult]::new('--duplicate', '--duplicate', [CompletionResultType]::ParameterName, 'Share of the datagrams delivered twice')
            [CompletionResult]::new('--reorder', '--reorder', [CompletionResultType]::ParameterName, 'Share of the datagrams overtaken by later ones')
            [CompletionResult]::new('--rate-limit', '--rate-limit', [CompletionResultType]::ParameterName, 'Rate of each client''s line in each direction, like 1Mbit')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'Cut every other client off for this long')
            [CompletionResult]::new('--restart-server', '--restart-server', [CompletionResultType]::ParameterName, 'Kill the server and restart it, with its log or an empty one')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Number of clients that talk')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'Number of clients that talk')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Messages in all, sent by the clients in turn')
            [CompletionResult]::new('--messages', '--messages', [CompletionResultType]::ParameterName, 'Messages in all, sent by the clients in turn')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Time between two messages')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Length of each message in bytes')
            [CompletionResult]::new('--dialect', '--dialect', [CompletionResultType]::ParameterName, 'Protocol to run')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Seed of all randomness')
            [CompletionResult]::new('--rebind', '--rebind', [CompletionResultType]::ParameterName, 'Give every other client a new address')
            [CompletionResult]::new('--restart-clients', '--restart-clients', [CompletionResultType]::ParameterName, 'Kill every third client and restart it')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Print the story too, datagram by datagram')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as one JSON object, with a key for each protocol')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Log more on stderr; repeat up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
