#!/usr/bin/env python3
"""How late a message gets to the sockets of 200 tabs, compared with `join`, and what a tab costs in memory.

    benches/page.py [--seconds 20] [--repeat 5] [--tabs 200] [--rate 100] [--stuck]

A server and this script have one core; the gateways, and one `join --json` as the yardstick, have the other. A key has eight sessions, so each
gateway has eight tabs. One tab posts so many messages a second, each with the time at which it was due; each arrival at another tab's socket,
and at `join`'s stdout, is compared with that. With --stuck one tab of each gateway does not read at all. All of it stays on 127.0.0.1 and stops by itself.
"""

import argparse
import json
import os
import re
import selectors
import socket
import statistics
import struct
import subprocess
import tempfile
import time

from measuring import GENERATOR_CORE, PORT, SERVER_CORE, UDPCHAT, row, server, table, used

TABS_OF_A_KEY = 8
SAID = re.compile(rb'"kind":"said".*?"text":"(\d+)"')
CONFIRMED = re.compile(rb'"event":"confirmed"[^}]*"post":(\d+)')
STORE = re.compile(rb'"event":"store".*?"next":(\d+)')
WARM_UP_S = 2.0


def memory_kib(pid):
    """The memory of a process that is its own: not its code, which is shared with every other."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Anonymous:"))


class Tab:
    """A WebSocket, as far as it matters (RFC 6455)."""

    def __init__(self, address, number):
        host, token = address.removeprefix("http://").split("/#")
        self.socket = socket.create_connection(host.split(":"))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall((f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                             f"Origin: http://{host}\r\nSec-WebSocket-Protocol: udpchat.1, {token}\r\n\r\n").encode())
        self.late, self.is_here = [], False
        self.say({"do": "join", "nick": f"t{number}", "history": 0})

    def say(self, thing):
        body = json.dumps(thing).encode()
        length = bytes([0x80 | len(body)]) if len(body) < 126 else struct.pack(">BH", 0x80 | 126, len(body))
        self.socket.sendall(b"\x81" + length + bytes(4) + body)

    def read(self):
        now = time.monotonic_ns()
        data = self.socket.recv(65536)
        assert data, "the gateway has ended"
        # Pieces of frames do not matter: at this rate a message comes whole, and a few that do not are not counted.
        self.late.extend(now - int(match[1]) for match in SAID.finditer(data))
        self.is_here |= b'"event":"joined"' in data
        for match in STORE.finditer(data):
            self.say({"do": "stored", "below": int(match[1])})
        for match in CONFIRMED.finditer(data):
            self.say({"do": "settled", "post": int(match[1])})


class Yardstick:
    """`join --json`."""

    def __init__(self, home):
        command = ["taskset", "-c", GENERATOR_CORE, UDPCHAT, "join", "--json", "--nick", "yard", "--history", "0",
                   "--server", f"127.0.0.1:{PORT}"]
        environment = {**os.environ, "XDG_STATE_HOME": home}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=environment)
        self.late = []

    def read(self):
        now = time.monotonic_ns()
        data = os.read(self.process.stdout.fileno(), 65536)
        self.late.extend(now - int(match[1]) for match in SAID.finditer(data))


def gateway(home):
    command = ["taskset", "-c", GENERATOR_CORE, UDPCHAT, "web", "--server", f"127.0.0.1:{PORT}", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               env={**os.environ, "XDG_STATE_HOME": home})
    return process, process.stdout.readline().strip()


def once(args, home):
    room = server("udpchat", 0)
    gateways, tabs = [], []
    watched = selectors.DefaultSelector()

    def wait(seconds):
        for key, _ in watched.select(seconds):
            key.data.read()

    try:
        empty = []
        for number in range(-(-args.tabs // TABS_OF_A_KEY)):
            process, address = gateway(os.path.join(home, str(number)))
            gateways.append(process)
            empty.append(memory_kib(process.pid))
            for place in range(min(TABS_OF_A_KEY, args.tabs - len(tabs))):
                tab = Tab(address, len(tabs))
                tab.is_stuck = args.stuck and place == 1
                tabs.append(tab)
                watched.register(tab.socket, selectors.EVENT_READ, tab)
                while not tab.is_here:
                    wait(1)
                if tab.is_stuck:
                    watched.unregister(tab.socket)
        yardstick = Yardstick(os.path.join(home, "yard"))
        watched.register(yardstick.process.stdout, selectors.EVENT_READ, yardstick)
        before = sum(used(process.pid)[0] for process in gateways)
        start = time.monotonic_ns()
        count, total = 0, int(args.rate * (args.seconds + WARM_UP_S))
        while count < total:
            due = start + int(count * 1e9 / args.rate)
            now = time.monotonic_ns()
            if now >= due:
                tabs[0].say({"do": "say", "text": str(due)})
                count += 1
                if count == int(args.rate * WARM_UP_S):
                    for one in [*tabs, yardstick]:
                        one.late.clear()
            wait(max(0, (due - time.monotonic_ns()) / 1e9))
        end = time.monotonic() + 1
        while time.monotonic() < end:
            wait(0.1)
        busy = (sum(used(process.pid)[0] for process in gateways) - before) / (time.monotonic_ns() - start)
        full = [memory_kib(process.pid) for process in gateways]
        of_tabs = sorted(late for tab in tabs[1:] if not tab.is_stuck for late in tab.late)
        of_join = sorted(yardstick.late)
        readers = sum(not tab.is_stuck for tab in tabs[1:])
        at = lambda late, part: late[min(len(late) - 1, int(len(late) * part))] / 1e6
        return {
            "tabs p50": at(of_tabs, 0.5), "tabs p99": at(of_tabs, 0.99), "join p50": at(of_join, 0.5), "join p99": at(of_join, 0.99),
            "arrived": len(of_tabs) / (readers * args.rate * args.seconds),
            "kib": sum(after - before for after, before in zip(full, empty)) / len(tabs), "core": busy,
        }
    finally:
        for tab in tabs:
            tab.socket.close()
        for process in gateways + ([yardstick.process] if "yardstick" in locals() else []) + [room]:
            process.kill()
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--tabs", type=int, default=200)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--stuck", action="store_true")
    args = parser.parse_args()
    os.sched_setaffinity(0, {int(SERVER_CORE)})
    table("The page", "tabs", "a second", "tabs p50 ms", "p99", "join p50 ms", "p99", "p99 / p99", "arrived", "KiB a tab", "of a core")
    ratios = []
    for _ in range(args.repeat):
        with tempfile.TemporaryDirectory() as home:
            one = once(args, home)
        ratios.append(one["tabs p99"] / one["join p99"])
        row(args.tabs, args.rate, f"{one['tabs p50']:.2f}", f"{one['tabs p99']:.2f}", f"{one['join p50']:.2f}", f"{one['join p99']:.2f}",
            f"{ratios[-1]:.2f}", f"{one['arrived']:.4f}", f"{one['kib']:.0f}", f"{one['core']:.2f}")
    print(f"\nmedian ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


main()
