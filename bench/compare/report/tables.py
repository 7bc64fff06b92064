"""results.md: every workload, every system, every kind of client."""

from . import text
from .results import BARE, CLIENT_LABELS, CLIENTS, LABELS, label
from .workloads import is_asked, known_and_others

MIB = 1 << 20


def ranged(scale=1.0):
    return lambda figure: text.human_range(figure, scale)


def median(scale=1.0):
    return lambda figure: text.human(figure.median * scale)


# Key, head, how it is written. A table has the columns that somebody in it measured.
COLUMNS = (
    ("deliveries_per_second", "Deliveries/s, median (min – max)", ranged()),
    ("acknowledged_per_second", "Acknowledged/s, median (min – max)", ranged()),
    ("publish_calls_per_second", "Publish calls/s", median()),
    ("bytes_per_second", "MB/s", median(1e-6)),
    ("latency_ns.p50", "p50, µs (min – max)", ranged(1e-3)),
    ("latency_ns.p99", "p99, µs (min – max)", ranged(1e-3)),
    ("latency_ns.p999", "p99.9, µs (min – max)", ranged(1e-3)),
    ("server_cpu_seconds_per_million", "Server CPU, s per million", median()),
    ("server_memory_peak_bytes", "Peak memory, MiB", median(1 / MIB)),
    ("memory_per_connection_bytes", "Memory per connection, B", ranged()),
    ("memory_per_key_bytes", "Memory per key, without the key, B", ranged()),
    ("ready_after_stop_seconds", "Ready after a clean stop, s (min – max)", ranged()),
    ("ready_after_kill_seconds", "Ready after kill -9, s (min – max)", ranged()),
    ("memory_per_topic_bytes", "Memory per topic, KiB", ranged(1 / 1024)),
    ("memory_per_restarted_topic_bytes", "Memory per topic after a restart, KiB", ranged(1 / 1024)),
)


def results_page(results):
    """The whole of results.md."""
    lines = ["# The comparison: all results", "", *conditions(results)]
    for workload in known_and_others(results.workloads()):
        lines += workload_section(results, workload)
    return "\n".join(lines) + "\n"


def conditions(results):
    settings = ", ".join(f"{key.replace('_', ' ')} {text.plain(value)}" for key, value in results.settings.items())
    systems = [(label(system["name"]), system["version"], system["server"], system["durability"])
               for system in results.systems]
    return [f"- Machine: {text.machine_line(results.machine)}", f"- Date: {results.date}", f"- Settings: {settings}",
            "- To measure again: `./bench/compare.sh`", "",
            "Medians over the runs used. A run is *dropped*, and made again, where something else kept the machine "
            "busy; it *failed* where a message was lost or a server gave up. MB/s are payload bytes delivered or "
            "acknowledged, in millions; processor time is for a million deliveries or acknowledgements. Each line "
            "below is in the durability mode that this table gives for its system. *Bare* is the "
            "machine's own limit: the same sockets or files, and no broker.", "",
            *text.table(("System", "Version", "Server settings", "Durability"), systems, left=4), ""]


def workload_section(results, workload):
    """Nothing where nobody was to run it and nobody did."""
    parts = []
    for heading, cases in groups_of_cases(results, workload):
        if cases:
            parts += [f"### {heading}", "", *case_table(cases), *failures(cases), ""]
    if not parts:
        return []
    picture = [f"![{workload.title}]({workload.picture})", ""] if workload.picture else []
    note = [workload.note, ""] if workload.note else []
    return [f"## {workload.title} (`{workload.name}`)", "", *picture, *note, *parts]


def groups_of_cases(results, workload):
    """A heading and the cases below it, for each kind of client."""
    if workload.stored:
        bare = results.bare_case(workload.name, "library")
        systems = [system for system in systems_to_list(results, workload, "library") if system != BARE]
        cases = [results.case(workload.name, system, "library") for system in systems]
        return [(CLIENT_LABELS["library"], cases + [bare] * (bare.runs > 0))]
    return [(CLIENT_LABELS[client], [results.case(workload.name, system, client)
                                     for system in systems_to_list(results, workload, client)]) for client in CLIENTS]


def systems_to_list(results, workload, client):
    present = results.systems_of(workload.name, client)
    asked = [one for one in LABELS if is_asked(workload.name, one)] if workload.for_all else []
    listed = {system["name"] for system in results.systems}
    missing = [system for system in asked if system in listed and system not in present]
    order = list(LABELS)
    return sorted(present + missing, key=lambda system: order.index(system) if system in order else len(order))


def case_table(cases):
    columns = [column for column in COLUMNS if any(case.figure(column[0]) for case in cases)]
    measured = [head for _, head, _ in columns] or ["Result"]
    heads = ["System", *measured, "Runs used", "Dropped", "Failed"]
    return text.table(heads, [case_row(case, columns) for case in cases])


def case_row(case, columns):
    figures = [(case.figure(key), written) for key, _, written in columns]
    if any(figure for figure, _ in figures):
        cells = [written(figure) if figure else "–" for figure, written in figures]
    else:
        cells = [case.why_nothing()] + [""] * (len(columns) - 1)
    return [label(case.system), *cells, str(len(case.used)), str(case.dropped), str(len(case.failed))]


def failures(cases):
    """What went wrong, in words: one line for each different sentence of a system."""
    lines = []
    for case in cases:
        sentences = [run["failure"] for run in case.failed]
        for sentence in dict.fromkeys(sentences):
            runs = text.count(sentences.count(sentence), "run")
            lines.append(f"- {label(case.system)}, {runs} failed: {text.cell(sentence)}")
    return ["", *lines] if lines else []
