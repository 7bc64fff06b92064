"""The goals of the comparison, and goals.md: what was asked, what was measured, reached or not."""

from fractions import Fraction

from . import text
from .judge import (AIM_REACHED, NOT_MEASURED, NOT_REACHED, OVERLAP, REACHED, ROUNDS_MIN, RUNS_ENOUGH, Bound, best_peer,
                    judge_below_all, judge_limit, judge_ratio, operand, ratio_of)
from .results import CLIENTS, LEVERET, LEVERET_FILE, PEERS, SAMPLES_MIN, STORED_PEERS, TUNED_PEERS, label
from .workloads import TITLES

RATE = "deliveries_per_second"
CPU = "server_cpu_seconds_per_million"
PERCENTILES = {"p50": "latency_ns.p50", "p99": "latency_ns.p99", "p99.9": "latency_ns.p999"}
UNKNOWN_CLIENT = "–"  # there is no run that would say which


def at_least(asked, aim=None):
    return Bound(True, asked, aim)


def at_most(asked, aim=None):
    return Bound(False, asked, aim)


def tail_at_most(asked):
    return Bound(False, asked, tail=True)


def share(asked, aim=None):
    return Bound(True, asked, aim, percent=True)


def all_judgements(results):
    return [judgement for group in (throughput, fan_out, server_cpu, round_trips, open_loops, idle_memory, growth,
                                    round_robin, compaction_window, zaichik_stream, stored_publishes,
                                    stored_reads, stored_starts) for judgement in group(results)]


def ours(results, workload, client, key, name="", system=LEVERET):
    case = results.case(workload, system, client)
    found = operand(results, case, key, name)
    if case.failed:
        found.unknown.append("a goal is not reached where own runs failed")
    return found


def against_best_peer(results, workload, client, key, bound, what, written=text.human_range):
    lowest = not bound.at_least
    return judge_ratio(f"{TITLES[workload]}: {what}", client, ours(results, workload, client, key),
                       best_peer(results, workload, client, key, PEERS, lowest), bound, written)


def against_bare(results, workload, client, key, bound, what, written=text.human_range):
    bare = operand(results, results.bare_case(workload, client), key)
    return judge_ratio(f"{TITLES[workload]}: {what}", client, ours(results, workload, client, key), bare, bound,
                       written)


def throughput(results):
    beside_peer = "deliveries/s, times the best peer's"
    asked = {"throughput-16": {"library": at_least(5), "raw": at_least(4)},
             "throughput-128": {"library": at_least(4), "raw": at_least(3, aim=4)},
             "throughput-1024": {"library": at_least(2), "raw": at_least(2)}}
    for workload, bounds in asked.items():
        for client, bound in bounds.items():
            yield against_best_peer(results, workload, client, RATE, bound, beside_peer)
    # The bare relay's packets are as long as our records, header included, so the rates of both compare as bytes do.
    for workload in ("throughput-1024", "throughput-16384"):
        for client in CLIENTS:
            yield against_bare(results, workload, client, RATE, share(0.65, aim=0.80),
                               "bytes/s with record headers, share of the bare relay's (as deliveries/s)")


def fan_out(results):
    for client, bound in {"library": at_least(3), "raw": at_least(3.5)}.items():
        yield against_best_peer(results, "fanout-100", client, RATE, bound, "deliveries/s, times the best peer's")
    yield against_bare(results, "fanout-100", "raw", RATE, share(0.75, aim=0.90), "deliveries/s, share of bare")


def server_cpu(results):
    for workload in ("throughput-128", "fanout-100"):
        for client in CLIENTS:
            yield against_best_peer(results, workload, client, CPU, at_most(Fraction(1, 3), aim=Fraction(1, 4)),
                                    "server CPU s per million deliveries, part of the lowest peer's")


def round_trips(results):
    for workload in ("round-trip-apart", "round-trip-together"):
        yield against_bare(results, workload, "raw", PERCENTILES["p50"], at_most(1.35, aim=1.2),
                           "p50, times the bare echo's", text.human_time_range)
        yield against_bare(results, workload, "raw", PERCENTILES["p99"], tail_at_most(1.5),
                           "p99, times the bare echo's", text.human_time_range)
        for client in CLIENTS:
            for name, bound in (("p50", at_most(1)), ("p99", tail_at_most(1))):
                yield against_best_peer(results, workload, client, PERCENTILES[name], bound,
                                        f"{name}, times the lowest peer's", text.human_time_range)


def open_loops(results):
    for workload in ("open-loop-20k", "open-loop-200k"):
        for client in CLIENTS:
            for name in ("p99", "p99.9"):
                key = PERCENTILES[name]
                yield judge_below_all(f"{TITLES[workload]}: {name}", client, ours(results, workload, client, key),
                                      best_peer(results, workload, client, key, PEERS, lowest=True))


def clients_with(results, *workloads):
    """For goals that say nothing of the client: whichever ours was run with."""
    found = {client for workload in workloads for client in results.clients_of(workload, LEVERET)}
    return [client for client in CLIENTS if client in found] or [UNKNOWN_CLIENT]


