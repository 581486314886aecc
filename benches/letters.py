#!/usr/bin/env python3
"""The table of docs/PERFORMANCE.md about private messages: what public deliveries cost beside them.

    benches/letters.py [--members 1000] [--private 1000] [--rate 20] [--seconds 10] [--repeat 3]

Builds the release and benches/letters.rs. A server on one core has MEMBERS members that are sent RATE public messages a second, and 250
others, which write PRIVATE messages a second to each other. The server's processor time for public deliveries is measured without private
messages, and with them less what they cost by themselves; runs in turn, medians.
"""

import argparse
import os
import statistics
import subprocess
import time

from measuring import PORT, ROOT, TARGET, UDPCHAT, bench, row, server, table, used

LETTERS = os.path.join(TARGET, "release/examples/letters")
WRITERS = 250


def writers(seconds, rate):
    """Starts the writers, and returns them once all are there."""
    command = ["taskset", "-c", "1", LETTERS, f"127.0.0.1:{PORT}", str(seconds), str(rate), str(WRITERS)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def public(args, rate):
    """Returns the seconds of processor time for each public delivery and second, and how many deliveries."""
    process = server("udpchat", args.members)
    try:
        load = writers(args.seconds + 20, rate)
        # The burst that each pair has at once is over before the measurement.
        median = bench(process, args.members, "--dialect", "session", "--rate", args.rate, "--duration",
                       f"{args.seconds}s")["median"]
        load.kill()
        return median["server_cpu_us_per_delivery"], median["deliveries_per_second"], median["lost"]
    finally:
        process.kill()
        process.wait()


def private(args):
    """Returns the microseconds of processor time that private messages take a second, and how many there were."""
    process = server("udpchat", args.members)
    try:
        load = writers(args.seconds, args.private)
        before = used(process.pid)[0]
        confirmed, shown = map(int, load.communicate()[0].split())
        assert shown >= confirmed * 0.99
        return (used(process.pid)[0] - before) / 1000 / args.seconds, confirmed / args.seconds
    finally:
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("members", 1000), ("private", 1000), ("rate", 20), ("seconds", 10), ("repeat", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "--quiet", "--bins", "--examples"], cwd=ROOT, check=True)
    table(f"{args.private} private messages a second beside {args.rate} public ones to {args.members} members", "run",
          "CPU us/delivery alone", "beside private ones", "of which theirs", "ratio of the rest", "private/s", "lost")
    ratios = []
    for run in range(args.repeat):
        own, count = private(args)
        alone, deliveries, lost = public(args, 0)
        both, beside, lost_too = public(args, args.private)
        theirs = own / beside
        ratios.append((both - theirs) / alone)
        row(run + 1, f"{alone:.3f}", f"{both:.3f}", f"{theirs:.3f}", f"{ratios[-1]:.3f}", f"{count:.0f}",
            f"{lost + lost_too:.0f}")
        time.sleep(1)
    print(f"\nmedian ratio {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
