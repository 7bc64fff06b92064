"""The command line tool and servers for it, as the tests beside this file use them.

Nothing here depends on how fast the machine is: every wait is for something that has to come.
"""
import json
import os
import re
import signal
import subprocess
import sys
import unittest

LEVERET, SERVER, broker = "", "", None
PATIENCE_SECONDS = 60


class Broker:
    """A server on a free port of 127.0.0.1, for as long as the tests run."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [SERVER, "--host", "127.0.0.1", "--port", "0", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            listening = re.search(r"listening on \S*?:(\d+)", line)
            if listening:
                self.port = listening.group(1)
                return
        raise RuntimeError("the server did not say where it listens")

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE_SECONDS)
        self.process.stdout.close()


def environment():
    clean = {name: value for name, value in os.environ.items() if name not in ("HOST", "PORT")}
    return clean | {"PORT": broker.port}


def leveret(*arguments, lines="", env=None):
    """Runs the tool to its end; the answer has returncode, stdout and stderr."""
    return subprocess.run([LEVERET, *arguments], input=lines, capture_output=True, text=True,
                          timeout=PATIENCE_SECONDS, env=env or environment())


class Subscriber:
    """`leveret sub` in the background; there once the server counts its subscription."""

    def __init__(self, topic, *arguments):
        before = subscriptions()
        self.process = subprocess.Popen([LEVERET, "sub", topic, *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=environment())
        while subscriptions() == before:
            if self.process.poll() is not None:
                raise RuntimeError(self.process.stderr.read())

    def line(self):
        return self.process.stdout.readline()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self):
        stdout, stderr = self.process.communicate(timeout=PATIENCE_SECONDS)
        return subprocess.CompletedProcess([], self.process.returncode, stdout, stderr)


def subscriptions():
    return json_lines(leveret("stats", "--json"))[0]["subscriptions"]


def json_lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def describe(topic):
    return json_lines(leveret("topic", "describe", topic, "--json"))[0]


def main():
    """Runs the tests of the program that calls this: LEVERET LEVERET_SERVER, then unittest's own arguments."""
    global LEVERET, SERVER, broker
    LEVERET, SERVER = sys.argv.pop(1), sys.argv.pop(1)
    broker = Broker()
    try:
        unittest.main(verbosity=2)
    finally:
        broker.stop()