def idle_memory(results):
    workload = "idle-connections-zaichik"
    for client in clients_with(results, workload):
        yield judge_limit(f"{TITLES[workload]}: memory per connection", client,
                          ours(results, workload, client, "memory_per_connection_bytes"), at_most(3, aim=2), " KiB",
                          scale=1 / 1024)


def growth(results):
    for workload in ("growth-topics-100", "growth-topics-10000", "growth-retained-1m", "growth-retained-10m",
                     "growth-idle-10000"):
        yield from share_of_ours(results, workload, "growth-base", share(0.90))


def share_of_ours(results, workload, base, bound):
    """Our rate in `workload` beside our own in `base`."""
    for client in clients_with(results, workload, base):
        yield judge_ratio(f"{TITLES[workload]}: deliveries/s, share of `{base}`", client,
                          ours(results, workload, client, RATE), ours(results, base, client, RATE, f"`{base}`"), bound)


def round_robin(results):
    for client in CLIENTS:
        yield against_best_peer(results, "round-robin-10000", client, RATE, at_least(1),
                                "deliveries/s, times the best peer's")


def compaction_window(results):
    for workload, bound in {"window-100k": share(0.85), "window-10m": share(0.50)}.items():
        yield from share_of_ours(results, workload, "window-off", bound)
    for workload, keys in {"window-100k": 100_000, "window-10m": 10_000_000}.items():
        for client in clients_with(results, workload):
            # A window has a length, not a number of keys: at a lower rate it holds fewer.
            yield judge_limit(f"{TITLES[workload]}: keys held while it was measured", client,
                              ours(results, workload, client, "window_keys"), at_least(0.7 * keys), "")
            yield judge_limit(f"{TITLES[workload]}: memory per key, without the key itself", client,
                              ours(results, workload, client, "memory_per_key_bytes"), at_most(64), " B")


def zaichik_stream(results):
    workload = "zaichik-stream"
    for client in clients_with(results, workload):
        yield against_bare(results, workload, client, PERCENTILES["p50"], at_most(1.35), "p50, times the bare echo's",
                           text.human_time_range)
    # Of a server that is never idle: one that sleeps between two messages is charged for waking up.
    workload = "zaichik-eight-topics"
    for client in clients_with(results, workload):
        yield judge_limit(f"{TITLES[workload]}: server CPU per million deliveries", client,
                          ours(results, workload, client, CPU), at_most(4.5), " s")


STORED_CLIENT = "library"
ACKNOWLEDGED = "acknowledged_per_second"
SYNCED = ("acknowledged-sync", "acknowledged-one")
NEVER_SYNCED = "nats-jetstream"


def ours_stored(results, workload, key, name=""):
    return ours(results, workload, STORED_CLIENT, key, name, LEVERET_FILE)


def against_stored_peer(results, workload, peer, bound):
    """With the settings that others have, or with those that are best for it, whichever was better here; the notes
    have the other one."""
    ours_here = ours_stored(results, workload, ACKNOWLEDGED)
    theirs = best_peer(results, workload, STORED_CLIENT, ACKNOWLEDGED, (peer, TUNED_PEERS[peer]))
    if workload in SYNCED and peer == NEVER_SYNCED and theirs.figure:
        theirs.notes.append(f"{label(peer)} does not sync before it answers")
    for other in theirs.others:
        if other.name != theirs.name:
            ratio = ratio_of(ours_here.figure, other.figure)
            beside = f", {ratio.shown(bound)}{f' ({ratio.note})' if ratio.note else ''}" if ratio else ""
            theirs.notes += [f"{other.name}: {text.human_range(other.figure)}{beside}", *other.notes]
    return judge_ratio(f"{TITLES[workload]}: acknowledged/s, times {label(peer)}'s, plain or tuned", STORED_CLIENT,
                       ours_here, theirs, bound)


def against_stored_bare(results, workload, key, bound, what, written=text.human_range):
    bare = operand(results, results.bare_case(workload, STORED_CLIENT), key)
    return judge_ratio(f"{TITLES[workload]}: {what}", STORED_CLIENT, ours_stored(results, workload, key), bare, bound,
                       written)


def stored_publishes(results):
    for peer in STORED_PEERS:
        yield against_stored_peer(results, "acknowledged-sync", peer, at_least(8))
    # A record of the bare append is as long as ours, header included, so the rates compare as bytes do.
    yield against_stored_bare(results, "acknowledged-sync", ACKNOWLEDGED, share(0.50),
                              "bytes/s with record headers, share of the bare append's (as acknowledged/s)")
    yield against_stored_peer(results, "acknowledged-os", "redis-aof", at_least(4))
    yield against_stored_bare(results, "acknowledged-one", PERCENTILES["p50"], at_most(1.35),
                              "p50, times the bare program's", text.human_time_range)


