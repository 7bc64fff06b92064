"""The workloads in the order of the report: what each is, in words."""

from dataclasses import dataclass

from .results import CLIENTS, LEVERET, LEVERET_FILE, LEVERET_STORED, NO_POLLING, PEERS, STORED_PEERS, TUNED_PEERS


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    for_all: bool = True  # every system is asked to do it; one that did not is listed with the reason
    clients: tuple = CLIENTS  # the kinds that are asked to; where records are stored it is the library only
    picture: str = ""
    stored: bool = False  # records are kept on disk: other systems, client libraries only
    note: str = ""
    lasts: str = ""  # a run, where it is not for a number of seconds


ITSELF = "Only Leveret: it is compared with itself."
OWN_DIALECT = "Only Leveret: none of the peers speaks this dialect."
NOT_SYNCED = ("NATS JetStream answers when it has written a record to the system, and syncs every two minutes: its "
              "lines are not what was asked for.")
UNTIL_READY = "until the server is ready, once after a clean stop and once after kill -9"

LESS_AHEAD = "A publisher is at most 1 MiB ahead of the slowest subscriber, whatever the settings above say."

WORKLOADS = (
    Workload("throughput-16", "1 publisher → 1 subscriber, 16 B", picture="throughput-sizes.svg"),
    Workload("throughput-128", "1 publisher → 1 subscriber, 128 B", picture="throughput-128.svg"),
    Workload("throughput-1024", "1 publisher → 1 subscriber, 1 KiB"),
    Workload("throughput-16384", "1 publisher → 1 subscriber, 16 KiB"),
    Workload("fanout-10", "1 publisher → 10 subscribers, 128 B"),
    Workload("fanout-100", "1 publisher → 100 subscribers, 128 B", picture="fanout-100.svg", note=LESS_AHEAD),
    Workload("fanout-1000", "1 publisher → 1,000 subscribers, 128 B", note=LESS_AHEAD),
    Workload("eight-topics", "8 publishers → 8 subscribers, 8 topics"),
    Workload("round-trip-apart", "Round trip, client and server on two cores"),
    Workload("round-trip-together", "Round trip, client and server on one core"),
    Workload("round-trip-unpinned", "Round trip, not pinned to cores"),
    Workload("open-loop-20k", "Latency at 20,000 messages a second, from the scheduled time"),
    Workload("open-loop-200k", "Latency at 200,000 messages a second, from the scheduled time",
             picture="latency-200k.svg"),
    Workload("round-robin-10000", "1 publisher, 10,000 topics in turn, 1 subscriber of all"),
    Workload("idle-connections", "5,000 idle subscribed connections", clients=("raw",), lasts="until all are idle"),
    Workload("idle-connections-zaichik", "9,000 idle subscribed connections, zaichik dialect", for_all=False,
             note=OWN_DIALECT, lasts="until all are idle"),
    Workload("growth-base", "128 B, one busy topic and nothing else", for_all=False, note=ITSELF),
    Workload("growth-topics-100", "128 B beside 100 idle topics", for_all=False, note=ITSELF),
    Workload("growth-topics-10000", "128 B beside 10,000 idle topics", for_all=False, note=ITSELF),
    Workload("growth-retained-1m", "128 B beside 1 million retained records", for_all=False, note=ITSELF),
    Workload("growth-retained-10m", "128 B beside 10 million retained records", for_all=False, note=ITSELF),
    Workload("growth-idle-10000", "128 B beside 10,000 idle connections", for_all=False, note=ITSELF),
    Workload("window-off", "Distinct keys, no compaction window", for_all=False, note=ITSELF),
    Workload("window-1ms", "Distinct keys, compaction window of 1 ms", for_all=False, note=ITSELF),
    Workload("window-100k", "Distinct keys, compaction window of 18 ms (asked: about 100,000 keys)", for_all=False,
             note=ITSELF),
    Workload("window-10m", "Distinct keys, compaction window of 3 s (asked: about 10 million keys)", for_all=False,
             note=ITSELF),
    Workload("zaichik-stream", "zaichik dialect, one record outstanding: commit, then delivery", for_all=False,
             note=OWN_DIALECT, lasts="until the last of a fixed number of records"),
    Workload("zaichik-eight-topics", "zaichik dialect, 8 publishers → 8 subscribers, 8 topics", for_all=False,
             note=OWN_DIALECT),
    Workload("acknowledged-sync", "Acknowledged publishes, synced, 4,096 outstanding, 128 B", stored=True,
             picture="acknowledged.svg", note=NOT_SYNCED),
    Workload("acknowledged-os", "Acknowledged publishes, written to the system, 4,096 outstanding, 128 B", stored=True),
    Workload("acknowledged-one", "Acknowledged publishes, synced, one at a time, 128 B", stored=True, note=NOT_SYNCED),
    Workload("replay", "Stored records read by 1 subscriber after a restart, 128 B", stored=True, picture="replay.svg",
             lasts="until all records are read; the bare relay's {seconds}"),
    Workload("live-alone", "Latency at 5,000 records a second on a stored topic", stored=True),
    Workload("live-beside-replay", "Latency at 5,000 records a second while another subscriber reads all of the topic",
             stored=True),
    Workload("recovery-1", "Start of a server on one stored topic", stored=True, lasts=UNTIL_READY),
    Workload("recovery-1000", "Start of a server on 1,000 stored topics", stored=True, lasts=UNTIL_READY),
    Workload("stored-topics", "1,000 stored topics, idle", stored=True, lasts="until all are idle"),
    Workload("sleep", "Threads that sleep until something is due, every 50 µs", for_all=False,
             note="How late they wake up: what a latency on schedule has of the machine itself."),
    Workload("append", "Sequential append to a file", for_all=False),
    Workload("fdatasync", "4 KiB append and fdatasync", for_all=False),
)

STORED = {workload.name for workload in WORKLOADS if workload.stored}
ONLY_THROUGHPUT = ("redis-streams",)
TUNED_TOO = ("acknowledged-sync", "acknowledged-os")
ONLY_OUR_FILES = ("recovery-1", "recovery-1000")
POLLING_MATTERS = ("round-trip-", "open-loop-")


def is_asked(workload, system):
    """Whether this system is asked to do that workload at all."""
    if system == NO_POLLING:
        return workload.startswith(POLLING_MATTERS)
    return system in systems_like(workload) and not why_not_asked(workload, system)


def systems_like(workload):
    """Those that keep records as this workload needs it: on disk, or not."""
    return (*LEVERET_STORED, *STORED_PEERS, *TUNED_PEERS.values()) if workload in STORED else (LEVERET, *PEERS)


def why_not_asked(workload, system):
    """Why one of systems_like(workload) is left out on purpose; empty where it is not, and for all others."""
    if system not in systems_like(workload) or system == LEVERET_FILE:
        return ""
    if system in ONLY_THROUGHPUT and not workload.startswith("throughput-"):
        return "another way to use Redis, measured from one publisher to one subscriber only"
    if (workload, system) == ("fanout-1000", "mosquitto"):
        return "what a publisher may be ahead takes it more than a minute to deliver"
    if workload in ONLY_OUR_FILES:
        return "no goal asks for it" if system in LEVERET_STORED else "to fill it takes half an hour"
    if system in TUNED_PEERS.values() and workload not in TUNED_TOO:
        return "its settings are for publishing many records at a time"
    return ""


TITLES = {workload.name: workload.title for workload in WORKLOADS}


def known_and_others(names):
    """All known workloads, then those of `names` that are not."""
    return [*WORKLOADS, *(Workload(name, name, for_all=False) for name in names if name not in TITLES)]
