"""Results made up for the tests. Takes the folder of report.py from the command line and makes its parts importable."""

import pathlib
import sys

FOLDER = pathlib.Path(sys.argv.pop(1)).resolve()  # of report.py
sys.dont_write_bytecode = True
sys.path.insert(0, str(FOLDER))

from report.results import LABELS, Results

CLIENTS = ("library", "raw")


def run(workload, system, client="raw", number=1, dropped=False, failure="", runs_wanted=7, seconds=1.0, **figures):
    """`number` is that of its round."""
    return {"workload": workload, "system": system, "client": client, "run": number, "runs_wanted": runs_wanted,
            "seconds": seconds, "dropped": dropped, "other_busy_share": 0.0, "failure": failure, **figures}


def rates(workload, client="raw", key="deliveries_per_second", **by_system):
    """A run for each rate, the first one in round 1; redis_streams stands for redis-streams."""
    return [run(workload, system.replace("_", "-"), client, number, **{key: rate})
            for system, several in by_system.items()
            for number, rate in enumerate(several if isinstance(several, list) else [several], 1)]


def percentiles(time, count=10_000):
    """The same number of nanoseconds for each, of `count` messages."""
    return {"p50": time, "p99": time, "p999": time, "count": count}


def latencies(workload, client="raw", count=10_000, **by_system):
    """A run for each number of nanoseconds."""
    return [{**one, "latency_ns": percentiles(one.pop("time"), count)}
            for one in rates(workload, client, "time", **by_system)]


def document(runs):
    machine = {"processor": "Abacus 3", "cores": 2, "memory_bytes": 4 << 30, "kernel": "6.1", "system": "Debian",
               "tcp": "cubic", "revision": "v1-5-gabc"}
    settings = {"warm_up_seconds": 0.5, "window_bytes": 1 << 24, "busy_share_max": 0.05, "order_seed": 12345678}
    return {"machine": machine, "date": "2026-02-03", "settings": settings,
            "systems": [{"name": name, "version": f"v-{name}", "server": f"s-{name}", "durability": f"d-{name}"}
                        for name in LABELS], "runs": runs}


def results(*lists_of_runs):
    return Results(document([one for several in lists_of_runs for one in several]))
