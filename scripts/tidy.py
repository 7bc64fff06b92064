#!/usr/bin/env python3
"""clang-tidy over src/ and client/, by the compile commands of build/clang. Prints what it found; exit code 1 if anything.

It takes longer than to compile, so ccache keeps for which files nothing was found, until one changes, a header of it
does, or .clang-tidy. For that, this script plays the compiler: ccache calls it with a compile command's arguments, and
gets an object that holds no more than a word."""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
NOT_A_FINDING = re.compile(r"^\d+ warnings? (generated|treated as).*\n", re.MULTILINE)


def as_compiler(arguments):
    if "-E" in arguments:  # what does the file consist of?
        os.execvp("clang++", ["clang++", *arguments])
    object_file = arguments[arguments.index("-o") + 1]
    status = subprocess.run(["clang-tidy", "--quiet", arguments[-1], "--", *arguments]).returncode
    if status == 0:
        pathlib.Path(object_file).write_text("clean")
    return status


def check(entry):
    """What clang-tidy says of one file, and whether it is content."""
    arguments = shlex.split(entry["command"])[1:]
    object_file = TOP / "build/tidy" / (os.path.relpath(entry["file"], TOP) + ".o")
    object_file.parent.mkdir(parents=True, exist_ok=True)
    arguments[arguments.index("-o") + 1] = str(object_file)
    kept_by = {
        "CCACHE_COMPILERTYPE": "clang",
        "CCACHE_COMPILERCHECK": "clang-tidy --version",
        "CCACHE_EXTRAFILES": f"{TOP}/.clang-tidy:{__file__}",
        "CCACHE_KEEP_COMMENTS_CPP": "true",  # NOLINT and names of arguments are comments
        "CCACHE_BASEDIR": str(TOP),
        "CCACHE_NOHASHDIR": "true",
    }
    done = subprocess.run(["ccache", __file__, *arguments], cwd=entry["directory"], env=os.environ | kept_by,
                          capture_output=True, text=True)
    return NOT_A_FINDING.sub("", done.stdout + done.stderr), done.returncode == 0


def check_all():
    commands = json.loads((TOP / "build/clang/compile_commands.json").read_text())
    ours = [entry for entry in commands if os.path.relpath(entry["file"], TOP).startswith(("src/", "client/"))]
    assert ours, "build/clang compiles nothing below src/ and client/"
    clean = True
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        for said, is_clean in workers.map(check, ours):
            print(said, end="")
            clean = clean and is_clean
    return 0 if clean else 1


sys.exit(as_compiler(sys.argv[1:]) if len(sys.argv) > 1 else check_all())
