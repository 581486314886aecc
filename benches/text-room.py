#!/usr/bin/env python3
"""The tables of docs/PERFORMANCE.md: the server of the text dialect against bare loops, in one run.

    benches/text-room.py [--quick] [--members 10,100,1000] [--only throughput|overload|latency|large|idle]

Builds the release, then runs each server pinned to one core and `udpchat bench` pinned to another. Every number is the
median of five runs (of three with --quick), but for overload and idle, which are one long run.
"""

import time

from measuring import bench, measure, row, run, server, table, used


def throughput(repeat, sizes):
    for size, yardstick in (("20-256", "bare sendmmsg"), ("64", "bare UDP_SEGMENT")):
        table(f"Throughput, lines of {size} bytes", "members", "server", "deliveries/s", "of the bare loop's",
              "CPU us/delivery", "of the bare loop's", "lost", "generator idle", "peak KiB")
        for members in sizes:
            kinds = [yardstick, "udpchat"] + (["Python original"] if members <= 100 else [])
            bare = None
            for kind in kinds:
                median = measure(kind, members, "--size", size, "--duration", "2s", "--repeat", repeat)["median"]
                bare = bare or median
                speed, cpu = median["deliveries_per_second"], median["server_cpu_us_per_delivery"]
                row(members, kind, f"{speed:,.0f}", f"{speed / bare['deliveries_per_second']:.2f}", f"{cpu:.3f}",
                    f"{cpu / bare['server_cpu_us_per_delivery']:.2f}", f"{median['lost']:.0f}",
                    f"{median['generator_idle_share']:.0%}", f"{median['server_peak_memory_kib']:.0f}")


def overload(*_):
    table("Overload: 4,000 messages/s of 64 bytes to 100 members for 30 s", "server", "lost", "p50 us", "p99 us",
          "p99.9 us", "max us", "peak KiB")
    result = measure("udpchat", 100, "--rate", 4000, "--duration", "30s")["median"]
    late = result["latency_us"]
    row("udpchat", f"{result['lost']:.0f}", *(f"{late[key]:.0f}" for key in ("p50", "p99", "p99_9", "max")),
        f"{result['server_peak_memory_kib']:.0f}")


def latency(repeat, _):
    table("Latency: 20 messages/s of 64 bytes to 10 members", "server", "p50 us", "of the bare loop's", "p99 us",
          "of the bare loop's")
    bare = None
    for kind in ("bare sendmmsg", "udpchat", "Python original"):
        late = measure(kind, 10, "--rate", 20, "--duration", "10s", "--repeat", repeat)["median"]["latency_us"]
        bare = bare or late
        row(kind, f"{late['p50']:.0f}", f"{late['p50'] / bare['p50']:.2f}", f"{late['p99']:.0f}",
            f"{late['p99'] / bare['p99']:.2f}")


def large(repeat, _):
    table("A large room: lines of 64 bytes", "members", "deliveries/s", "CPU us/delivery", "of 1,000's", "peak KiB")
    first = None
    for members in (1000, 10000):
        result = measure("udpchat", members, "--messages", 640 if members > 1000 else 6400, "--repeat", repeat)["median"]
        cpu = result["server_cpu_us_per_delivery"]
        first = first or cpu
        row(members, f"{result['deliveries_per_second']:,.0f}", f"{cpu:.3f}", f"{cpu / first:.2f}",
            f"{result['server_peak_memory_kib']:.0f}")


def idle(*_):
    table("Idle for 5 s with 10 members", "server", "wake-ups", "CPU ms")

    for kind in ("udpchat", "Python original"):
        process = server(kind, 10)
        try:
            bench(process, 10, "--messages", 10)
            before = used(process.pid)
            time.sleep(5)
            after = used(process.pid)
        finally:
            process.kill()
            process.wait()
        row(kind, after[1] - before[1], f"{(after[0] - before[0]) / 1e6:.1f}")


if __name__ == "__main__":
    run(__doc__, {"throughput": throughput, "overload": overload, "latency": latency, "large": large, "idle": idle})
