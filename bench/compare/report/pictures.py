"""The seven pictures. Each has a place for every system: one without a result says why."""

import textwrap

from . import text
from .lines import LogScale, sizes_picture
from .results import BARE, CLIENT_LABELS, CLIENTS, LABELS, LEVERET, LEVERET_STORED, PEERS, label
from .svg import MARGIN, WIDTH, Picture
from .workloads import is_asked

SYSTEMS = (LEVERET, *PEERS)
STORED_SYSTEMS = (*(name for name in LABELS if is_asked("acknowledged-sync", name)), BARE)
OURS = (LEVERET, *LEVERET_STORED)
NAME_WIDTH = 124
STORED_NAME_WIDTH = 160
ROW_HEIGHT = 22
BAR_HEIGHT = 14
VALUE_WIDTH = 84  # beside the longest bar
RANGES = "thin lines go from the smallest to the largest run."


def pictures(results):
    """File name and SVG text of each."""
    return {"throughput-128.svg": throughput_picture(results), "fanout-100.svg": fan_out_picture(results),
            "server-cpu.svg": server_cpu_picture(results), "latency-200k.svg": latency_picture(results),
            "throughput-sizes.svg": sizes_picture(results, SYSTEMS, footer(
                results, f"Marks are medians; {RANGES} The labels are those at 16 KiB.")),
            "acknowledged.svg": acknowledged_picture(results), "replay.svg": replay_picture(results)}


def throughput_picture(results):
    return bar_picture(results, "Throughput: 1 publisher → 1 subscriber, 128 B",
                       "Messages per second: higher is better", "deliveries_per_second", text.in_millions,
                       [(CLIENT_LABELS[client], "throughput-128", client) for client in CLIENTS])


def fan_out_picture(results):
    return bar_picture(results, "Fan-out: 1 publisher → 100 subscribers, 128 B",
                       "Deliveries per second, all subscribers together: higher is better", "deliveries_per_second",
                       text.in_millions,
                       [(CLIENT_LABELS[client], "fanout-100", client) for client in CLIENTS])


def server_cpu_picture(results):
    return bar_picture(results, "Server CPU, 128 B",
                       "CPU seconds of the server per million deliveries: lower is better",
                       "server_cpu_seconds_per_million", text.human,
                       [(f"{arrow}, {CLIENT_LABELS[client].lower()}", workload, client)
                        for workload, arrow in (("throughput-128", "1 → 1"), ("fanout-100", "1 → 100"))
                        for client in CLIENTS])


def acknowledged_picture(results):
    return stored_picture(results, "Stored records: acknowledged publishes, 128 B",
                          "Acknowledged records per second, 4,096 outstanding: higher is better",
                          "acknowledged_per_second",
                          [("Synced before the answer; JetStream: written to the system", "acknowledged-sync"),
                           ("Written to the system before the answer", "acknowledged-os")],
                          "Bare: the same bytes appended to a file, synced once at the end.")


def replay_picture(results):
    return stored_picture(results, "Stored records: one subscriber reads all, 128 B",
                          "Records per second, from a server that has just been started: higher is better",
                          "deliveries_per_second", [(CLIENT_LABELS["library"], "replay")],
                          "Redis keeps all records in memory. Bare: a relay of as many bytes.")


def stored_picture(results, title, subtitle, key, groups, of_bare):
    cases = [(heading, [results.bare_case(workload, "library") if system == BARE
                        else results.case(workload, system, "library") for system in STORED_SYSTEMS
                        if system == BARE or is_asked(workload, system)]) for heading, workload in groups]
    how = f"Bars are medians; {RANGES} {of_bare}"
    return draw_bars(results, title, subtitle, key, text.in_millions, cases, how, STORED_NAME_WIDTH)


def footer(results, how):
    return [text.machine_line(results.machine), f"{results.date}. {how}"]


def style_of(system):
    return "accent" if system in OURS else "peer"


def name_row(picture, system, y):
    picture.text(MARGIN, y, label(system), "strong" if system in OURS else "")


def reason(case):
    return textwrap.shorten(case.why_nothing(), 80, placeholder=" …")


def bar_picture(results, title, subtitle, key, written, groups):
    """One scale for all groups: (heading, workload, client). `written` makes a value text."""
    cases = [(heading, [results.case(workload, system, client) for system in SYSTEMS
                       if is_asked(workload, system)])
             for heading, workload, client in groups]
    return draw_bars(results, title, subtitle, key, written, cases,
                     f"Bars are medians; {RANGES}", NAME_WIDTH)


def draw_bars(results, title, subtitle, key, written, cases, how, name_width):
    described = "; ".join(f"{heading}: " + ", ".join(described_value(case, key, written) for case in group)
                          for heading, group in cases)
    picture = Picture(title, subtitle, f"{subtitle}. {described}.", footer(results, how))
    figures = [figure for _, group in cases for figure in (case.figure(key) for case in group) if figure]
    scale = (WIDTH - 2 * MARGIN - name_width - VALUE_WIDTH) / (max((figure.high for figure in figures), default=0) or 1)
    for heading, group in cases:
        picture.text(MARGIN, picture.top + 14, heading, "heading muted")
        picture.top += 22
        for case in group:
            draw_bar(picture, case, case.figure(key), scale, written, MARGIN + name_width)
        picture.top += 10
    return picture.document()


