"""Results made up for the tests. Takes the folder of report.py from the command line and makes its parts importable."""

import pathlib
import sys

FOLDER = pathlib.Path(sys.argv.pop(1)).resolve()  # of report.py
sys.dont_write_bytecode = True
sys.path.insert(0, str(FOLDER))

from report.results import LABELS, Results

CLIENTS = ("library", "raw")


def run(workload, system, client="raw", dropped=False, failure="", **figures):
    return {"workload": workload, "system": system, "client": client, "run": 1, "dropped": dropped,
            "other_busy_share": 0.0, "failure": failure, **figures}


def rates(workload, client="raw", **by_system):
    """A run for each rate; redis_streams stands for redis-streams."""
    return [run(workload, system.replace("_", "-"), client, deliveries_per_second=rate)
            for system, several in by_system.items() for rate in (several if isinstance(several, list) else [several])]


def latencies(workload, client="raw", **by_system):
    """A run for each number of nanoseconds, the same for each percentile."""
    return [run(workload, system.replace("_", "-"), client, latency_ns={"p50": time, "p99": time, "p999": time})
            for system, several in by_system.items() for time in (several if isinstance(several, list) else [several])]


def document(runs):
    machine = {"processor": "Abacus 3", "cores": 2, "memory_bytes": 4 << 30, "kernel": "6.1", "system": "Debian",
               "tcp": "cubic"}
    return {"machine": machine, "date": "2026-02-03", "settings": {"runs": 1, "seconds": 1.0},
            "systems": [{"name": name, "version": f"v-{name}", "server": f"s-{name}", "durability": f"d-{name}"}
                        for name in LABELS], "runs": runs}


def results(*lists_of_runs):
    return Results(document([one for several in lists_of_runs for one in several]))
