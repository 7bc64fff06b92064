"""Numbers and cells as people read them."""

import math


def human(value):
    """10.6 M, 131,245, 1,358, 12.3, 0.0523: three digits, and whole numbers from a hundred to a million."""
    if value == 0:
        return "0"
    if value >= 999_999.5:
        return f"{three_digits(value / 1e6)} M"
    return f"{value:,.0f}" if value >= 99.95 else three_digits(value)


def three_digits(value):
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.{max(0, 2 - math.floor(math.log10(rounded)))}f}"


def in_millions(value):
    """For figures side by side: 13.2 M, 0.133 M."""
    return f"{three_digits(value / 1e6)} M" if value else "0"


def human_range(figure, scale=1.0):
    """The median, and (smallest – largest) where there is more than one run."""
    median, low, high = (human(value * scale) for value in (figure.median, figure.low, figure.high))
    return f"{median} ({low} – {high})" if figure.runs > 1 else median


def human_time(nanoseconds):
    """1.36 ms, 12.3 µs, 850 ns: in the largest unit that there is one of."""
    for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if nanoseconds >= unit:
            return f"{three_digits(nanoseconds / unit)} {name}"
    return f"{nanoseconds:.0f} ns"


def human_time_range(figure):
    if figure.runs == 1:
        return human_time(figure.median)
    return f"{human_time(figure.median)} ({human_time(figure.low)} – {human_time(figure.high)})"


def human_bytes(value):
    """Binary units: for memory."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if value >= unit:
            return f"{three_digits(value / unit)} {name}"
    return f"{human(value)} B"


def plain(value):
    """A value of the settings."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (f"{value:,}" if isinstance(value, int) else f"{value:g}") if is_number else str(value)


def revision(machine):
    """Of the source that was measured, as git describes it."""
    return f"`{machine['revision']}`" if machine["revision"] else "unknown"


def count(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def cell(text):
    """Text that breaks no Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


def table(heads, rows, left=1):
    """Lines of a Markdown table; columns after the first `left` are aligned to the right."""
    rule = ["---" if column < left else "---:" for column in range(len(heads))]
    return ["| " + " | ".join(line) + " |" for line in ([cell(head) for head in heads], rule,
                                                          *([cell(entry) for entry in row] for row in rows))]


def machine_line(machine):
    """Processor, cores, memory, system, TCP's congestion control: what every picture and page says of the machine."""
    memory = machine.get("memory_bytes")
    parts = [machine.get("processor"), f"{plain(machine['cores'])} cores" if "cores" in machine else None,
             f"{human_bytes(memory)} memory" if isinstance(memory, (int, float)) else None, machine.get("system"),
             f"kernel {machine['kernel']}" if "kernel" in machine else None,
             f"TCP congestion control {machine['tcp']}" if machine.get("tcp") else None]
    return ", ".join(str(part) for part in parts if part)
