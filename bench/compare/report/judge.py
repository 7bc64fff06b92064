"""Says of one goal whether it is reached. Two quantities are compared, or one with a limit.

Of two quantities it is their ratio in each round that counts, and the median of those ratios: the runs of a round were
made one right after the other, so what the machine did to one it did to the other. A tail moves from run to run: it is
at or below a bound only where our slowest run is, beside the fastest of theirs.

What is not known is never "reached": a peer that was not run might have been the best one. A peer whose every run
failed in this workload is left out, with a note, if the same client of it worked in another; if it never worked, its
set-up is broken, and nothing can be said. "Not reached" needs no more than one peer that did better.
"""

import math
import statistics
from dataclasses import dataclass, field, replace
from fractions import Fraction

from . import text
from .results import Figure, label
from .workloads import is_asked

REACHED, AIM_REACHED, NOT_REACHED = "reached", "reached, aim too", "**not reached**"
OVERLAP, NOT_MEASURED = "lower, ranges overlap", "not measured"
ROUNDS_MIN = 3  # for a median of ratios
RUNS_ENOUGH = 7  # whoever has fewer is named in the notes


@dataclass(frozen=True)
class Bound:
    """What is asked of a ratio (or, where the limit is absolute, of the quantity itself), and the aim beyond it."""
    at_least: bool
    asked: object  # a number, or a Fraction where people say "a third"
    aim: object = None
    percent: bool = False
    tail: bool = False  # the ranges of the runs must not overlap, either
    strictly: bool = False  # the limit itself is not enough

    def holds(self, value, limit):
        if self.strictly:
            return value > limit if self.at_least else value < limit
        return value >= limit if self.at_least else value <= limit

    def limit_text(self, limit, unit=" ×"):
        return f"{'≥' if self.at_least else '≤'} {self.value_text(limit, unit)}" if limit is not None else "–"

    def value_text(self, limit, unit):
        if isinstance(limit, Fraction):
            return str(limit)
        if self.percent:
            return f"{round(limit * 100)} %"
        return f"{limit:,.0f}{unit}" if limit >= 1000 else f"{limit:g}{unit}"

    def ratio_text(self, ratio, unit=" ×"):
        """Rounded to the side that is worse for us, so that no ratio looks as if it reached what it did not."""
        return f"{self.rounded(ratio)}{' %' if self.percent else unit}"

    def rounded(self, ratio):
        side = math.floor if self.at_least else math.ceil
        if ratio >= 1000 and not self.percent:
            return f"{side(ratio):,}"
        scaled, digits = (ratio * 100, 10) if self.percent else (ratio, 100)
        worse = side(round(scaled * digits, 6)) / digits
        return f"{worse:,.1f}" if self.percent else f"{worse:,.2f}"


@dataclass(frozen=True)
class Ratio:
    """Of ours to theirs: the median of the rounds' ratios and their range; or, where too few rounds pair up, the ratio
    of the medians, which has no range."""
    value: float
    low: float = None
    high: float = None
    note: str = ""

    def shown(self, bound):
        value = bound.ratio_text(self.value)
        return f"{value} ({bound.rounded(self.low)} – {bound.rounded(self.high)})" if self.low is not None else value


def ratio_of(ours, theirs):
    """Of two figures; None where there is none, or theirs is nothing."""
    if not ours or not theirs or theirs.median <= 0:
        return None
    both = [number for number in ours.rounds if theirs.rounds.get(number, 0) > 0]
    if len(both) < ROUNDS_MIN:
        pairs = f"{text.count(len(both), 'round')} {'pairs' if len(both) == 1 else 'pair'} up"
        return Ratio(ours.median / theirs.median, note=f"ratio of the medians: {pairs}")
    ratios = [ours.rounds[number] / theirs.rounds[number] for number in both]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


@dataclass
class Operand:
    """One side of a goal."""
    name: str
    figure: Figure = None
    unknown: list = field(default_factory=list)  # sentences: what would be needed and is not there
    notes: list = field(default_factory=list)
    left_out: bool = False  # a peer is not among those compared, because it failed
    others: list = field(default_factory=list)  # of a best one: those that it is the best of, itself among them

    def shown(self, written):
        return f"{self.name}: {written(self.figure)}" if self.figure else "–"

    def has_few_runs(self):
        return self.figure is not None and self.figure.runs < RUNS_ENOUGH


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
    has_few_runs: bool = False  # a side has fewer than RUNS_ENOUGH


def operand(results, case, key, name=""):
    """A side of a goal that is one case."""
    found = Operand(name or label(case.system), case.figure(key))
    if not found.figure:
        found.unknown.append(f"{found.name} {case.why_nothing(key)}")
    else:
        found.notes += reservations(case, found.figure.runs, found.name)
    return found