def stored_reads(results):
    workload = "replay"
    yield judge_ratio(f"{TITLES[workload]}: deliveries/s, times the best peer's", STORED_CLIENT,
                      ours_stored(results, workload, RATE),
                      best_peer(results, workload, STORED_CLIENT, RATE, (*STORED_PEERS, *TUNED_PEERS.values())),
                      at_least(5))
    yield against_stored_bare(results, workload, RATE, share(0.50),
                              "bytes/s with record headers, share of the bare relay's (as deliveries/s)")
    beside, alone = "live-beside-replay", "live-alone"
    yield judge_ratio(f"{TITLES[beside]}: p99, times that without", STORED_CLIENT,
                      ours_stored(results, beside, PERCENTILES["p99"]),
                      ours_stored(results, alone, PERCENTILES["p99"], f"`{alone}`"), tail_at_most(1.5),
                      text.human_time_range)


def stored_starts(results):
    for workload in ("recovery-1", "recovery-1000"):
        for key, after, limit in (("ready_after_stop_seconds", "a clean stop", 2),
                                  ("ready_after_kill_seconds", "kill -9", 10)):
            yield judge_limit(f"{TITLES[workload]}: ready after {after}", STORED_CLIENT,
                              ours_stored(results, workload, key), at_most(limit), " s")
    workload = "stored-topics"
    for key, when in (("memory_per_topic_bytes", "published to"),
                      ("memory_per_restarted_topic_bytes", "after a restart")):
        yield judge_limit(f"{TITLES[workload]}, {when}: memory per topic", STORED_CLIENT,
                          ours_stored(results, workload, key), at_most(64), " KiB", scale=1 / 1024)


def goals_page(results):
    """The whole of goals.md."""
    judgements = all_judgements(results)
    rows = [(one.goal, one.client, one.asked, one.aim, one.measured, one.compared_with, one.ratio, one.verdict,
             one.notes) for one in judgements]
    heads = ("Goal", "Client", "Asked", "Aim", "Measured", "Compared with", "Ratio or value", "Verdict", "Notes")
    return "\n".join([
        "# The comparison: goals", "",
        f"{text.machine_line(results.machine)}; revision {text.revision(results.machine)}; {results.date}. "
        f"{summary(judgements)}", "",
        how_to_read(), "", *text.table(heads, rows, left=len(heads)), "", *idle_connections(results)]) + "\n"


def how_to_read():
    p99, p999 = (text.plain(SAMPLES_MIN[PERCENTILES[name]]) for name in ("p99", "p99.9"))
    return ("All figures are medians, with (smallest – largest) over the runs; `./bench/compare.sh` measures them "
            "again, and [results.md](results.md) has all of them. In each round everybody has a run, one right after "
            "the other; a ratio is the median of the ratios of the rounds, with (smallest – largest), rounded to the "
            f"side that is worse for Leveret. Where fewer than {ROUNDS_MIN} rounds have a usable run of both, it is "
            "the ratio of the medians, and the notes say so. The best peer has the best median of "
            f"{', '.join(label(peer) for peer in PEERS)} in the same workload by the same kind of client; where "
            f"records are stored, of {' and '.join(label(peer) for peer in STORED_PEERS)}, plain or tuned. A p99 or "
            "p99.9 is at or below what is asked only where our slowest run is, beside the fastest of theirs; a p99 "
            f"counts from {p99} messages in each run on, a p99.9 from {p999}. The notes name whoever has fewer than "
            f"{RUNS_ENOUGH} usable runs.")


def summary(judgements):
    verdicts = [one.verdict for one in judgements]
    reached = verdicts.count(REACHED) + verdicts.count(AIM_REACHED)
    left_out = sum(one.peer_left_out and one.verdict in (REACHED, AIM_REACHED) for one in judgements)
    beside_fewer = f", {left_out} beside fewer peers because one failed" if left_out else ""
    few_runs = sum(one.has_few_runs and one.verdict in (REACHED, AIM_REACHED) for one in judgements)
    return (f"Of {text.count(len(verdicts), 'goal')}, {reached} reached "
            f"({verdicts.count(AIM_REACHED)} of them also the aim, "
            f"{few_runs} from fewer than {RUNS_ENOUGH} runs of one side{beside_fewer}), "
            f"{verdicts.count(NOT_REACHED)} not reached, {verdicts.count(OVERLAP)} lower with overlapping ranges, "
            f"{verdicts.count(NOT_MEASURED)} not measured.")


def idle_connections(results):
    """Everybody's memory per connection, which is no goal but belongs beside ours."""
    workload, key, rows = "idle-connections", "memory_per_connection_bytes", []
    for client in CLIENTS:
        for system in results.systems_of(workload, client):
            case = results.case(workload, system, client)
            figure = case.figure(key)
            rows.append((label(system), client,
                         text.human_range(figure, 1 / 1024) if figure else case.why_nothing()))
    if not rows:
        return [f"{TITLES[workload]}: not measured."]
    heads = ("System", "Client", "Memory per connection, KiB (min – max)")
    return [f"## {TITLES[workload]}", "", *text.table(heads, rows, left=2)]
