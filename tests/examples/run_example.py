"""Runs an example against a real server and compares: run_example.py LEVERET_SERVER EXAMPLE README

The README's block after "prints" is what it has to print, with 8889 for the port and PID for the process's number.
"""
import difflib
import os
import re
import subprocess
import sys
import tempfile

PATIENCE_SECONDS = 60
RUNS = 2  # the second meets the topics that the first has left behind


def start_server(program, *options):
    """The process, and the port that it says it listens on."""
    clean = {name: value for name, value in os.environ.items()
             if name not in ("HOST", "PORT", "SPDLOG_LEVEL") and not name.startswith("LEVERET_")}
    server = subprocess.Popen([program, "--host", "127.0.0.1", "--port", "0", *options], stderr=subprocess.PIPE,
                              text=True, env=clean)
    for line in server.stderr:
        listening = re.search(r"listening on \S*:(\d+)", line)
        if listening:
            return server, listening.group(1)
    sys.exit(f"the server did not say where it listens; exit code {server.wait()}")


def expected_output(readme):
    with open(readme, encoding="utf-8") as file:
        block = re.search(r"\nprints\n\n```\n(.*?)```", file.read(), re.DOTALL)
    if block is None:
        sys.exit(f"{readme} has no block of what the example prints")
    return block.group(1)


def run(example, port):
    process = subprocess.Popen([example], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=os.environ | {"HOST": "127.0.0.1", "PORT": port})
    try:
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        errors += f"not done after {PATIENCE_SECONDS} s\n"
    output = output.replace(f":{port}", ":8889").replace(f"-{process.pid}\"", "-PID\"")
    return process.returncode, output, errors


def run_all(server_program, options, example, expected):
    server, port = start_server(server_program, *options)
    try:
        for number in range(1, RUNS + 1):
            code, output, errors = run(example, port)
            if code != 0 or output != expected:
                difference = difflib.unified_diff(expected.splitlines(), output.splitlines(), "README", "printed",
                                                  lineterm="")
                sys.exit("\n".join([f"server {options}, run {number}, exit code {code}", *difference, errors]))
    finally:
        server.terminate()
        server.communicate(timeout=PATIENCE_SECONDS)
    if server.returncode != 0:
        sys.exit(f"the server's exit code is {server.returncode}")


def main(server_program, example, readme):
    expected = expected_output(readme)
    run_all(server_program, [], example, expected)
    with tempfile.TemporaryDirectory() as folder:  # whoever has just read how to keep records runs the same examples
        run_all(server_program, ["--data-dir", folder, "--store", "file"], example, expected)


main(*sys.argv[1:])
