"""Logarithmic scales, and the picture of bytes per second over the size of the payload."""

import math
import textwrap

from . import text
from .results import BARE, CLIENT_LABELS, CLIENTS, LEVERET, label
from .svg import MARGIN, WIDTH, Picture

SIZES = (("throughput-16", "16 B"), ("throughput-128", "128 B"), ("throughput-1024", "1 KiB"),
         ("throughput-16384", "16 KiB"))
MARKS = ("circle", "square", "diamond", "triangle", "flag")
PLOT_HEIGHT = 250
AXIS_WIDTH = 60
LABEL_WIDTH = 138
LABEL_HEIGHT = 15
SENTENCE_CHARACTERS = 58  # of small text, in one panel
KEY = "bytes_per_second"


class LogScale:
    """From the decade below the smallest value, at `first`, to the one above the largest, at `last`."""

    def __init__(self, values, first, last):
        self._low = math.floor(math.log10(max(min(values), 1)))
        self._high = max(math.ceil(math.log10(max(*values, 1))), self._low + 1)
        self._first, self._last = first, last

    def at(self, value):
        share = (math.log10(max(value, 1)) - self._low) / (self._high - self._low)
        return self._first + share * (self._last - self._first)

    def decades(self):
        return [10.0 ** power for power in range(self._low, self._high + 1)]


def sizes_picture(results, systems, footer):
    """A panel for each kind of client, side by side, on one scale."""
    panels = {client: [(system, cases_by_size(results, system, client)) for system in (*systems, BARE)]
              for client in CLIENTS}
    values = [value for series in panels.values() for _, cases in series
              for figure in (case.figure(KEY) for case in cases) if figure for value in (figure.low, figure.high)]
    picture = Picture("Throughput by payload size, 1 publisher → 1 subscriber",
                      "MB of payload per second, logarithmic scale: higher is better", described(panels), footer)
    bottom = picture.top + 28 + PLOT_HEIGHT
    scale = LogScale(values or [1e6, 1e9], bottom, bottom - PLOT_HEIGHT)
    width = (WIDTH - 2 * MARGIN) / len(panels)
    missing = []
    for number, (client, series) in enumerate(panels.items()):
        draw_panel(picture, CLIENT_LABELS[client], MARGIN + number * width, width, bottom, scale, series)
        missing.append([sentence for system, cases in series for sentence in missing_sizes(system, cases)])
    picture.top = bottom + 26
    for number, sentences in enumerate(missing):
        for row, sentence in enumerate(sentences):
            shown = textwrap.shorten(sentence, SENTENCE_CHARACTERS, placeholder=" …")
            picture.text(MARGIN + number * width, picture.top + 12 + row * LABEL_HEIGHT, shown, "small muted")
    picture.top += LABEL_HEIGHT * max(map(len, missing)) + 4
    return picture.document()


def cases_by_size(results, system, client):
    return [results.bare_case(workload, client) if system == BARE else results.case(workload, system, client)
            for workload, _ in SIZES]


def name_of(system):
    return "bare relay" if system == BARE else label(system)


def missing_sizes(system, cases):
    """A sentence for each size without a result; one for all, where they have the same reason."""
    reasons = {size: case.why_nothing() for (_, size), case in zip(SIZES, cases) if not case.figure(KEY)}
    if len(reasons) == len(SIZES) and len(set(reasons.values())) == 1:
        return [f"{name_of(system)}: {cases[0].why_nothing()}"]
    return [f"{name_of(system)}, {size}: {reason}" for size, reason in reasons.items()]


def described(panels):
    def values(cases):
        return ", ".join(f"{size} {text.human(figure.median / 1e6) if figure else 'no result'}"
                         for (_, size), figure in zip(SIZES, (case.figure(KEY) for case in cases)))
    return "; ".join(f"{CLIENT_LABELS[client]}, {name_of(system)}: {values(cases)}"
                     for client, series in panels.items() for system, cases in series) + "."


def draw_panel(picture, title, left, width, bottom, scale, series):
    first, last = left + AXIS_WIDTH, left + width - LABEL_WIDTH
    picture.text(left, picture.top + 12, title, "heading muted")
    for tick in scale.decades():
        picture.line([(first - 8, scale.at(tick)), (last, scale.at(tick))], "grid")
        picture.text(first - 14, scale.at(tick) + 4, f"{tick / 1e6:,g}", "small muted", "end")
    columns = [first + number * (last - first) / (len(SIZES) - 1) for number in range(len(SIZES))]
    for x, (_, size) in zip(columns, SIZES):
        picture.text(x, bottom + 18, size, "small muted", "middle")
    ends = []
    for number, (system, cases) in reversed(list(enumerate(series))):  # ours last, on top of the others
        figures = [case.figure(KEY) for case in cases]
        points = [(x, scale.at(figure.median)) if figure else None for x, figure in zip(columns, figures)]
        mark = MARKS[number % len(MARKS)]
        draw_series(picture, system, points, mark)
        for x, figure in zip(columns, figures):
            if figure and figure.runs > 1:
                picture.line([(x, scale.at(figure.low)), (x, scale.at(figure.high))], "range")
        last_point = next(filter(None, reversed(points)), None)
        if last_point:
            ends.append((last_point, figures[-1], system, mark))
    draw_labels(picture, ends, last, bottom)


def colour_of(system):
    return {LEVERET: "accent", BARE: "bare"}.get(system, "peer")


def draw_series(picture, system, points, mark):
    """A gap where a size has no result."""
    colour = colour_of(system)
    for start, end in zip(points, points[1:]):
        if start and end:
            picture.line([start, end], f"{colour}-line")
    if system != BARE:
        for point in filter(None, points):
            picture.mark(mark, *point, colour)


def draw_labels(picture, ends, right, bottom):
    """Beside the last point of each line, moved apart where they would overlap, with the mark of their line."""
    ends.sort(key=lambda end: end[0][1])
    places = spread([point[1] for point, *_ in ends], bottom)
    for (_, figure, system, mark), y in zip(ends, places):
        if system == BARE:
            picture.line([(right + 9, y), (right + 22, y)], "bare-line")
        else:
            picture.mark(mark, right + 16, y, colour_of(system))
        picture.text(right + 26, y + 4, f"{name_of(system)} {text.human(figure.median / 1e6) if figure else '–'}",
                     "small strong" if system == LEVERET else "small")


def spread(wanted, bottom):
    """Sorted places, at least LABEL_HEIGHT apart, near the wanted ones and not below the bottom."""
    places = []
    for y in wanted:
        places.append(max(y, places[-1] + LABEL_HEIGHT) if places else y)
    limit = bottom
    for index in reversed(range(len(places))):
        places[index] = min(places[index], limit)
        limit = places[index] - LABEL_HEIGHT
    return places
