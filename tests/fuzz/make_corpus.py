#!/usr/bin/env python3
"""Writes the seeds in corpus/ anew, from the vectors, from the examples in docs/protocol.md and from a few programs for
fuzz_connection. Run it after either has changed; what it writes is kept in the repository."""

import json
import pathlib
import shutil

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def documented_examples():
    """(kind, name, bytes) of every fenced ```hex block in docs/protocol.md."""
    lines = iter((ROOT / "docs/protocol.md").read_text().splitlines())
    for line in lines:
        if not line.startswith("```hex "):
            continue
        attributes = dict(word.split("=") for word in line.split()[1:])
        hexadecimal = ""
        for row in lines:
            if row == "```":
                break
            hexadecimal += row.split(";")[0]
        yield attributes["kind"], attributes["name"], bytes.fromhex(hexadecimal)


def write(target, name, content):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def write_zaichik():
    vectors = json.loads((ROOT / "tests/vectors/zaichik.json").read_text())
    for kind in ("frames", "malformed", "refused"):
        for vector in vectors.get(kind, []):
            content = bytes.fromhex(vector.get("hex", ""))
            if 0 < len(content) <= 4096:
                write("zaichik_decoder", f"{kind}_{vector['name']}", content)


def write_examples():
    for kind, name, content in documented_examples():
        if kind == "zaichik":
            write("zaichik_decoder", f"documented_{name}", content)
        elif kind == "native":
            write("native_decoder", f"frame_{name}", content)
            write("native_decoder", f"body_{name}", bytes([0xFF, content[4]]) + content[16:])
        elif kind == "record":
            write("record", name, bytes([1]) + content)


# --- Programs for fuzz_connection: the numbers are those of fuzzed_client.hpp.

RAW, NATIVE, CHANGED, ZAICHIK, READ, ADVANCE, CLOSE, OPEN = range(8)


def step(operation, connection, *arguments):
    return bytes([operation | connection << 3, *arguments])


def native(connection, kind, handle=1, number=0):
    return step(NATIVE, connection, kind, handle, number)


def at_once(*steps):
    """Steps that the broker finds together: bit 5 on all but the last."""
    return b"".join(bytes([one[0] | 1 << 5]) + one[1:] for one in steps[:-1]) + steps[-1]


def write_programs():
    hello, create, opened, publish, subscribe, unsubscribe, grant, commit, seek, fetch, trim = range(11)
    list_topics, describe, delete, server, ping, close, alter = range(11, 18)
    start = step(OPEN, 0) + native(0, hello) + native(0, opened) + native(0, opened, 2, 1)
    programs = {
        "publish_and_subscribe": start + native(0, subscribe) + native(0, publish, 1, 5) * 3 + step(READ, 0, 255),
        "two_clients": start + step(OPEN, 1) + native(1, hello) + native(1, opened) + native(1, subscribe, 1, 9)
        + native(0, publish, 1, 200) * 8 + step(READ, 1, 255) + native(0, publish, 1, 60) * 4 + step(CLOSE, 1),
        "credit": start + native(0, subscribe, 1, 0x42) + native(0, publish, 1, 9) * 4 + native(0, grant, 1, 3)
        + native(0, commit, 1, 2) + step(READ, 0, 255) + native(0, seek, 1, 1),
        "slow_reader": start + native(0, subscribe, 1, 1) + step(OPEN, 1) + native(1, hello) + native(1, opened)
        + native(1, publish, 1, 255) * 40 + step(ADVANCE, 0, 60) * 3 + step(READ, 0, 255) * 9,
        "waiting_fetch": start + native(0, fetch, 1, 0x81) + step(ADVANCE, 0, 40) + native(0, fetch, 1, 0xF1)
        + native(0, publish, 1, 4) + step(READ, 0, 255),
        "topic_goes": start + native(0, subscribe) + native(0, fetch, 1, 0xF1) + native(0, publish) + native(0, delete)
        + native(0, publish) + native(0, opened) + native(0, publish, 3, 3) + step(READ, 0, 255),
        "settings": start + native(0, create, 1, 0xFF) + native(0, alter, 1, 0x35) + native(0, publish, 1, 77) * 5
        + step(ADVANCE, 0, 90) + native(0, describe) + native(0, server) + native(0, list_topics) + native(0, trim, 1, 2)
        + native(0, ping, 1, 9) + native(0, unsubscribe) + native(0, close) + step(READ, 0, 255),
        "changed_frames": start + step(CHANGED, 0, publish, 1, 9, 4, 1) + step(CHANGED, 0, subscribe, 1, 9, 17, 255)
        + step(CHANGED, 0, fetch, 1, 9, 0, 16) + step(READ, 0, 255),
        "zaichik": step(ZAICHIK, 2, 0, 1, 3) + step(ZAICHIK, 2, 2, 0, 0) + step(ZAICHIK, 2, 1, 0, 30) * 3
        + step(READ, 2, 255) + step(ZAICHIK, 2, 5, 0, 0) * 2 + step(READ, 2, 255) + step(ZAICHIK, 2, 3, 0, 0)
        + step(ZAICHIK, 2, 4, 0, 0),
        "both_dialects": start + native(0, subscribe) + step(ZAICHIK, 1, 1, 0, 30) + step(ZAICHIK, 1, 2, 1, 0)
        + native(0, publish, 2, 20) + step(READ, 0, 255) + step(READ, 1, 255),
        "answers_unread": start + native(0, server) * 30 + step(ADVANCE, 0, 200) * 4 + step(READ, 0, 255),
        "close_with_much_due": start + native(0, publish, 1, 250) * 2
        + at_once(native(0, subscribe, 1, 1), native(0, close)),
        "handshake": step(RAW, 0, 2, 0xEC, 0x4C) + step(ADVANCE, 0, 200) * 2 + step(RAW, 1, 4, 0x47, 0x45, 0x54, 0x20),
        "whole_memory": start + (native(0, publish, 1, 255) + native(0, publish, 2, 255)) * 60 + step(READ, 0, 255),
    }
    for name, program in programs.items():
        write("connection", name, bytes([0]) + program)
    write("connection", "close_in_many_turns", bytes([8]) + programs["close_with_much_due"])
    write("connection", "small_bounds", bytes([0x37]) + programs["slow_reader"])
    write("connection", "all_small", bytes([0x3F]) + programs["whole_memory"])


def main():
    shutil.rmtree(HERE / "corpus", ignore_errors=True)
    write_zaichik()
    write_examples()
    write_programs()


main()
