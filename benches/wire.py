#!/usr/bin/env python3
"""The tables of docs/PERFORMANCE.md about what the session protocol has beside messages: ciphers, reading backwards, receipts.

    benches/wire.py [--repeat 5] [--seconds 8] [--only ciphers|reading|receipts]

Builds the release and benches/letters.rs. The server is on one core, the members are on the other. Runs of what is compared follow each other;
medians. Where nats-server is installed, it is beside the ciphers: the same messages, as many of them under way, to as many subscribers over TCP.
"""

import argparse
import os
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

from measuring import PORT, ROOT, SERVER_CORE, TARGET, UDPCHAT, bench, row, server, table, used

LETTERS = os.path.join(TARGET, "release/examples/letters")
NATS_PORT = PORT + 1
# Deliveries a second in a room in which authors wait.
DELIVERIES = 20_000
SIZE = 64
# Messages under way.
WINDOW = 64


def finish(process):
    process.kill()
    process.wait()


def with_cipher(members, cipher, seconds):
    """Returns the microseconds of processor time for each delivery with that cipher."""
    process = server("udpchat", members, "--cipher", cipher)
    try:
        median = bench(process, members, "--dialect", "session", "--window", WINDOW, "--duration", f"{seconds}s",
                       "--size", SIZE)["median"]
        return median["server_cpu_us_per_delivery"]
    finally:
        finish(process)


def with_nats(members, seconds):
    """Returns the same for nats-server, whose subscribers are here."""
    command = ["taskset", "-c", SERVER_CORE, "nats-server", "-a", "127.0.0.1", "-p", str(NATS_PORT)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    try:
        os.sched_setaffinity(0, {1})
        return nats(process.pid, members, seconds)
    finally:
        os.sched_setaffinity(0, {0, 1})
        finish(process)


def nats(pid, members, seconds):
    def connect():
        link = socket.create_connection(("127.0.0.1", NATS_PORT))
        link.sendall(b'CONNECT {"verbose":false}\r\n')
        return link
    poll, received, links = selectors.DefaultSelector(), 0, [connect() for _ in range(members)]
    for link in links:
        link.sendall(b"SUB room 1\r\n")
        link.setblocking(False)
        poll.register(link, selectors.EVENT_READ)
    publisher = connect()
    time.sleep(0.5)
    message = b"PUB room %d\r\n%s\r\n" % (SIZE, b"x" * SIZE)
    # What a subscriber is sent of one: MSG room 1 64, the message, and the ends of lines.
    length = len(b"MSG room 1 %d\r\n" % SIZE) + SIZE + 2
    begun, sent, before = time.monotonic(), 0, used(pid)[0]
    while time.monotonic() - begun < seconds:
        # As many are under way as with ours.
        while sent - received / length / members < WINDOW:
            publisher.sendall(message)
            sent += 1
        for key, _ in poll.select(0.001):
            received += len(key.fileobj.recv(1 << 20))
    spent = used(pid)[0] - before
    for link in (*links, publisher):
        link.close()
    return spent / 1000 / (received / length)


def ciphers(args):
    has_nats = shutil.which("nats-server") is not None
    table(f"A delivery of {SIZE} bytes, {WINDOW} messages under way: us of the server's processor time", "members",
          "ChaCha20-Poly1305", "AES-256-GCM", "AES / ChaCha", "nats-server", "AES / nats-server")
    for members in (10, 100, 1000):
        runs = []
        for _ in range(args.repeat):
            chacha, aes = with_cipher(members, "chacha20", args.seconds), with_cipher(members, "auto", args.seconds)
            runs.append((chacha, aes, with_nats(members, args.seconds) if has_nats else float("nan")))
        chacha, aes, other = (statistics.median(run[which] for run in runs) for which in range(3))
        ratio = statistics.median(run[1] / run[0] for run in runs)
        beside = statistics.median(run[1] / run[2] for run in runs)
        row(members, f"{chacha:.2f}", f"{aes:.2f}", f"{ratio:.2f}", f"{other:.2f}", f"{beside:.2f}")


def reading(args):
    """100,000 entries are read back while members talk."""
    table("100,000 entries read back with history --server while 20 members talk at 200/s", "run", "p99 alone, ms", "p99 beside it, ms",
          "entries read a second")
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"XDG_STATE_HOME": folder}
        process = server("udpchat", 20, db=os.path.join(folder, "room.db"))
        try:
            lines = "\n".join(f"line {number} {'x' * 48}" for number in range(100_000))
            subprocess.run([UDPCHAT, "send", "-n", "bot", "-s", f"127.0.0.1:{PORT}", "-t", "60s", "-"], input=lines, text=True,
                           check=True, env=environment, stderr=subprocess.DEVNULL)
            talk = ("--dialect", "session", "--rate", 200, "--duration", f"{args.seconds}s")
            for run in range(args.repeat):
                alone = bench(process, 20, *talk)["median"]
                rates, ends = [], threading.Event()

                def read():
                    while not ends.is_set():
                        begun = time.monotonic()
                        with open(os.devnull, "w", encoding="utf-8") as nowhere:
                            reader = subprocess.Popen([UDPCHAT, "history", "-s", f"127.0.0.1:{PORT}", "--from", "bot"],
                                                      stdout=nowhere, env=environment)
                            while reader.poll() is None and not ends.is_set():
                                time.sleep(0.01)
                        if reader.returncode == 0:
                            rates.append(100_000 / (time.monotonic() - begun))
                        reader.kill()
                        reader.wait()

                thread = threading.Thread(target=read)
                thread.start()
                beside = bench(process, 20, *talk)["median"]
                ends.set()
                thread.join()
                rate = f"{statistics.median(rates):.0f}" if rates else "not once in time"
                row(run + 1, f"{alone['latency_us']['p99'] / 1000:.2f}", f"{beside['latency_us']['p99'] / 1000:.2f}", rate)
        finally:
            finish(process)


