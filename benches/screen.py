#!/usr/bin/env python3
"""How long a key takes on the screen while the room pours in, and how much memory and how many wake-ups the screen costs.

    benches/screen.py [--seconds 10] [--repeat 5] [--one-core]

A server, members of `udpchat bench` who say so many messages a second in all, and `udpchat join` on a terminal of 100x30. A key is
typed every 50 ms, and drawn when the terminal has received its character on the input row. The server and the members have one
core, `join` the other; with --one-core everything has the same. All of it stays on 127.0.0.1 and stops by itself.
"""

import argparse
import fcntl
import os
import pty
import re
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

from measuring import GENERATOR_CORE, PORT, SERVER_CORE, UDPCHAT, row, server, table, used

RATES = (0, 1000, 10_000)
KEY_EVERY_S = 0.05
WARM_UP_S = 1.0
#: Seen on the input row only: other rows have neither.
INPUT_ROW = re.compile(rb"> ([a-z]*)\x1b7")


def join(core, home):
    """Starts `join` on a terminal; gives its process and our end of the terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "XDG_STATE_HOME": home}
    environment.pop("UDPCHAT_PLAIN", None)
    # In this session: the system shares a core between sessions first (sched(7), autogroup), so another one would wait for this.
    process = subprocess.Popen(["taskset", "-c", core, UDPCHAT, "join", "--nick", "typist", "--server", f"127.0.0.1:{PORT}"],
                               stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    return process, ours


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


class Screen:
    """What the terminal has received, as far as it matters."""

    def __init__(self, ours):
        self.ours = ours
        self.tail = b""
        self.lines = 0
        self.typed = b""

    def take(self, within):
        """Takes what comes within that time. Returns False if nothing does."""
        if not select.select([self.ours], [], [], max(within, 0))[0]:
            return False
        new = os.read(self.ours, 1 << 16)
        self.lines += new.count(b"\r\n")
        self.tail = (self.tail + new)[-4096:]
        found = INPUT_ROW.findall(self.tail)
        if found:
            self.typed = found[-1]
        return True

    def key(self, number):
        """Types a key; gives the seconds until it is drawn."""
        letter = bytes([ord("a") + number % 26])
        begun = time.monotonic()
        # Ctrl-U before it: the input is this letter, and no other.
        os.write(self.ours, b"\x15" + letter)
        while self.typed != letter:
            if not self.take(10) or time.monotonic() > begun + 10:
                sys.exit("the key was not drawn within 10 s")
        return time.monotonic() - begun


def measure(rate, seconds, cores):
    """Gives the seconds of each key, the rows printed a second, KiB before and after, wake-ups and processor time a second."""
    serving = server("udpchat", 10)
    generator = None
    with tempfile.TemporaryDirectory() as home:
        process, ours = join(cores, home)
        screen = Screen(ours)
        try:
            while b" here" not in screen.tail:
                screen.take(10)
            if rate:
                generator = subprocess.Popen(
                    ["taskset", "-c", GENERATOR_CORE if cores == GENERATOR_CORE else SERVER_CORE, UDPCHAT, "bench", "--server",
                     f"127.0.0.1:{PORT}", "--members", "1", "--senders", "1", "--dialect", "session", "--rate", str(rate), "--duration", f"{seconds + 2 * WARM_UP_S:.0f}s"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until = time.monotonic() + WARM_UP_S
            while time.monotonic() < until:
                screen.take(until - time.monotonic())
            before, lines, (nanos, wakes) = resident_kib(process.pid), screen.lines, used(process.pid)
            begun, keys = time.monotonic(), []
            while time.monotonic() < begun + seconds:
                keys.append(screen.key(len(keys)))
                until = time.monotonic() + KEY_EVERY_S
                while time.monotonic() < until:
                    screen.take(until - time.monotonic())
            took = time.monotonic() - begun
            after, (nanos_after, wakes_after) = resident_kib(process.pid), used(process.pid)
            return keys, (screen.lines - lines) / took, before, after, (wakes_after - wakes) / took, (nanos_after - nanos) / took / 1e9
        finally:
            for running in filter(None, [generator, process, serving]):
                running.kill()
                running.wait()
            os.close(ours)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--one-core", action="store_true")
    args = parser.parse_args()
    cores = SERVER_CORE if args.one_core else GENERATOR_CORE
    table("A key on the screen", "messages/s", "rows/s printed", "key drawn: median", "p99", "worst", "resident KiB", "wake-ups/s",
          "of a core")
    for rate in RATES:
        runs = [measure(rate, args.seconds, cores) for _ in range(args.repeat)]
        keys = sorted(1000 * key for run in runs for key in run[0])
        middle = [statistics.median(run[part] for run in runs) for part in range(1, 6)]
        row(f"{rate:,}", f"{middle[0]:,.0f}", f"{statistics.median(keys):.1f} ms", f"{keys[int(len(keys) * 0.99)]:.1f} ms",
            f"{keys[-1]:.1f} ms", f"{middle[1]:,.0f} → {middle[2]:,.0f}", f"{middle[3]:.0f}", f"{100 * middle[4]:.1f} %")


if __name__ == "__main__":
    main()
