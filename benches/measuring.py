"""What benches/text-room.py and benches/sessions.py share: servers on one core, `udpchat bench` on the other, tables."""

import argparse
import json
import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
UDPCHAT = os.path.join(TARGET, "release", "udpchat")
PORT = 39999
SERVER_CORE, GENERATOR_CORE = "0", "1"


def server(kind, members, *options, db=":memory:"):
    """Starts a server on its core; ours with these options."""
    command = {
        "udpchat": [UDPCHAT, "serve", "--bind", f"127.0.0.1:{PORT}", "--quiet", "--rate", "off",
                    "--signup-rate", "off", "--max-members", "20000", "--db", db, *options],
        "bare sendmmsg": [os.path.join(TARGET, "release/examples/bare_sendmmsg"), str(PORT), str(members)],
        "bare UDP_SEGMENT": [os.path.join(TARGET, "release/examples/bare_segment"), str(PORT), str(members)],
        "Python original": [sys.executable, os.path.join(ROOT, "tests/legacy/server.py"), str(PORT)],
    }[kind]
    process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *command], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    return process


def bench(process, members, *args):
    """Measures a server; gives the summary of the runs."""
    command = ["taskset", "-c", GENERATOR_CORE, UDPCHAT, "bench", "--server", f"127.0.0.1:{PORT}", "--members",
               str(members), "--pid", str(process.pid), "--json", "--timeout", "60s", *map(str, args)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(kind, members, *args):
    process = server(kind, members)
    try:
        return bench(process, members, *args)
    finally:
        process.kill()
        process.wait()


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def table(title, *heads):
    print(f"\n### {title}\n")
    row(*heads)
    row(*("---" for _ in heads))


def used(pid):
    """The nanoseconds on a processor and the wake-ups of a process so far."""
    nanos = switches = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            nanos += int(file.read().split()[0])
        with open(f"/proc/{pid}/task/{task}/status") as file:
            switches += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return nanos, switches


def run(description, parts):
    """Builds the release and runs the parts that are asked for: functions of the repeats and the rooms' sizes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="medians of three runs instead of five")
    parser.add_argument("--members", default="10,100,1000")
    parser.add_argument("--only", choices=parts)
    args = parser.parse_args()
    subprocess.run(["cargo", "build", "--quiet", "--release", "--locked", "--bins", "--examples"], cwd=ROOT, check=True)
    for name, part in parts.items():
        if args.only in (None, name):
            part(3 if args.quick else 5, [int(number) for number in args.members.split(",")])