def with_watchers(members, seconds, authors):
    """Returns the processor time for each delivery, and the answers that the authors were given."""
    process = server("udpchat", members)
    with tempfile.TemporaryDirectory() as folder:
        # A member that is stopped receives nothing, so the authors wait until the end.
        stopped = subprocess.Popen([UDPCHAT, "join", "-n", "stopped", "-s", f"127.0.0.1:{PORT}", "--json"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | {"XDG_STATE_HOME": folder})
        stopped.stdout.readline()
        stopped.send_signal(signal.SIGSTOP)
        load = subprocess.Popen(["taskset", "-c", "1", LETTERS, f"127.0.0.1:{PORT}", str(seconds + 20), "0", str(authors), "watch"],
                                stdout=subprocess.PIPE, text=True) if authors else None
        try:
            if load:
                assert load.stdout.readline() == "ready\n"
            return bench(process, members, "--dialect", "session", "--rate", DELIVERIES // members, "--duration",
                         f"{seconds}s")["median"]["server_cpu_us_per_delivery"]
        finally:
            for other in (load, stopped, process):
                if other:
                    finish(other)


def receipts(args):
    table("A room of 1,000 members, 20 messages a second: us of the server's processor time a delivery", "run", "nobody waits for receipts",
          "32 authors wait", "ratio")
    ratios = []
    for run in range(args.repeat):
        off, on = with_watchers(1000, args.seconds, 0), with_watchers(1000, args.seconds, 32)
        ratios.append(on / off)
        row(run + 1, f"{off:.2f}", f"{on:.2f}", f"{ratios[-1]:.3f}")
    print(f"\nmedian ratio {statistics.median(ratios):.3f}")


def main():
    parts = {"ciphers": ciphers, "reading": reading, "receipts": receipts}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--only", choices=parts)
    args = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bins", "--examples"], cwd=ROOT, check=True)
    for name, part in parts.items():
        if args.only in (None, name):
            part(args)


if __name__ == "__main__":
    main()
