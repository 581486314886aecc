#!/usr/bin/env python3
"""What two ordinary members notice while a server is abused, and how it is afterwards.

    benches/abuse.py [--original | --server HOST:PORT --pid PID] [--repeat 5] [--seconds 5] [--only WORD]

By default it starts our own server, as a user would, for each case anew; --original starts the Python original. Two
members say 20 lines a second in all, measured by `udpchat bench`; meanwhile one process does its worst. All of it stays on
127.0.0.1 and stops by itself. Exits with 1 if our server misses what docs/PERFORMANCE.md says of it.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
UDPCHAT = os.path.join(TARGET, "release", "udpchat")
HOSTILE = os.path.join(TARGET, "release", "examples", "hostile")
PORT = 39998
LOSS_MAX = 0.001
P99_FLOOR_US = 5000
P99_TIMES_QUIET = 3
NEWCOMER_MAX_S = 1.0
MEMORY_BACK_KIB = 2048


def flood(make):
    """One source at full rate."""
    def attack(server, end):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        count = 0
        while time.monotonic() < end:
            for _ in range(50):
                try:
                    sock.sendto(make(count), server)
                except OSError:
                    pass
                count += 1
        return count
    return attack


def each_port(total, stays):
    """A signup from each of so many ports, spread over the time."""
    def attack(server, end):
        kept, start = [], time.monotonic()
        for number in range(total):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                sock.sendto(b"SIGNUP_TAG:port%d" % number, server)
            except OSError:
                pass
            kept.append(sock)
            if not stays:
                kept.pop().close()
            pause = start + (end - start) * number / total - time.monotonic()
            if pause > 0.001:
                time.sleep(pause)
        time.sleep(max(0, end - time.monotonic()))
        return total
    return attack


def crowd(count, stays):
    """So many peers that join at once, and are closed or never read."""
    def attack(server, end):
        socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
        for number, sock in enumerate(socks):
            sock.sendto(b"SIGNUP_TAG:peer%d" % number, server)
        time.sleep(0.2)
        if not stays:
            for sock in socks:
                sock.close()
        time.sleep(max(0, end - time.monotonic()))
        return count
    return attack


def speaks(what, count=60):
    """What takes somebody who speaks the session protocol (benches/hostile.rs)."""
    def attack(server, end):
        seconds = str(max(0.1, end - time.monotonic()))
        out = subprocess.run([HOSTILE, what, "%s:%d" % server, seconds, str(count)], stdout=subprocess.PIPE, text=True)
        return int(out.stdout or 0)
    return attack


NOISE = [random.Random(7).randbytes(random.Random(n).randrange(1, 1200)) for n in range(64)]
HUGE = b"x" * 65507
ATTACKS = {
    "quiet": None,
    "random bytes": flood(lambda n: NOISE[n % 64]),
    "invalid UTF-8": flood(lambda n: b"jill: \xff\xfe\xc0\x80 %d" % n),
    "empty datagrams": flood(lambda n: b""),
    "65,507-byte datagrams": flood(lambda n: HUGE),
    "escape sequences": flood(lambda n: b"jill: \x1b[2J\x1b]0;pwned\x07\xe2\x80\xae %d" % n),
    "newlines that forge lines": flood(lambda n: b"jill: hi\nSIGNUP_TAG:jack\njack: I owe you %d" % n),
    "one source at full rate": flood(lambda n: b"mary: %093d" % n),
    "signups from 10,000 ports": each_port(10_000, stays=True),
    "5,000 ports join and vanish": each_port(5_000, stays=False),
    "200 dead peers": crowd(200, stays=False),
    "50 silent peers": crowd(50, stays=True),
}

# The same for two members with sessions, and with attackers that speak the session protocol.
SESSION_ATTACKS = {
    "quiet, with sessions": None,
    "60 keys that post at full rate": speaks("posts"),
    "hellos with good tokens at full rate": speaks("hellos"),
    "handshakes for a taken nick": speaks("refused"),
    "random bytes, with sessions": flood(lambda n: NOISE[n % 64]),
}


# Lets all of these peers in: the default admits 64 at once and 20 a second after that.
LIMITS_OFF = {name: ["--signup-rate", "off"] for name in ("200 dead peers", "50 silent peers")}


# p99 in us and memory in KiB that two session attacks may cost: the server keeps the newest entries, and 4,096 handshakes for
# ten seconds; hellos of 1,200 bytes fill the socket's buffer.
LIMITS = {
    "60 keys that post at full rate": (10_000, 4096),
    "hellos with good tokens at full rate": (20_000, 24 * 1024),
}


def attacker(attack, server, seconds, counted):
    os.nice(10)  # so that the attacker's own CPU use does not delay the two members
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    counted.value = attack(server, time.monotonic() + seconds)


def memory_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def newcomer(server):
    """How long a newcomer waits for an answer, asking every 100 ms; None after five seconds."""
    start = time.monotonic()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0.1)
    while time.monotonic() - start < 5:
        try:
            sock.sendto(b"SIGNUP_TAG:newcomer", server)
            sock.recv(2048)
            return time.monotonic() - start
        except OSError:
            pass
    return None


def once(args, name, attack, dialect):
    server, process = args.server, None
    if args.server is None:
        server = ("127.0.0.1", PORT)
        command = ([sys.executable, os.path.join(ROOT, "tests/legacy/server.py"), str(PORT)] if args.original
                   else [UDPCHAT, "serve", "--bind", f"127.0.0.1:{PORT}", *LIMITS_OFF.get(name, [])])
        home = tempfile.TemporaryDirectory()
        process = subprocess.Popen(["taskset", "-c", "0", *command], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "XDG_STATE_HOME": home.name})
        time.sleep(0.5)
    pid = process.pid if process else args.pid
    try:
        members = subprocess.Popen(
            [UDPCHAT, "bench", "--server", "%s:%d" % server, "--members", "2", "--senders", "2", "--rate", "20",
             "--dialect", dialect,
             "--duration", f"{args.seconds}s", "--json", "-v"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while "members joined" not in members.stderr.readline():
            if members.poll() is not None:
                return None
        before = memory_kib(pid)
        counted = multiprocessing.Value("q", 0)
        if attack:
            rogue = multiprocessing.Process(target=attacker, args=(attack, server, args.seconds, counted))
            rogue.start()
        out, _ = members.communicate(timeout=args.seconds + 60)
        if attack:
            rogue.join()
        run = json.loads(out)["median"]
        waited = newcomer(server)
        time.sleep(0.5)
        return {
            "attacks": counted.value / args.seconds, "loss": run["lost"] / run["expected"],
            "p50": run["latency_us"]["p50"], "p99": run["latency_us"]["p99"], "newcomer": waited,
            "more": memory_kib(pid) - before,
        }
    finally:
        if process:
            process.kill()
            process.wait()
            home.cleanup()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--original", action="store_true")
    parser.add_argument("--server", type=lambda text: (text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1])))
    parser.add_argument("--pid", type=int)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only")
    args = parser.parse_args()
    if args.server and not args.pid:
        parser.error("--server needs --pid, to see its memory")
    for what in [[], ["--example", "hostile"]]:
        subprocess.run(["cargo", "build", "--quiet", "--release", "--locked", *what], cwd=ROOT, check=True)
    print("| meanwhile | attacks/s | loss | p50 us | p99 us | newcomer waits | memory afterwards | verdict |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    quiet, missed = None, False
    cases = [(*case, "text") for case in ATTACKS.items()]
    if not args.original:
        cases += [(*case, "session") for case in SESSION_ATTACKS.items()]
    for name, attack, dialect in cases:
        if args.only and args.only not in name and attack:
            continue
        if attack is None:
            quiet = None
        runs = [run for run in (once(args, name, attack, dialect) for _ in range(args.repeat)) if run]
        if not runs:
            print(f"| {name} | the members could not join | | | | | | missed |", flush=True)
            missed = True
            continue
        median = {key: statistics.median(run[key] for run in runs) for key in ("attacks", "loss", "p50", "p99", "more")}
        waits = [run["newcomer"] for run in runs]
        waited = None if None in waits else statistics.median(waits)
        quiet = quiet or median["p99"]
        p99_max, more_max = LIMITS.get(name, (max(P99_FLOOR_US, P99_TIMES_QUIET * quiet), MEMORY_BACK_KIB))
        good = (median["loss"] <= LOSS_MAX and median["p99"] <= p99_max
                and waited is not None and waited <= NEWCOMER_MAX_S and median["more"] <= more_max)
        missed |= not good
        print(f"| {name} | {median['attacks']:,.0f} | {median['loss']:.1%} | {median['p50']:.0f} | {median['p99']:.0f} "
              f"| {'for ever' if waited is None else f'{waited * 1000:.0f} ms'} | {median['more']:+.0f} KiB "
              f"| {'unnoticed' if good else 'missed'} |", flush=True)
    sys.exit(missed and not args.original)


if __name__ == "__main__":
    main()