def reservations(case, usable, name):
    """What a reader of the median wants to know of its runs."""
    notes = []
    if case.failed:
        notes.append(f"{len(case.failed)} of {text.count(case.runs, 'run')} of {name} failed")
    if usable < case.runs_wanted:
        notes.append(f"{name}: {usable} of {text.count(case.runs_wanted, 'run')} usable")
    elif usable < RUNS_ENOUGH:
        notes.append(f"{name}: {text.count(usable, 'run')}")
    return notes


def best_peer(results, workload, client, key, peers, lowest=False):
    """The peer with the best median, and what is not known of the others."""
    known, best = peer_operands(results, workload, client, key, peers)
    best.others = known
    for one in known:
        better = not best.figure or (one.figure.median < best.figure.median if lowest
                                     else one.figure.median > best.figure.median)
        if better:
            best.name, best.figure = one.name, one.figure
    best.notes += [note for one in known if one.name == best.name for note in one.notes]
    return best


def peer_operands(results, workload, client, key, peers):
    """Those that measured it, asked to or not; and an Operand without a figure that says what there is to say of the
    rest."""
    known, rest = [], Operand("best peer")
    for peer in peers:
        case = results.case(workload, peer, client)
        if not case.runs and not is_asked(workload, peer):
            continue
        if case.figure(key):
            known.append(operand(results, case, key))
        elif case.failed and not case.used and results.ever_worked(peer, client):
            rest.left_out = True
            rest.notes.append(f"without {label(peer)}, which failed")
        else:
            rest.unknown.append(f"{label(peer)} {case.why_nothing(key)}")
    if not known and not rest.unknown:
        rest.unknown.append("every peer failed")
    return known, rest


def judge_ratio(goal, client, ours, theirs, bound, written=text.human_range):
    """`ours` divided by `theirs`, against the bound."""
    ratio, verdict, notes = ratio_of(ours.figure, theirs.figure), NOT_MEASURED, []
    # Of a tail: all peers, since another than the best may have had the fastest run.
    sides = [theirs, *theirs.others] if bound.tail else [theirs]
    if ratio:
        verdict = verdict_of(bound, ratio.value, not ours.unknown and not theirs.unknown)
        notes.append(ratio.note)
        if bound.tail and verdict != NOT_REACHED:
            overlapping = overlaps(ours.figure, theirs, bound, written)
            notes += overlapping
            verdict = OVERLAP if overlapping and verdict != NOT_MEASURED else verdict
    return Judgement(goal, client, bound.limit_text(bound.asked), bound.limit_text(bound.aim), ours.shown(written),
                     theirs.shown(written), ratio.shown(bound) if ratio else "–", verdict,
                     all_notes(ours, *sides, more=notes), theirs.left_out,
                     any(one.has_few_runs() for one in (ours, *sides)))


def overlaps(ours, theirs, bound, written):
    """A sentence for each of theirs whose fastest run, times what is asked, is not beyond our slowest."""
    times = "" if bound.asked == 1 else f", times {bound.asked:g}"
    return [f"ranges overlap with {one.shown(written)}{times}" for one in theirs.others or [theirs]
            if not bound.holds(ours.high, bound.asked * one.figure.low)]


def judge_below_all(goal, client, ours, best):
    """Ours below every peer's, and our slowest run below their fastest; `best` is the one with the lowest median."""
    judged = judge_ratio(goal, client, ours, best, Bound(False, 1, tail=True, strictly=True), text.human_time_range)
    return replace(judged, asked="lower than every peer")


def judge_limit(goal, client, ours, bound, unit, scale=1.0):
    """`ours`, times `scale`, against an absolute limit in `unit`."""
    value = ours.figure.median * scale if ours.figure else None
    verdict = verdict_of(bound, value, not ours.unknown) if ours.figure else NOT_MEASURED
    return Judgement(goal, client, bound.limit_text(bound.asked, unit), bound.limit_text(bound.aim, unit),
                     ours.shown(lambda figure: text.human_range(figure, scale) + unit), "–",
                     bound.ratio_text(value, unit) if ours.figure else "–", verdict, all_notes(ours),
                     has_few_runs=ours.has_few_runs())


def verdict_of(bound, value, all_known):
    if not bound.holds(value, bound.asked):
        return NOT_REACHED
    if not all_known:
        return NOT_MEASURED
    return AIM_REACHED if bound.aim is not None and bound.holds(value, bound.aim) else REACHED


def all_notes(*operands, more=()):
    sentences = [sentence for one in operands for sentence in (*one.unknown, *one.notes)]
    return "; ".join(dict.fromkeys(sentence for sentence in (*sentences, *more) if sentence))
