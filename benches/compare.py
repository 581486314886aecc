#!/usr/bin/env python3
"""Two builds of udpchat beside each other, in turns: is one slower than the other?

    benches/compare.py BEFORE AFTER [--repeat 5] [--only WORD]

Each is a server on one core and `udpchat bench` of the same build on the other, for their protocols may differ. Tells the
medians and, because the machines are noisy, the whole range of the ratio between neighbouring runs.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

PORT = 39997
CASES = {
    "text, 100 members, 64 under way": ("text", 100, ["--senders", "10", "--duration", "3s"], "throughput"),
    "text, 1,000 members, 64 under way": ("text", 1000, ["--senders", "10", "--duration", "3s"], "throughput"),
    "sessions, 10 members, 64 under way": ("session", 10, ["--senders", "10", "--duration", "3s"], "throughput"),
    "sessions, 100 members, 64 under way": ("session", 100, ["--senders", "10", "--duration", "3s"], "throughput"),
    "sessions, 1,000 members, 64 under way": ("session", 1000, ["--senders", "10", "--duration", "3s"], "throughput"),
    "text, 10 members, 20 a second": ("text", 10, ["--senders", "1", "--rate", "20", "--duration", "5s"], "latency"),
    "sessions, 10 members, 20 a second": ("session", 10, ["--senders", "1", "--rate", "20", "--duration", "5s"], "latency"),
    "sessions, 10 members, one after the other": ("session", 10, ["--window", "1", "--senders", "1", "--duration", "3s"],
                                                  "latency"),
    "text, 100 members, 4,000 a second": ("text", 100, ["--rate", "4000", "--duration", "10s"], "overload"),
    "sessions, 100 members, 10,000 a second": ("session", 100, ["--rate", "10000", "--duration", "10s"], "overload"),
}


def measure(binary, dialect, members, args):
    command = [binary, "serve", "--bind", f"127.0.0.1:{PORT}", "--quiet", "--rate", "off", "--signup-rate", "off",
               "--max-members", "20000", "--db", ":memory:"]
    server = subprocess.Popen(["taskset", "-c", "0", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.4)
        bench = ["taskset", "-c", "1", binary, "bench", "--dialect", dialect, "--server", f"127.0.0.1:{PORT}", "--members",
                 str(members), "--size", "64", "--pid", str(server.pid), "--json", "--timeout", "60s", *args]
        run = json.loads(subprocess.run(bench, check=True, capture_output=True, text=True).stdout)["median"]
        return {"deliveries": run["deliveries_per_second"], "p50": run["latency_us"]["p50"], "p99": run["latency_us"]["p99"],
                "lost": run["lost"]}
    finally:
        server.kill()
        server.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    print("| case | measured | before | after | after / before, median (range) | lost |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (dialect, members, options, kind) in CASES.items():
        if args.only not in name:
            continue
        runs = [(measure(args.before, dialect, members, options), measure(args.after, dialect, members, options))
                for _ in range(args.repeat)]
        fields = {"throughput": ["deliveries"], "latency": ["p50", "p99"], "overload": ["p50", "p99"]}[kind]
        for field in fields:
            ratios = sorted(after[field] / before[field] for before, after in runs)
            before, after = (statistics.median(run[index][field] for run in runs) for index in (0, 1))
            unit = "deliveries/s" if field == "deliveries" else f"{field} us"
            print(f"| {name} | {unit} | {before:,.0f} | {after:,.0f} | {statistics.median(ratios):.2f} "
                  f"({ratios[0]:.2f} to {ratios[-1]:.2f}) | {sum(run[1]['lost'] for run in runs)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
