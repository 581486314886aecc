
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
            cand -v 'Say more on stderr; twice for everything (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; twice for everything (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand serve 'Serve a chat room'
            cand join 'Join a chat room and talk'
            cand send 'Send a message and wait until it has come back'
        }
        &'udpchat;serve'= {
            cand --bind 'Listen on this address and port; may be given several times'
            cand --text 'With which addresses to speak the text protocol'
            cand --max-members 'The most members at a time'
            cand --text-idle 'Forget a member that was silent for this long'
            cand --rate 'How many datagrams a second each member may say, after a burst of ten seconds'' worth; more wait, then are lost'
            cand --signup-rate 'How many new members a second may come from a neighbourhood (IPv4 /24, IPv6 /64), after a burst of 64'
            cand -q 'Write no transcript to stdout'
            cand --quiet 'Write no transcript to stdout'
            cand -v 'Say more on stderr; twice for everything (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; twice for everything (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'udpchat;join'= {
            cand -n 'What to be called, 1 to 32 bytes; asked for on a terminal if it is not given'
            cand --nick 'What to be called, 1 to 32 bytes; asked for on a terminal if it is not given'
            cand -s 'The server; without a port it is 9999'
            cand --server 'The server; without a port it is 9999'
            cand -t 'Wait this long for the server to answer, and for a line to come back'
            cand --timeout 'Wait this long for the server to answer, and for a line to come back'
            cand -v 'Say more on stderr; twice for everything (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; twice for everything (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'udpchat;send'= {
            cand -n 'What to be called, 1 to 32 bytes'
            cand --nick 'What to be called, 1 to 32 bytes'
            cand -s 'The server; without a port it is 9999'
            cand --server 'The server; without a port it is 9999'
            cand -t 'Wait this long for the server to answer, and for a line to come back'
            cand --timeout 'Wait this long for the server to answer, and for a line to come back'
            cand -v 'Say more on stderr; twice for everything (RUST_LOG overrides it)'
            cand --verbose 'Say more on stderr; twice for everything (RUST_LOG overrides it)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
    ]
    $completions[$command]
}
