#!/usr/bin/env python3
"""The tables of docs/PERFORMANCE.md about the room's log: in memory and in a file, short and long, in one run.

    benches/log.py [--quick] [--only throughput|latency|long|beside]

Builds the release, then runs each server pinned to one core and `udpchat bench` pinned to another. Every number is the
median of five runs (of three with --quick), each on a server of its own, the kinds taken in turn.
"""

import os
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time

from measuring import GENERATOR_CORE, PORT, SERVER_CORE, UDPCHAT, bench, row, run, table

SESSION = ("--dialect", "session")
LONG = 1_000_000
REPLAYED = 100_000
PRUNED = 900_000


class Served:
    """A server with its log in memory, or in a file of its own, or in a copy of another."""

    def __init__(self, folder, db, *args):
        self.db, started = db, time.monotonic()
        command = [UDPCHAT, "serve", "--bind", f"127.0.0.1:{PORT}", "--rate", "off", "--signup-rate", "off", "--quiet",
                   "--max-members", "2000", "--db", db, *map(str, args)]
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *command], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, "XDG_STATE_HOME": folder})
        for line in self.process.stderr:
            if "listening on" in line:
                break
        self.opened = time.monotonic() - started
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def bench(self, members, *args):
        return bench(self.process, members, *args)["median"]

    def peak(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def in_folder(part):
    def run_in_folder(repeat, _):
        folder = tempfile.mkdtemp()
        try:
            part(repeat, folder)
        finally:
            shutil.rmtree(folder)
    return run_in_folder


def remove(path):
    for suffix in ("", "-wal", "-shm", "-lock"):
        if os.path.exists(path + suffix):
            os.remove(path + suffix)


KINDS = (("in memory", ":memory:", ()), ("file", "room.db", ()), ("file, --sync full", "room.db", ("--sync", "full")))


def by_kind(repeat, folder, members, *args):
    """The medians for each kind of log; they take turns, so that what else the machine does meets them alike."""
    taken = {name: [] for name, *_ in KINDS}
    for _ in range(repeat):
        for name, db, options in KINDS:
            path = db if db == ":memory:" else os.path.join(folder, db)
            remove(path)
            with Served(folder, path, *options) as served:
                taken[name].append(served.bench(members, *SESSION, *args))
    return taken


def median(runs, value):
    return statistics.median(value(one) for one in runs)


@in_folder
def throughput(repeat, folder):
    table("Throughput, messages of 64 bytes to 100 members, 10 senders, 64 under way", "log", "messages/s",
          "of memory's", "p50 ms", "p99 ms")
    memory = None
    for name, runs in by_kind(repeat, folder, 100, "--duration", "5s").items():
        speed = median(runs, lambda one: one["deliveries_per_second"] / 100)
        memory = memory or speed
        late = (median(runs, lambda one: one["latency_us"][key]) / 1000 for key in ("p50", "p99"))
        row(name, f"{speed:,.0f}", f"{speed / memory:.0%}", *(f"{one:.1f}" for one in late))


@in_folder
def latency(repeat, folder):
    table("Latency of a single message", "members", "how", "log", "p50 us", "of memory's", "p99 us", "of memory's")
    for members in (10, 100):
        for how, args in (("20 a second", ("--rate", 20, "--duration", "5s")),
                          ("one after the other", ("--window", 1, "--duration", "2s"))):
            memory = None
            for name, runs in by_kind(repeat, folder, members, "--senders", 1, *args).items():
                late = [median(runs, lambda one: one["latency_us"][key]) for key in ("p50", "p99")]
                memory = memory or late
                row(members, how, name, *(f"{cell}" for one, other in zip(late, memory)
                                          for cell in (f"{one:.0f}", f"{one / other:.2f}")))


def make_long(folder):
    """A log of a million entries and the members' comings and goings, as the server writes it."""
    path = os.path.join(folder, "long.db")
    with Served(folder, path) as served:
        served.bench(1, "--senders", 1, "--messages", LONG)
    subprocess.run([UDPCHAT, "history", "--db", path, "-n", "1"], check=True, capture_output=True)
    return path


@in_folder
def long(repeat, folder):
    table("A log of 1,000,000 entries", "entries", "file MB", "opening ms", "peak KiB when open",
          "peak KiB after 5 s of load", "and a replay of 100,000")
    path = make_long(folder)
    for name, db in (("none", os.path.join(folder, "new.db")), (f"{LONG:,}", path)):
        opening, open_peak, loaded, replayed = [], [], [], []
        for _ in range(repeat):
            if db != path:
                remove(db)
            with Served(folder, db) as served:
                opening.append(served.opened * 1000)
                open_peak.append(served.peak())
                served.bench(100, *SESSION, "--duration", "5s")
                loaded.append(served.peak())
                if db == path:
                    replay(folder)
                    replayed.append(served.peak())
        size = sum(os.path.getsize(db + suffix) for suffix in ("", "-wal") if os.path.exists(db + suffix)) / 1e6
        after = f"{statistics.median(replayed):.0f}" if replayed else ""
        row(name, f"{size:.0f}", *(f"{statistics.median(each):.0f}" for each in (opening, open_peak, loaded)), after)


def replay(folder):
    """A member that reads the last 100,000 messages and leaves; gives the seconds that this took."""
    home, started = tempfile.mkdtemp(dir=folder), time.monotonic()
    done = subprocess.run(["taskset", "-c", GENERATOR_CORE, UDPCHAT, "join", "--nick", "reader", "--history", str(REPLAYED),
                           "--server", f"127.0.0.1:{PORT}", "--timeout", "30s"], stdin=subprocess.DEVNULL, check=True,
                          capture_output=True, text=True, env={**os.environ, "XDG_STATE_HOME": home})
    assert done.stdout.count("\n") >= REPLAYED, done.stderr
    return time.monotonic() - started


def read_over_and_over(folder, ended):
    """Replays one after the other until `ended`; gives the seconds that each took."""
    took = []
    while not ended.is_set():
        took.append(replay(folder))
    return f"{len(took)} replays, {statistics.median(took):.1f} s each"


def wait_until_pruned(path, ended):
    """Waits until the oldest entries are gone; gives how long that took, or how far it came."""
    started, log = time.monotonic(), sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    while True:
        (oldest,) = log.execute("SELECT min(seq) FROM entries").fetchone()
        if oldest >= PRUNED or ended.is_set():
            return f"{oldest:,} pruned in {time.monotonic() - started:.1f} s"
        time.sleep(0.05)


@in_folder
def beside(repeat, folder):
    table("Live delivery to 100 members, 200 messages/s for 5 s, with 1,000,000 entries", "meanwhile", "p50 ms", "p99 ms",
          "max ms", "peak KiB", "in the last run")
    source = make_long(folder)
    path = os.path.join(folder, "room.db")
    kinds = (("nothing", (), None),
             ("members replay 100,000, one after the other", (), lambda ended: read_over_and_over(folder, ended)),
             ("pruning", ("--keep-entries", LONG - PRUNED), lambda ended: wait_until_pruned(path, ended)))
    for name, options, what in kinds:
        runs, peaks, told = [], [], [""]
        for _ in range(repeat):
            remove(path)
            for suffix in ("", "-wal"):
                if os.path.exists(source + suffix):
                    shutil.copy(source + suffix, path + suffix)
            with Served(folder, path, *options) as served:
                ended = threading.Event()
                meanwhile = threading.Thread(target=lambda: told.append(what(ended))) if what else None
                if meanwhile:
                    meanwhile.start()
                runs.append(served.bench(100, *SESSION, "--rate", 200, "--duration", "5s"))
                ended.set()
                if meanwhile:
                    meanwhile.join()
                peaks.append(served.peak())
        late = (median(runs, lambda one: one["latency_us"][key]) / 1000 for key in ("p50", "p99", "max"))
        row(name, *(f"{one:.1f}" for one in late), f"{statistics.median(peaks):.0f}", told[-1])


if __name__ == "__main__":
    run(__doc__, {"throughput": throughput, "latency": latency, "long": long, "beside": beside})
