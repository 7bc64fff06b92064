"""Reads results.json, and answers what a system did in a workload: the median and the range over its usable runs.

A run is used unless it was dropped (the machine was busy with something else) or failed. Both are counted and shown.
The runs with one number of all that are compared with each other were made one right after the other: a round.
"""

import json
import math
import statistics
from dataclasses import dataclass, field

CLIENTS = ("library", "raw")
LEVERET = "leveret"
NO_POLLING = "leveret-no-polling"  # the same server, which sleeps as soon as there is nothing to do
BARE = "bare"
PEERS = ("nats", "redis", "redis-streams", "mosquitto")
# Where records are stored, and the same peers with the settings that are best for each.
LEVERET_FILE = "leveret-file"
LEVERET_STORED = (LEVERET_FILE, "leveret-rocksdb")
STORED_PEERS = ("nats-jetstream", "redis-aof")
TUNED_PEERS = {"nats-jetstream": "nats-jetstream-best", "redis-aof": "redis-aof-best"}
LABELS = {LEVERET: "Leveret", NO_POLLING: "Leveret, no polling", "nats": "NATS", "redis": "Redis Pub/Sub",
          "redis-streams": "Redis Streams", "mosquitto": "Mosquitto", LEVERET_FILE: "Leveret, files",
          "leveret-rocksdb": "Leveret, RocksDB", "nats-jetstream": "NATS JetStream",
          "nats-jetstream-best": "NATS JetStream, tuned", "redis-aof": "Redis AOF",
          "redis-aof-best": "Redis AOF, tuned", BARE: "bare (no broker)"}
CLIENT_LABELS = {"library": "Client libraries", "raw": "Raw clients (no library)"}

FIGURES = ("deliveries_per_second", "bytes_per_second", "server_cpu_seconds_per_million", "server_memory_peak_bytes",
           "memory_per_connection_bytes", "memory_per_key_bytes", "window_keys", "acknowledged_per_second",
           "ready_after_stop_seconds", "ready_after_kill_seconds", "memory_per_topic_bytes",
           "memory_per_restarted_topic_bytes")
# Latencies that a run has to have counted before its percentile says anything: ten lie beyond it.
SAMPLES_MIN = {"latency_ns.p99": 1_000, "latency_ns.p999": 10_000}


class InvalidResults(Exception):
    """The file is not what compare writes. The text says where."""


def label(system):
    return LABELS.get(system, system)


@dataclass(frozen=True)
class Figure:
    """One measured quantity over the runs of a case, in the unit of its key."""
    median: float
    low: float
    high: float
    rounds: dict  # number of a round -> what the run in it measured

    @property
    def runs(self):
        return len(self.rounds)


@dataclass
class Case:
    """The runs of one system in one workload by one kind of client."""
    system: str
    used: list = field(default_factory=list)
    dropped: list = field(default_factory=list)
    failed: list = field(default_factory=list)  # runs, in order; each has a text in "failure"

    @property
    def runs(self):
        return len(self.all_runs())

    @property
    def runs_wanted(self):
        """Usable runs that were planned; 0 where there is no run at all."""
        return max((run["runs_wanted"] for run in self.all_runs()), default=0)

    @property
    def seconds(self):
        """Measured in each run, as planned; None where there is no run at all."""
        return max((run["seconds"] for run in self.all_runs()), default=None)

    def all_runs(self):
        return [*self.used, *self.dropped, *self.failed]

    def measured(self, key):
        """Whether a usable run did, with however few samples."""
        return any(look_up(run, key) is not None for run in self.used)

    def has_too_few_samples(self, key):
        """Whether `key` is a percentile, and a run that measured it counted too few for it."""
        least = SAMPLES_MIN.get(key, 0)
        return least > 0 and any(run["latency_ns"]["count"] < least for run in self.used
                                 if look_up(run, key) is not None)

    def figure(self, key):
        """Of `key`, "latency_ns.p99" for one inside another; None where no usable run measured it, or one of them
        with too few samples."""
        values = {run["run"]: look_up(run, key) for run in self.used if look_up(run, key) is not None}
        if not values or self.has_too_few_samples(key):
            return None
        return Figure(statistics.median(values.values()), min(values.values()), max(values.values()), values)

    def why_nothing(self, key=""):
        """A sentence for a case without a usable figure, or without one of `key`."""
        if self.measured(key) and self.has_too_few_samples(key):
            return "has too few samples"
        if self.failed:
            return f"failed: {self.failed[0]['failure']}"
        if self.dropped:
            return f"no usable run: all {len(self.dropped)} were dropped"
        return "not measured" if self.used else "not run"


def look_up(run, key):
    outer, _, inner = key.partition(".")
    value = run.get(outer)
    return value.get(inner) if inner and value is not None else value


