
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
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Send a message and wait until it has come back')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Load a server and measure it')
            break
        }
        'udpchat;serve' {
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Listen on this address and port; may be given several times')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'With which addresses to speak the text protocol')
            [CompletionResult]::new('--max-members', '--max-members', [CompletionResultType]::ParameterName, 'The most members at a time')
            [CompletionResult]::new('--text-idle', '--text-idle', [CompletionResultType]::ParameterName, 'Forget a member that was silent for this long')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'How many datagrams a second each member may say, after a burst of ten seconds'' worth; more wait, then are lost')
            [CompletionResult]::new('--signup-rate', '--signup-rate', [CompletionResultType]::ParameterName, 'How many new members a second may come from a neighbourhood (IPv4 /24, IPv6 /64), after a burst of 64')
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
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to come back')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to come back')
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
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to come back')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to come back')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more on stderr; up to three times (RUST_LOG overrides it)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'udpchat;bench' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; without a port it is 9999')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; without a port it is 9999')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to come back')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Wait this long for the server to answer, and for a line to come back')
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
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Report as one JSON object')
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