def described_value(case, key, written):
    figure = case.figure(key)
    return f"{label(case.system)} {written(figure.median) if figure else case.why_nothing()}"


def draw_bar(picture, case, figure, scale, written, left):
    middle = picture.top + ROW_HEIGHT / 2
    name_row(picture, case.system, middle + 4.5)
    if figure:
        end = max(figure.median, figure.high) * scale
        picture.bar(left, middle - BAR_HEIGHT / 2, max(figure.median * scale, 1.5), BAR_HEIGHT, style_of(case.system))
        if figure.runs > 1:
            picture.line([(left + figure.low * scale, middle), (left + figure.high * scale, middle)], "range")
        picture.text(left + max(end, 1.5) + 6, middle + 4.5, written(figure.median),
                     "strong" if case.system in OURS else "")
    else:
        picture.text(left + 6, middle + 4.5, reason(case), "muted")
    picture.top += ROW_HEIGHT


# Latency: places on a logarithmic scale have no honest length, so these are marks, not bars.
PERCENTILES = (("p50", "latency_ns.p50", "circle"), ("p99", "latency_ns.p99", "diamond"),
               ("p99.9", "latency_ns.p999", "square"))
COLUMN_WIDTH = 72
LATENCY_ROW_HEIGHT = 34
PERCENTILE_HEIGHT = 9  # each has its own height in a row, so that no range hides another


def latency_picture(results):
    workload = "open-loop-200k"
    asked = [system for system in SYSTEMS if is_asked(workload, system)]
    cases = {client: [results.case(workload, system, client) for system in asked] for client in CLIENTS}
    all_figures = [figures_of(case) for group in cases.values() for case in group]
    values = [value for figures in all_figures for figure in figures if figure for value in (figure.low, figure.high)]
    left, right = MARGIN + NAME_WIDTH, WIDTH - MARGIN - len(PERCENTILES) * COLUMN_WIDTH - 16
    scale = LogScale(values or [1e4, 1e6], left, right)
    picture = Picture("Latency at 200,000 messages a second", "From the time each message was due, logarithmic scale: "
                      "lower (further left) is better", described_latency(cases),
                      footer(results, f"Marks are medians; {RANGES}"))
    draw_percentile_heads(picture)
    for client, group in cases.items():
        picture.text(MARGIN, picture.top + 14, CLIENT_LABELS[client], "heading muted")
        picture.top += 22
        for tick in scale.decades():
            x = scale.at(tick)
            picture.line([(x, picture.top), (x, picture.top + LATENCY_ROW_HEIGHT * len(group))], "grid")
        for case in group:
            draw_latency(picture, case, scale)
        picture.top += 8
    for tick in scale.decades():
        picture.text(scale.at(tick), picture.top + 10, tick_text(tick), "small muted", "middle")
    picture.top += 20
    return picture.document()


def tick_text(nanoseconds):
    for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if nanoseconds >= unit:
            return f"{nanoseconds / unit:g} {name}"
    return f"{nanoseconds:g} ns"


def figures_of(case):
    return [case.figure(key) for _, key, _ in PERCENTILES]


def described_latency(cases):
    def described(case):
        values = [f"{name} {text.human_time(figure.median)}"
                  for (name, _, _), figure in zip(PERCENTILES, figures_of(case)) if figure]
        return f"{label(case.system)} {', '.join(values) or case.why_nothing()}"
    groups = (f"{CLIENT_LABELS[client]}: {'; '.join(map(described, group))}" for client, group in cases.items())
    return f"{'; '.join(groups)}."


def column_end(column):
    return WIDTH - MARGIN - (len(PERCENTILES) - 1 - column) * COLUMN_WIDTH


def draw_percentile_heads(picture):
    """The heads of the columns of values, each with its mark: they are the key to the marks, too."""
    for column, (name, _, shape) in enumerate(PERCENTILES):
        picture.text(column_end(column), picture.top + 14, name, "muted", "end")
        picture.mark(shape, column_end(column) - 50, picture.top + 10, "muted")


def draw_latency(picture, case, scale):
    middle, figures = picture.top + LATENCY_ROW_HEIGHT / 2, figures_of(case)
    name_row(picture, case.system, middle + 4.5)
    is_known = any(figures)
    if not is_known:
        picture.text(MARGIN + NAME_WIDTH + 6, middle + 4.5, reason(case), "muted")
    for column, ((_, _, shape), figure) in enumerate(zip(PERCENTILES, figures)):
        y = middle + (column - 1) * PERCENTILE_HEIGHT
        if figure and figure.runs > 1:
            picture.line([(scale.at(figure.low), y), (scale.at(figure.high), y)], "range")
        if figure:
            picture.mark(shape, scale.at(figure.median), y, style_of(case.system))
        if is_known:
            picture.text(column_end(column), middle + 4.5, text.human_time(figure.median) if figure else "–",
                         "strong" if case.system in OURS else "", "end")
    picture.top += LATENCY_ROW_HEIGHT
