#!/usr/bin/env python3
"""Plants the bugs of `faults` in a copy of the sources and shows that the tests catch each of them.

    tests/planted/plant.py --check   # each anchor is found exactly once; nothing is written
    tests/planted/plant.py           # makes the copy in target/planted, builds it once and runs catch.rs
"""

import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
COPY = os.path.join(ROOT, "target", "planted")


def patches():
    """(file, fault, anchor, replacement) of each patch in `faults`."""
    with open(os.path.join(HERE, "faults")) as file:
        text = file.read()
    for patch in re.split(r"^@@ ", text, flags=re.M)[1:]:
        head, body = patch.split("\n", 1)
        name, fault = head.split()
        anchor, replacement = body.rstrip("\n").split("\n==\n")
        yield name, fault, anchor + "\n", replacement + "\n"


def planted():
    """The patched files, by name. Ends the program if an anchor is not found exactly once, or a fault is never planted."""
    files, wrong, faults = {}, [], set()
    for name, fault, anchor, replacement in patches():
        if name not in files:
            with open(os.path.join(ROOT, name)) as file:
                files[name] = file.read()
        text = files[name]
        # An anchor matches only at the beginning of a line, not at the end of a longer line.
        count = ("\n" + text).count("\n" + anchor)
        faults.add(fault)
        if count != 1:
            wrong.append(f"{name}, {fault}: found {count} times:\n{anchor}")
        files[name] = ("\n" + text).replace("\n" + anchor, "\n" + replacement)[1:]
    with open(os.path.join(HERE, "planted.rs")) as file:
        named = set(re.findall(r"^    ([A-Z]\w+),$", file.read(), flags=re.M))
    wrong += [f"{fault} is planted nowhere" for fault in sorted(named - faults)]
    wrong += [f"{fault} is not in planted.rs" for fault in sorted(faults - named)]
    if wrong:
        sys.exit("tests/planted/faults does not fit the sources:\n" + "\n".join(wrong))
    return files


def write_copy(files):
    """Writes the copy; what is as it was is left alone, so that it is not built again."""
    wanted = {}
    for folder in ("src", "benches", "examples", "tests/common", "tests/legacy"):
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                full = os.path.join(path, name)
                wanted[os.path.relpath(full, ROOT)] = None
    for name in ("Cargo.toml", "Cargo.lock", "README.md"):
        wanted[name] = None
    wanted["tests/adversary.rs"] = "tests/memory/adversary.rs"
    wanted["tests/catch.rs"] = "tests/planted/catch.rs"
    wanted["src/planted.rs"] = "tests/planted/planted.rs"
    for path, _, names in os.walk(COPY):
        for name in names:
            full = os.path.join(path, name)
            if os.path.relpath(full, COPY).split(os.sep)[0] in ("src", "benches", "examples", "tests"):
                if os.path.relpath(full, COPY) not in wanted:
                    os.remove(full)
    for name, origin in wanted.items():
        with open(os.path.join(ROOT, origin or name), "rb") as file:
            bytes_ = file.read()
        if name in files:
            text = files[name]
            if name != "src/main.rs":
                # Goes after the module's own documentation and attributes.
                end = re.match(r"(?:(?://!.*|#!\[.*|)\n)*", text).end()
                text = text[:end] + "use crate::planted::{Fault, planted};\n" + text[end:]
            bytes_ = text.encode()
        if name == "src/lib.rs":
            bytes_ += b"pub mod planted;\n"
        if name in ("Cargo.toml", "Cargo.lock"):
            # Another version, so that cargo does not confuse its build products with the original's.
            before = b'name = "udpchat"\nversion = "'
            bytes_ = re.sub(re.escape(before) + rb'[^"]*', lambda found: found[0] + b"-planted", bytes_, count=1)
        if name == "Cargo.toml":
            bytes_ += b'\n[[test]]\nname = "catch"\n\n[workspace]\n'
            bytes_ = bytes_.replace(b"autobenches = false", b"autobenches = false\nautotests = false")
        path = os.path.join(COPY, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            with open(path, "rb") as file:
                if file.read() == bytes_:
                    continue
        with open(path, "wb") as file:
            file.write(bytes_)


def main():
    files = planted()
    if sys.argv[1:] == ["--check"]:
        return
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    if not shutil.which("cargo"):
        sys.exit("cargo is not on the PATH: a Rust toolchain is needed to build the copy")
    write_copy(files)
    # `cargo fmt` misses these two: they are not among the sources that cargo knows.
    ours = [os.path.join(COPY, name) for name in ("tests/catch.rs", "src/planted.rs")]
    subprocess.check_call(["rustfmt", "--check", "--config-path", os.path.join(ROOT, "rustfmt.toml"), "--edition", "2024"] + ours)
    # Shares the tests' build of the dependencies, if cargo has that setting (1.91); older ones build them again.
    environment = dict(os.environ, CARGO_BUILD_BUILD_DIR=os.path.join(ROOT, "target"))
    environment["CARGO_TARGET_DIR"] = os.path.join(COPY, "target")
    command = ["cargo", "test", "--locked", "--manifest-path", os.path.join(COPY, "Cargo.toml")]
    command += ["--test", "catch", "--", "bugs::"]
    sys.exit(subprocess.call(command, env=environment))


main()
