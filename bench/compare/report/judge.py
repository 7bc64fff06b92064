"""Says of one goal whether it is reached. Two quantities are compared, or one with a limit; all of them medians.

What is not known is never "reached": a peer that was not run might have been the best one. A peer whose every run
failed in this workload is left out, with a note, if the same client of it worked in another; if it never worked, its
set-up is broken, and nothing can be said. "Not reached" needs no more than one peer that did better.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction

from . import text
from .results import LEVERET, Figure, label
from .workloads import is_asked

REACHED, AIM_REACHED, NOT_REACHED = "reached", "reached, aim too", "**not reached**"
OVERLAP, NOT_MEASURED = "lower, ranges overlap", "not measured"


@dataclass(frozen=True)
class Bound:
    """What is asked of a ratio (or, where the limit is absolute, of the quantity itself), and the aim beyond it."""
    at_least: bool
    asked: object  # a number, or a Fraction where people say "a third"
    aim: object = None
    percent: bool = False

    def holds(self, ratio, limit):
        return ratio >= limit if self.at_least else ratio <= limit

    def limit_text(self, limit, unit=" ×"):
        return f"{'≥' if self.at_least else '≤'} {self.value_text(limit, unit)}" if limit is not None else "–"

    def value_text(self, limit, unit):
        if isinstance(limit, Fraction):
            return str(limit)
        return f"{round(limit * 100)} %" if self.percent else f"{limit:,.0f}{unit}" if limit >= 1000 else f"{limit:g}{unit}"

    def ratio_text(self, ratio, unit=" ×"):
        """Rounded to the side that is worse for us, so that no ratio looks as if it reached what it did not."""
        side = math.floor if self.at_least else math.ceil
        if ratio >= 1000 and not self.percent:
            return f"{side(ratio):,}{unit}"
        scaled, digits = (ratio * 100, 10) if self.percent else (ratio, 100)
        worse = side(round(scaled * digits, 6)) / digits
        return f"{worse:,.1f} %" if self.percent else f"{worse:,.2f}{unit}"


@dataclass
class Operand:
    """One side of a goal."""
    name: str
    figure: Figure = None
    unknown: list = field(default_factory=list)  # sentences: what would be needed and is not there
    notes: list = field(default_factory=list)
    left_out: bool = False  # a peer is not among those compared, because it failed

    def shown(self, written):
        return f"{self.name}: {written(self.figure)}" if self.figure else "–"


@dataclass(frozen=True)
class Judgement:
    """A row of the goals table, as text."""
    goal: str
    client: str
    asked: str
    aim: str
    measured: str
    compared_with: str
    ratio: str
    verdict: str
    notes: str
    peer_left_out: bool = False


def operand(results, case, key, name=""):
    """A side of a goal that is one case."""
    found = Operand(name or label(case.system), case.figure(key))
    if not found.figure:
        found.unknown.append(f"{found.name} {case.why_nothing()}")
    else:
        found.notes += reservations(results, case, found.name)
    return found


def reservations(results, case, name):
    """What a reader of the median wants to know of its runs."""
    notes = []
    if case.failed:
        notes.append(f"{len(case.failed)} of {text.count(case.runs, 'run')} of {name} failed")
    wanted = results.settings.get("runs")
    if isinstance(wanted, int) and len(case.used) < wanted:
        notes.append(f"{name}: {len(case.used)} of {text.count(wanted, 'run')} usable")
    return notes


def best_peer(results, workload, client, key, peers, lowest=False):
    """The peer with the best median, and what is not known of the others."""
    known, best = peer_operands(results, workload, client, key, peers)
    for one in known:
        better = not best.figure or (one.figure.median < best.figure.median if lowest
                                     else one.figure.median > best.figure.median)
        if better:
            best.name, best.figure = one.name, one.figure
    best.notes += [note for one in known if one.name == best.name for note in one.notes]
    return best


def peer_operands(results, workload, client, key, peers):
    """Those that measured it; and an Operand without a figure that says what there is to say of the rest."""
    known, rest = [], Operand("best peer")
    for peer in peers:
        if not is_asked(workload, peer):
            continue
        case = results.case(workload, peer, client)
        if case.figure(key):
            known.append(operand(results, case, key))
        elif case.failed and not case.used and results.ever_worked(peer, client):
            rest.left_out = True
            rest.notes.append(f"without {label(peer)}, which failed")
        else:
            rest.unknown.append(f"{label(peer)} {case.why_nothing()}")
    if not known and not rest.unknown:
        rest.unknown.append("every peer failed")
    return known, rest


def judge_ratio(goal, client, ours, theirs, bound, written=text.human_range):
    """`ours` divided by `theirs`, against the bound."""
    ratio, verdict = None, NOT_MEASURED
    if ours.figure and theirs.figure and theirs.figure.median > 0:
        ratio = ours.figure.median / theirs.figure.median
        verdict = verdict_of(bound, ratio, not ours.unknown and not theirs.unknown)
    return Judgement(goal, client, bound.limit_text(bound.asked), bound.limit_text(bound.aim), ours.shown(written),
                     theirs.shown(written), bound.ratio_text(ratio) if ratio is not None else "–", verdict,
                     all_notes(ours, theirs), theirs.left_out)


def judge_limit(goal, client, ours, bound, unit, scale=1.0):
    """`ours`, times `scale`, against an absolute limit in `unit`."""
    value = ours.figure.median * scale if ours.figure else None
    verdict = verdict_of(bound, value, not ours.unknown) if ours.figure else NOT_MEASURED
    return Judgement(goal, client, bound.limit_text(bound.asked, unit), bound.limit_text(bound.aim, unit),
                     ours.shown(lambda figure: text.human_range(figure, scale) + unit), "–",
                     bound.ratio_text(value, unit) if ours.figure else "–", verdict, all_notes(ours))


def verdict_of(bound, value, all_known):
    if not bound.holds(value, bound.asked):
        return NOT_REACHED
    if not all_known:
        return NOT_MEASURED
    return AIM_REACHED if bound.aim is not None and bound.holds(value, bound.aim) else REACHED


def judge_below_all(goal, client, results, workload, key, peers):
    """Our median below every peer's, and our slowest run below their fastest: a tail moves from run to run."""
    ours = operand(results, results.case(workload, LEVERET, client), key)
    known, _ = peer_operands(results, workload, client, key, peers)
    best = best_peer(results, workload, client, key, peers, lowest=True)
    overlapping = [one.name for one in known if ours.figure and one.figure.low <= ours.figure.high]
    verdict, ratio = NOT_MEASURED, "–"
    if ours.figure and best.figure:
        lower = ours.figure.median < best.figure.median
        if best.figure.median > 0:
            ratio = Bound(False, 1).ratio_text(ours.figure.median / best.figure.median)
        if not lower:
            verdict = NOT_REACHED
        elif not best.unknown:
            verdict = OVERLAP if overlapping else REACHED
        if lower and overlapping:
            best.notes.append(f"ranges overlap with {', '.join(overlapping)}")
    return Judgement(goal, client, "lower than every peer", "–", ours.shown(text.human_time_range),
                     best.shown(text.human_time_range), ratio, verdict, all_notes(ours, best),
                     best.left_out)


def all_notes(*operands):
    sentences = [sentence for one in operands for sentence in (*one.unknown, *one.notes)]
    return "; ".join(dict.fromkeys(sentences))
