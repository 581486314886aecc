#!/usr/bin/env python3
"""The tables of docs/PERFORMANCE.md about sessions: encrypted and acknowledged, against a bare sendmmsg loop, in one run.

    benches/sessions.py [--quick] [--members 10,100,1000,10000] [--only throughput|overload|latency|idle|memory]

Builds the release, then runs each server pinned to one core and `udpchat bench` pinned to another. Every number is the
median of five runs (of three with --quick), but for overload, idle and memory, which are one long run.
"""

import subprocess
import time

from measuring import PORT, UDPCHAT, bench, measure, row, run, server, table, used

SESSION = ("--dialect", "session")


def throughput(repeat, sizes):
    table("Throughput, messages of 64 bytes, 10 senders, 64 under way", "members", "server", "deliveries/s",
          "of the bare loop's", "CPU us/delivery", "of the bare loop's", "lost", "generator idle", "peak KiB")
    for members in sizes:
        bare = None
        end = ("--messages", 1000) if members > 1000 else ("--duration", "2s")
        for kind, dialect in (("bare sendmmsg", ()), ("udpchat", SESSION)):
            median = measure(kind, members, *dialect, "--size", 64, *end, "--repeat", repeat)["median"]
            bare = bare or median
            speed, cpu = median["deliveries_per_second"], median["server_cpu_us_per_delivery"]
            row(members, kind, f"{speed:,.0f}", f"{speed / bare['deliveries_per_second']:.1f}", f"{cpu:.3f}",
                f"1/{bare['server_cpu_us_per_delivery'] / cpu:.1f}", f"{median['lost']:.0f}",
                f"{median['generator_idle_share']:.0%}", f"{median['server_peak_memory_kib']:.0f}")


def overload(*_):
    table("Overload: 10,000 messages/s of 64 bytes to 100 members for 30 s", "after", "lost", "p50 us", "p99 us",
          "p99.9 us", "max us", "peak KiB")
    process = server("udpchat", 100)
    try:
        for seconds in (10, 20):
            result = bench(process, 100, *SESSION, "--rate", 10000, "--duration", f"{seconds}s")["median"]
            late = result["latency_us"]
            row(f"{seconds} s" if seconds == 10 else "20 s more", f"{result['lost']:.0f}",
                *(f"{late[key]:.0f}" for key in ("p50", "p99", "p99_9", "max")), f"{result['server_peak_memory_kib']:.0f}")
    finally:
        process.kill()
        process.wait()


def latency(repeat, _):
    table("Latency of a single message to 10 members", "how", "dialect", "p50 us", "of text's", "p99 us")
    for how, args in (("20 a second", ("--rate", 20, "--duration", "5s")), ("one after the other", ("--window", 1, "--duration", "2s"))):
        text = None
        for name, dialect in (("text", ()), ("session", SESSION)):
            late = measure("udpchat", 10, *dialect, "--senders", 1, *args, "--repeat", repeat)["median"]["latency_us"]
            text = text or late
            row(how, name, f"{late['p50']:.0f}", f"{late['p50'] / text['p50']:.2f}", f"{late['p99']:.0f}")


def idle(*_):
    table("Idle for 45 s with 8 members", "keepalives", "wake-ups of the server", "CPU ms")
    process = server("udpchat", 10)
    joins = [subprocess.Popen([UDPCHAT, "join", "--nick", f"jack{number}", "--server", f"127.0.0.1:{PORT}"],
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
             for number in range(8)]
    try:
        time.sleep(3)
        before = used(process.pid)
        time.sleep(45)
        after = used(process.pid)
    finally:
        for join in joins:
            join.stdin.close()
            join.wait()
        process.kill()
        process.wait()
    row(3 * len(joins), after[1] - before[1], f"{(after[0] - before[0]) / 1e6:.1f}")


def memory(*_):
    table("Memory, members that have just read 10 messages", "members", "resident KiB", "KiB a member more than 10 have")
    few = None
    for members in (10, 1000, 10000):
        process = server("udpchat", members)
        try:
            bench(process, members, *SESSION, "--messages", 10)
            # The members have left by now; the peak shows what they took.
            peak = bench_peak(process)
        finally:
            process.kill()
            process.wait()
        few = few or peak
        row(members, peak, f"{(peak - few) / members:.1f}")


def bench_peak(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    run(__doc__, {"throughput": throughput, "overload": overload, "latency": latency, "idle": idle, "memory": memory})
