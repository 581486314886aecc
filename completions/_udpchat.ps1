
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
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve a chat room')
            [CompletionResult]::new('join', 'join', [CompletionResultType]::ParameterValue, 'Join a chat room and talk')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Send a message and wait until the room has it')
            [CompletionResult]::new('ping', 'ping', [CompletionResultType]::ParameterValue, 'Ask whether a server is there, and what it is')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'Look at what was said in a room of this machine')
            [CompletionResult]::new('key', 'key', [CompletionResultType]::ParameterValue, 'Show keys, or forget one')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Load a server and measure it')
            [CompletionResult]::new('sim', 'sim', [CompletionResultType]::ParameterValue, 'Try the protocols in a simulated network')
            break
        }
        'udpchat;serve' {
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Listen on this address and port; may be given several times')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'With which addresses to speak plain text, as the original does, beside sessions')
            [CompletionResult]::new('--max-members', '--max-members', [CompletionResultType]::ParameterName, 'The most members at a time')
            [CompletionResult]::new('--text-idle', '--text-idle', [CompletionResultType]::ParameterName, 'Forget a member that was silent for this long')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Messages per second from each key or address, with bursts of ten seconds'' worth')
            [CompletionResult]::new('--signup-rate', '--signup-rate', [CompletionResultType]::ParameterName, 'How many new members a second may come from a neighbourhood (IPv4 /24, IPv6 /64), after a burst of 64')
            [CompletionResult]::new('--announce-each', '--announce-each', [CompletionResultType]::ParameterName, 'With more members than this joins and leaves are told several at a time, within a second: "37 joined"')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'The file with the server''s key, made if it is not there [default: server.key in $XDG_STATE_HOME/udpchat]')
            [CompletionResult]::new('--room', '--room', [CompletionResultType]::ParameterName, 'Name of the room: its log is NAME.db in $XDG_STATE_HOME/udpchat')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Keep the room''s log in this file instead; '':memory:'' keeps nothing')
            [CompletionResult]::new('--sync', '--sync', [CompletionResultType]::ParameterName, 'When what is confirmed survives a loss of power: at once, or but for the last seconds; a crash it survives always')
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'Forget what is older')
            [CompletionResult]::new('--keep-entries', '--keep-entries', [CompletionResultType]::ParameterName, 'Forget what is not among so many entries')
            [CompletionResult]::new('--text-history', '--text-history', [CompletionResultType]::ParameterName, 'Send new text members the last lines; at most 1000, and without a promise')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write no transcript to stdout')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write no transcript to stdout')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'udpchat;join' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'What to be called, 1 to 32 bytes; asked for on a terminal if it is not given')
            [CompletionResult]::new('--nick', '--nick', [CompletionResultType]::ParameterName, 'What to be called, 1 to 32 bytes; asked for on a terminal if it is not given')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; without a port it is 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; without a port it is 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to be confirmed')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to be confirmed')
            [CompletionResult]::new('--history', '--history', [CompletionResultType]::ParameterName, 'Where you were not before: begin with so many of the last messages, with those of so long, or with all')
            [CompletionResult]::new('--secure', '--secure', [CompletionResultType]::ParameterName, 'Speak sessions only: never plain text, which anybody can read and forge')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Speak plain text only, as the original does')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Tell what happens as JSON, one object a line (docs/JSON.md)')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'udpchat;send' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'What to be called, 1 to 32 bytes')
            [CompletionResult]::new('--nick', '--nick', [CompletionResultType]::ParameterName, 'What to be called, 1 to 32 bytes')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; without a port it is 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; without a port it is 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to be confirmed')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to be confirmed')
            [CompletionResult]::new('--id', '--id', [CompletionResultType]::ParameterName, 'Name the message, so that it is in the room once however often it is sent under this name')
            [CompletionResult]::new('--secure', '--secure', [CompletionResultType]::ParameterName, 'Speak sessions only: never plain text, which anybody can read and forge')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Speak plain text only, as the original does')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'udpchat;ping' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'How often to ask')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'How often to ask')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Between two questions')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Between two questions')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Wait this long for the first answer, and for the last')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Wait this long for the first answer, and for the last')
            [CompletionResult]::new('--secure', '--secure', [CompletionResultType]::ParameterName, 'Speak sessions only: never plain text, which anybody can read and forge')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Speak plain text only, as the original does')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as one JSON object')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'udpchat;history' {
            [CompletionResult]::new('--room', '--room', [CompletionResultType]::ParameterName, 'Room to show [default: the only one on this machine]')
            [CompletionResult]::new('--db', '--db', [CompletionResultType]::ParameterName, 'Show the log in this file instead')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'From then on: so long ago, a day, a local time or RFC 3339, like 1h, today, 14:03, 2026-11-23, ''2026-11-23 14:03''')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Up to then')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'What concerns this nick: its messages, and when it came and went')
            [CompletionResult]::new('--grep', '--grep', [CompletionResultType]::ParameterName, 'What has a part that this regular expression describes')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'The last N of them')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'The last N of them')
            [CompletionResult]::new('--export', '--export', [CompletionResultType]::ParameterName, 'Write them to this file, as with --json, whole or not at all; ''-'' is stdout')
            [CompletionResult]::new('--forget', '--forget', [CompletionResultType]::ParameterName, 'Overwrite for ever what the key behind NICK posted, under whatever nick, and when it came and went')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go on with what is said from now on, until you stop it')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Go on with what is said from now on, until you stop it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON object a line (docs/JSON.md)')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before --forget overwrites')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'udpchat;key' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('forget', 'forget', [CompletionResultType]::ParameterValue, 'Forget the key of a server: the next one that it has is taken for its own')
            break
        }
        'udpchat;key;forget' {
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'udpchat;bench' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; without a port it is 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; without a port it is 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to be confirmed')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to be confirmed')
            [CompletionResult]::new('--dialect', '--dialect', [CompletionResultType]::ParameterName, 'What to speak')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'How many members listen')
            [CompletionResult]::new('--members', '--members', [CompletionResultType]::ParameterName, 'How many members listen')
            [CompletionResult]::new('--senders', '--senders', [CompletionResultType]::ParameterName, 'How many of them talk, in turn')
            [CompletionResult]::new('--messages', '--messages', [CompletionResultType]::ParameterName, 'End a run after so many messages')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'End a run after this long; 10s if there is no other end')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'The length of the lines in bytes, or a range to spread them over')
            [CompletionResult]::new('--window', '--window', [CompletionResultType]::ParameterName, 'Closed loop: so many messages under way')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Open loop: so many messages a second; latency counts from when they were due')
            [CompletionResult]::new('--repeat', '--repeat', [CompletionResultType]::ParameterName, 'Run so often with the same members, and report the medians')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'The server''s process: report its time on a processor by delivery, and its memory (Linux)')
            [CompletionResult]::new('--restart', '--restart', [CompletionResultType]::ParameterName, 'When all are in run this with sh, which is to kill the server and start it anew, and measure how they come back')
            [CompletionResult]::new('--present', '--present', [CompletionResultType]::ParameterName, 'Let the members in all at once, with sessions, each announced, while two of them talk; measure that alone')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as one JSON object')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'udpchat;sim' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'How many clients talk')
            [CompletionResult]::new('--clients', '--clients', [CompletionResultType]::ParameterName, 'How many clients talk')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'How many messages they say in all, in turns')
            [CompletionResult]::new('--messages', '--messages', [CompletionResultType]::ParameterName, 'How many messages they say in all, in turns')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Between two messages')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'How long each message is, in bytes')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'A weather with a name; what is given beside it counts more')
            [CompletionResult]::new('--weather', '--weather', [CompletionResultType]::ParameterName, 'A weather with a name; what is given beside it counts more')
            [CompletionResult]::new('--loss', '--loss', [CompletionResultType]::ParameterName, 'Which part of the datagrams is lost, each way')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'How long a datagram takes, one way; 1ms if nothing else is said')
            [CompletionResult]::new('--jitter', '--jitter', [CompletionResultType]::ParameterName, 'By how much longer it takes at most, by chance')
            [CompletionResult]::new('--duplicate', '--duplicate', [CompletionResultType]::ParameterName, 'Which part of the datagrams comes twice')
            [CompletionResult]::new('--reorder', '--reorder', [CompletionResultType]::ParameterName, 'Which part comes later than those behind it')
            [CompletionResult]::new('--rate-limit', '--rate-limit', [CompletionResultType]::ParameterName, 'How much goes over each client''s line, each way, like 1Mbit')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'Cut every other client off for so long')
            [CompletionResult]::new('--restart-server', '--restart-server', [CompletionResultType]::ParameterName, 'Kill the server and start it again, with the log that it had or an empty one')
            [CompletionResult]::new('--seed', '--seed', [CompletionResultType]::ParameterName, 'Everything that happens by chance comes from this number')
            [CompletionResult]::new('--dialect', '--dialect', [CompletionResultType]::ParameterName, 'What is spoken')
            [CompletionResult]::new('--rebind', '--rebind', [CompletionResultType]::ParameterName, 'Give every other client another address')
            [CompletionResult]::new('--restart-clients', '--restart-clients', [CompletionResultType]::ParameterName, 'Kill every third client and start it again')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as one JSON object, with a key for each dialect')
            [CompletionResult]::new('--trace', '--trace', [CompletionResultType]::ParameterName, 'Tell the story too, datagram by datagram')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
