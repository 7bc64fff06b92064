"""results.md: every workload, every system, every kind of client."""

from . import text
from .results import BARE, CLIENT_LABELS, CLIENTS, LABELS, SAMPLES_MIN, label
from .workloads import is_asked, known_and_others, why_not_asked

MIB = 1 << 20


def ranged(scale=1.0):
    return lambda figure: text.human_range(figure, scale)


def median(scale=1.0):
    return lambda figure: text.human(figure.median * scale)


# Key, head, how it is written. A table has the columns that somebody in it measured.
COLUMNS = (
    ("deliveries_per_second", "Deliveries/s, median (min – max)", ranged()),
    ("acknowledged_per_second", "Acknowledged/s, median (min – max)", ranged()),
    ("bytes_per_second", "MB/s", median(1e-6)),
    ("latency_ns.p50", "p50 (min – max)", text.human_time_range),
    ("latency_ns.p99", "p99 (min – max)", text.human_time_range),
    ("latency_ns.p999", "p99.9 (min – max)", text.human_time_range),
    ("server_cpu_seconds_per_million", "Server CPU, s per million", median()),
    ("server_memory_peak_bytes", "Peak memory, MiB", median(1 / MIB)),
    ("memory_per_connection_bytes", "Memory per connection, B", ranged()),
    ("window_keys", "Keys held (min – max)", ranged()),
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
    settings = ", ".join(setting(key, value) for key, value in results.settings.items())
    systems = [(label(system["name"]), system["version"], system["server"], system["durability"])
               for system in results.systems]
    return [f"- Machine: {text.machine_line(results.machine)}", f"- Date: {results.date}",
            f"- Revision measured: {text.revision(results.machine)}",
            f"- Settings of all workloads: {settings}", "- To measure again: `./bench/compare.sh`", "",
            "Medians over the runs used; above each table stands how many runs were wanted of each system, and how "
            "long one is measured. A run is *dropped*, and made again, where something else kept the machine "
            "busy; it *failed* where a message was lost or a server gave up. MB/s are payload bytes delivered or "
            "acknowledged, in millions; processor time is for a million deliveries or acknowledgements. A p99 is "
            f"printed where every run used has {text.plain(SAMPLES_MIN['latency_ns.p99'])} latencies or more, a p99.9 "
            f"from {text.plain(SAMPLES_MIN['latency_ns.p999'])} on, and \"–\" otherwise. Each line "
            "below is in the durability mode that this table gives for its system. *Bare* is no broker, and no limit "
            "of the machine either: it is a plain relay, 256 KiB reads and blocking writes, which a broker may "
            "beat; where records are written to files, a plain program that appends to one.", "",
            *text.table(("System", "Version", "Server settings", "Durability"), systems, left=4), ""]


def setting(key, value):
    """A seed is a name, not a quantity: its digits are not grouped."""
    return f"{key.replace('_', ' ')} {value if key.endswith('_seed') else text.plain(value)}"


def workload_section(results, workload):
    """Nothing where nobody was to run it and nobody did."""
    parts = []
    for heading, cases in groups_of_cases(results, workload):
        if cases:
            parts += [f"### {heading}", "", *runs_line(workload, cases), *case_table(workload, cases), *failures(cases),
                      ""]
    if not parts:
        return []
    picture = [f"![{workload.title}]({workload.picture})", ""] if workload.picture else []
    note = [workload.note, ""] if workload.note else []
    return [f"## {workload.title} (`{workload.name}`)", "", *picture, *note, *parts]


def runs_line(workload, cases):
    """How many runs of how many seconds; whose plan was another than the first one's is named."""
    plans = {}
    for case in cases:
        if case.runs:
            plans.setdefault((case.runs_wanted, case.seconds), []).append(label(case.system))
    sentences = [(plan_text(workload, *plan), names) for plan, names in plans.items()]
    if not sentences:
        return []
    (first, _), *others = sentences
    return ["; ".join([first, *(f"{', '.join(names)}: {sentence}" for sentence, names in others)]) + ".", ""]


def plan_text(workload, runs, seconds):
    lasts = f", each {workload.lasts}" if workload.lasts else " of {seconds}"
    return text.count(runs, "run") + lasts.format(seconds=f"{seconds:g} s")


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
    """Who has runs, who should have, and who was left out on purpose."""
    present = results.systems_of(workload.name, client)
    listed = {system["name"] for system in results.systems}
    missing = []
    if workload.for_all and client in workload.clients:
        missing = [one for one in LABELS if (is_asked(workload.name, one) or why_not_asked(workload.name, one))
                   and one in listed and one not in present]
    order = list(LABELS)
    return sorted(present + missing, key=lambda system: order.index(system) if system in order else len(order))


def case_table(workload, cases):
    columns = [column for column in COLUMNS if any(case.measured(column[0]) for case in cases)]
    measured = [head for _, head, _ in columns] or ["Result"]
    heads = ["System", *measured, "Runs used", "Dropped", "Failed"]
    return text.table(heads, [case_row(workload, case, columns) for case in cases])


def case_row(workload, case, columns):
    figures = [(case.figure(key), written) for key, _, written in columns]
    if any(figure for figure, _ in figures):
        cells = [written(figure) if figure else "–" for figure, written in figures]
    else:
        cells = [why_no_row(workload, case)] + [""] * (len(columns) - 1)
    return [label(case.system), *cells, str(len(case.used)), str(len(case.dropped)), str(len(case.failed))]


def why_no_row(workload, case):
    on_purpose = why_not_asked(workload.name, case.system)
    return f"not run: {on_purpose}" if on_purpose and not case.runs else case.why_nothing()


def failures(cases):
    """What went wrong, in words: one line for each different sentence of a system."""
    lines = []
    for case in cases:
        sentences = [run["failure"] for run in case.failed]
        for sentence in dict.fromkeys(sentences):
            runs = text.count(sentences.count(sentence), "run")
            lines.append(f"- {label(case.system)}, {runs} failed: {text.cell(sentence)}")
    return ["", *lines] if lines else []
