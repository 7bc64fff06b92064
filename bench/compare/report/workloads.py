"""The workloads in the order of the report: what each is, in words."""

from dataclasses import dataclass

from .results import LEVERET, LEVERET_FILE, LEVERET_STORED, PEERS, STORED_PEERS, TUNED_PEERS


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    for_all: bool = True  # every system is asked to do it; one that did not is listed with the reason
    picture: str = ""
    stored: bool = False  # records are kept on disk: other systems, client libraries only
    note: str = ""


NOT_SYNCED = ("NATS JetStream answers when it has written a record to the system, and syncs every two minutes: its "
              "lines are not what was asked for.")

WORKLOADS = (
    Workload("throughput-16", "1 publisher → 1 subscriber, 16 B", picture="throughput-sizes.svg"),
    Workload("throughput-128", "1 publisher → 1 subscriber, 128 B", picture="throughput-128.svg"),
    Workload("throughput-1024", "1 publisher → 1 subscriber, 1 KiB"),
    Workload("throughput-16384", "1 publisher → 1 subscriber, 16 KiB"),
    Workload("fanout-10", "1 publisher → 10 subscribers, 128 B"),
    Workload("fanout-100", "1 publisher → 100 subscribers, 128 B", picture="fanout-100.svg"),
    Workload("fanout-1000", "1 publisher → 1,000 subscribers, 128 B"),
    Workload("eight-topics", "8 publishers → 8 subscribers, 8 topics"),
    Workload("round-trip-apart", "Round trip, client and server on two cores"),
    Workload("round-trip-together", "Round trip, client and server on one core"),
    Workload("round-trip-unpinned", "Round trip, not pinned to cores"),
    Workload("open-loop-20k", "Latency at 20,000 messages a second, from the scheduled time"),
    Workload("open-loop-200k", "Latency at 200,000 messages a second, from the scheduled time",
             picture="latency-200k.svg"),
    Workload("round-robin-10000", "1 publisher, 10,000 topics in turn, 1 subscriber of all"),
    Workload("idle-connections", "5,000 idle subscribed connections"),
    Workload("idle-connections-zaichik", "9,000 idle subscribed connections, zaichik dialect", for_all=False),
    Workload("growth-topics-1", "128 B on the only topic", for_all=False),
    Workload("growth-topics-100", "128 B beside 100 idle topics", for_all=False),
    Workload("growth-topics-10000", "128 B beside 10,000 idle topics", for_all=False),
    Workload("growth-retained-0", "128 B, no retained records", for_all=False),
    Workload("growth-retained-1m", "128 B beside 1 million retained records", for_all=False),
    Workload("growth-retained-10m", "128 B beside 10 million retained records", for_all=False),
    Workload("growth-idle-0", "128 B, no idle connections", for_all=False),
    Workload("growth-idle-10000", "128 B beside 10,000 idle connections", for_all=False),
    Workload("window-off", "Distinct keys, no compaction window", for_all=False),
    Workload("window-1ms", "Distinct keys, compaction window of 1 ms, the shortest", for_all=False),
    Workload("window-100k", "Distinct keys, compaction window of 100,000 keys", for_all=False),
    Workload("window-10m", "Distinct keys, compaction window of 10 million keys", for_all=False),
    Workload("zaichik-stream", "zaichik dialect, one record outstanding: commit, then delivery", for_all=False),
    Workload("zaichik-eight-topics", "zaichik dialect, 8 publishers → 8 subscribers, 8 topics", for_all=False),
    Workload("acknowledged-sync", "Acknowledged publishes, synced, 4,096 outstanding, 128 B", stored=True,
             picture="acknowledged.svg", note=NOT_SYNCED),
    Workload("acknowledged-os", "Acknowledged publishes, written to the system, 4,096 outstanding, 128 B", stored=True),
    Workload("acknowledged-one", "Acknowledged publishes, synced, one at a time, 128 B", stored=True, note=NOT_SYNCED),
    Workload("replay", "Stored records read by 1 subscriber after a restart, 128 B", stored=True, picture="replay.svg"),
    Workload("live-alone", "Latency at 5,000 records a second on a stored topic", stored=True),
    Workload("live-beside-replay", "Latency at 5,000 records a second while another subscriber reads all of the topic",
             stored=True),
    Workload("recovery-1", "Start of a server on one stored topic", stored=True),
    Workload("recovery-1000", "Start of a server on 1,000 stored topics", stored=True),
    Workload("stored-topics", "1,000 stored topics, idle", stored=True),
    Workload("sleep", "Threads that sleep until something is due, every 50 µs", for_all=False,
             note="How late they wake up: what a latency on schedule has of the machine itself."),
    Workload("append", "Sequential append to a file", for_all=False),
    Workload("fdatasync", "4 KiB append and fdatasync", for_all=False),
)

# Streams are another way to use a server that is there already: they stand beside it where a rate is asked for.
ONLY_THROUGHPUT = ("redis-streams",)
STORED = {workload.name for workload in WORKLOADS if workload.stored}
TUNED_TOO = ("acknowledged-sync", "acknowledged-os")
# To fill a peer takes half an hour.
ONLY_OUR_FILES = ("recovery-1", "recovery-1000")


def is_asked(workload, system):
    """Whether this system is asked to do that workload at all."""
    if workload not in STORED:
        return system in (LEVERET, *PEERS) and (system not in ONLY_THROUGHPUT or workload.startswith("throughput-"))
    if workload in ONLY_OUR_FILES:
        return system == LEVERET_FILE
    return system in (*LEVERET_STORED, *STORED_PEERS) or (system in TUNED_PEERS.values() and workload in TUNED_TOO)


TITLES = {workload.name: workload.title for workload in WORKLOADS}


def known_and_others(names):
    """All known workloads, then those of `names` that are not."""
    return [*WORKLOADS, *(Workload(name, name, for_all=False) for name in names if name not in TITLES)]