class Results:
    """A checked results.json."""

    def __init__(self, document):
        check(document)
        self.machine = document["machine"]
        self.date = document["date"]
        self.settings = document["settings"]
        self.systems = document["systems"]
        self._cases = {}
        for run in document["runs"]:
            case = self._cases.setdefault((run["workload"], run["system"], run["client"]), Case(run["system"]))
            if run["failure"]:  # first: a lost message stays one on a busy machine
                case.failed.append(run)
            elif run["dropped"]:
                case.dropped.append(run)
            else:
                expect(all(run["run"] != other["run"] for other in case.used), f"{run['workload']}, {run['system']}",
                       f"two usable runs are number {run['run']}")
                case.used.append(run)

    def case(self, workload, system, client):
        """Empty where there was no such run."""
        return self._cases.get((workload, system, client), Case(system))

    def bare_case(self, workload, client):
        """A plain program, no broker; it has no library, so either kind of client is compared with it."""
        same_client = self.case(workload, BARE, client)
        others = (self.case(workload, BARE, other) for other in CLIENTS)
        return same_client if same_client.runs else next((case for case in others if case.runs), same_client)

    def workloads(self):
        """Names, in the order of their first run."""
        return list(dict.fromkeys(workload for workload, _, _ in self._cases))

    def systems_of(self, workload, client):
        """With a run there; the known ones first, in the order of LABELS."""
        present = {system for name, system, kind in self._cases if (name, kind) == (workload, client)}
        return [*(name for name in LABELS if name in present), *sorted(present - set(LABELS))]

    def clients_of(self, workload, system):
        return [client for client in CLIENTS if (workload, system, client) in self._cases]

    def ever_worked(self, system, client):
        """Whether any run was usable, in any workload."""
        return any(case.used for (_, name, kind), case in self._cases.items() if (name, kind) == (system, client))


def load(paths):
    """Of one file, or of several that have different workloads, as after a comparison that was interrupted. Throws
    InvalidResults, with the path in its text, also where a file cannot be read."""
    documents = [read(path) for path in paths]
    workloads = {}
    for path, document in zip(paths, documents):
        for key in ("machine", "settings", "systems"):
            if comparable(document, key) != comparable(documents[0], key):
                raise InvalidResults(f"{path}: {key} are others than in {paths[0]}")
        for run in document["runs"]:
            if workloads.setdefault(run["workload"], path) != path:
                raise InvalidResults(f"{path}: has {run['workload']}, which {workloads[run['workload']]} has")
    whole = {**documents[0], "runs": [run for document in documents for run in document["runs"]]}
    whole["date"] = each_of(document["date"] for document in documents)
    whole["machine"] = {**whole["machine"],
                        "revision": each_of(document["machine"]["revision"] for document in documents)}
    whole["settings"] = {**whole["settings"],
                         "order_seed": each_of(document["settings"].get("order_seed") for document in documents)}
    return Results(whole)


def comparable(document, key):
    """What has to be the same in all files."""
    value = document[key]
    return {**value, "revision": None, "order_seed": None} if isinstance(value, dict) else value


def each_of(values):
    """The value, where there is only one; else all of them, as text."""
    distinct = list(dict.fromkeys(values))
    return distinct[0] if len(distinct) == 1 else " and ".join(str(value) for value in distinct)


def read(path):
    """A checked document."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file, parse_constant=refuse_constant)
        check(document)
        return document
    except OSError as error:
        raise InvalidResults(f"{path}: {error.strerror}") from error
    except ValueError as error:  # JSON and UTF-8
        raise InvalidResults(f"{path}: not JSON: {error}") from error
    except InvalidResults as error:
        raise InvalidResults(f"{path}: {error}") from error


def refuse_constant(name):
    raise ValueError(f"{name} is not a number that can be measured")


def expect(condition, where, what):
    if not condition:
        raise InvalidResults(f"{where}: {what}")


def check(document):
    expect(isinstance(document, dict), "the whole", "expected an object")
    for key, kind in (("machine", dict), ("date", str), ("settings", dict), ("systems", list), ("runs", list)):
        expect(isinstance(document.get(key), kind), key, f"missing, or not {kind.__name__}")
    expect(isinstance(document["machine"].get("revision"), str), "machine.revision", "missing, or not text")
    for number, system in enumerate(document["systems"]):
        expect(isinstance(system, dict), f"systems[{number}]", "expected an object")
        for key in ("name", "version", "server", "durability"):
            expect(isinstance(system.get(key), str), f"systems[{number}].{key}", "missing, or not text")
    for number, run in enumerate(document["runs"]):
        check_run(run, f"runs[{number}]")


def check_run(run, where):
    expect(isinstance(run, dict), where, "expected an object")
    for key, kind in (("workload", str), ("system", str), ("client", str), ("dropped", bool), ("failure", str)):
        expect(isinstance(run.get(key), kind), f"{where}.{key}", f"missing, or not {kind.__name__}")
    expect(run["client"] in CLIENTS, f"{where}.client", f"expected one of {', '.join(CLIENTS)}")
    for key in ("run", "runs_wanted"):
        expect(type(run.get(key)) is int and run[key] > 0, f"{where}.{key}", "missing, or not a number from 1")
    check_number(run.get("seconds"), f"{where}.seconds")
    for key in FIGURES:
        if key in run:
            check_number(run[key], f"{where}.{key}")
    if "latency_ns" in run:
        expect(isinstance(run["latency_ns"], dict), f"{where}.latency_ns", "expected an object")
        expect("count" in run["latency_ns"], f"{where}.latency_ns.count", "missing")
        for key, value in run["latency_ns"].items():
            check_number(value, f"{where}.latency_ns.{key}")


def check_number(value, where):
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    expect(is_number and math.isfinite(value) and value >= 0, where, f"expected a number from 0, found {value!r}")
