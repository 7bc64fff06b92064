"""The goals of the comparison, reached, not reached and not measured: goals_test.py FOLDER_OF_REPORT_PY"""

import unittest

from made_up import CLIENTS, latencies, percentiles, rates, results, run
from report import goals, judge
from report.results import PEERS

RATE, CPU = "deliveries_per_second", "server_cpu_seconds_per_million"


def judgements(of_results, words, client="raw"):
    """All goals that have `words` in their text."""
    return [one for one in goals.all_judgements(of_results) if words in one.goal and one.client == client]


def verdict(of_results, words, client="raw"):
    found = judgements(of_results, words, client)
    assert len(found) == 1, [one.goal for one in found]
    return found[0].verdict


class BestPeer(unittest.TestCase):
    def best(self, lowest=False, key=RATE, *runs):
        return judge.best_peer(results(*runs), "fanout-100", "raw", key, PEERS, lowest)

    def test_neither_we_nor_bare_are_peers(self):
        best = self.best(False, RATE, rates("fanout-100", leveret=90, bare=99, nats=10, redis=30, redis_streams=20,
                                            mosquitto=1))
        self.assertEqual((best.name, best.figure.median, best.unknown), ("Redis Pub/Sub", 30, []))

    def test_it_has_the_best_median_not_the_best_run(self):
        best = self.best(False, RATE, rates("fanout-100", nats=[10, 11, 99], redis=12, redis_streams=1, mosquitto=1))
        self.assertEqual(best.name, "Redis Pub/Sub")

    def test_streams_are_a_peer_only_where_throughput_is_asked_for(self):
        three = {"nats": 100, "redis": 50, "mosquitto": 1}
        some = results(rates("fanout-100", **three), rates("throughput-128", **three))
        self.assertEqual(judge.best_peer(some, "fanout-100", "raw", RATE, PEERS).unknown, [])
        self.assertNotEqual(judge.best_peer(some, "throughput-128", "raw", RATE, PEERS).unknown, [])

    def test_of_costs_it_is_the_lowest(self):
        costs = [run("fanout-100", peer, server_cpu_seconds_per_million=cost)
                 for peer, cost in zip(PEERS, (4, 2, 3, 9))]
        self.assertEqual(self.best(True, CPU, costs).name, "Redis Pub/Sub")

    def test_another_kind_of_client_does_not_count(self):
        best = self.best(False, RATE, rates("fanout-100", "library", nats=99),
                         rates("fanout-100", nats=1, redis=2, redis_streams=1, mosquitto=1))
        self.assertEqual(best.figure.median, 2)

    def test_a_peer_that_was_not_run_is_unknown(self):
        self.assertEqual(self.best(False, RATE, rates("fanout-100", nats=1, redis=2, redis_streams=1)).unknown,
                         ["Mosquitto not run"])

    def test_a_peer_that_only_failed_here_is_left_out(self):
        best = self.best(False, RATE, rates("fanout-100", nats=1, redis=2, redis_streams=1), rates("x", mosquitto=1),
                         [run("fanout-100", "mosquitto", failure="lost one")])
        self.assertEqual((best.unknown, best.notes, best.left_out),
                         ([], ["without Mosquitto, which failed", "Redis Pub/Sub: 1 of 7 runs usable"], True))

    def test_a_peer_that_never_worked_is_unknown(self):
        best = self.best(False, RATE, rates("fanout-100", nats=1, redis=2, redis_streams=1),
                         [run("fanout-100", "mosquitto", failure="no server")])
        self.assertEqual(best.unknown, ["Mosquitto failed: no server"])


class Ratios(unittest.TestCase):
    """Of one goal, 4 times the best peer's at least, with NATS the best."""

    def judged(self, ours, theirs):
        """Two lists, a run for each round; None where the round has no usable run."""
        runs = [run("throughput-16", system, number=number, deliveries_per_second=rate or 0, dropped=rate is None)
                for system, several in (("leveret", ours), ("nats", theirs)) for number, rate in enumerate(several, 1)]
        found, = judgements(results(runs, rates("throughput-16", redis=1, redis_streams=1, mosquitto=1)), "16 B:")
        return found

    def test_it_is_the_median_of_those_of_the_rounds_with_their_range(self):
        # The medians are 500 and 100; what slowed the machine down did it to both.
        one = self.judged([500, 900, 100, 200, 600], [100, 300, 25, 50, 200])
        self.assertEqual((one.ratio, one.verdict), ("4.00 × (3.00 – 5.00)", judge.REACHED))

    def test_the_verdict_goes_by_it_and_not_by_the_medians(self):
        # Medians: 400 and 100. Rounds: 4, 2, 3, 5 and 3.9.
        one = self.judged([400, 400, 300, 500, 390], [100, 200, 100, 100, 100])
        self.assertEqual((one.ratio, one.verdict), ("3.90 × (2.00 – 5.00)", judge.NOT_REACHED))

    def test_only_rounds_in_which_both_are_usable_count(self):
        one = self.judged([400, None, 400, 500, 600], [100, 1, 100, None, 100])
        self.assertEqual(one.ratio, "4.00 × (4.00 – 6.00)")
        self.assertNotIn("ratio of the medians", one.notes)

    def test_of_fewer_than_three_rounds_it_is_that_of_the_medians_and_says_so(self):
        one = self.judged([400, 500, 600], [100, 200, None])
        self.assertEqual(one.ratio, "3.33 ×")  # 500 / 150
        self.assertIn("ratio of the medians: 2 rounds pair up", one.notes)
        self.assertIn("1 round pairs up", self.judged([400], [100]).notes)

    def test_all_of_it_is_rounded_to_our_disadvantage(self):
        self.assertEqual(self.judged([4.999] * 3, [1] * 3).ratio, "4.99 × (4.99 – 4.99)")
        bound = judge.Bound(False, 1.35)
        self.assertEqual(judge.Ratio(1.001, 0.501, 2.001).shown(bound), "1.01 × (0.51 – 2.01)")
        self.assertEqual(judge.Ratio(0.8996, 0.7, 1.2).shown(judge.Bound(True, 0.9, percent=True)),
                         "89.9 % (70.0 – 120.0)")

    def test_other_workloads_of_a_group_have_the_same_rounds(self):
        some = results(rates("growth-base", leveret=[100, 200, 1000]),
                       rates("growth-topics-100", leveret=[95, 180, 800]))
        self.assertEqual(judgements(some, "100 idle topics")[0].ratio, "90.0 % (80.0 – 95.0)")

    def test_a_round_in_which_they_measured_nothing_has_no_ratio(self):
        self.assertEqual(self.judged([400, 500, 600, 700], [0.0, 100, 100, 100]).ratio, "6.00 × (5.00 – 7.00)")


class FewRuns(unittest.TestCase):
    def notes(self, used, wanted, theirs=7):
        some = results([run("throughput-16", "leveret", number=number, deliveries_per_second=900, runs_wanted=wanted)
                        for number in range(1, used + 1)],
                       rates("throughput-16", nats=[100] * theirs, redis=1, redis_streams=1, mosquitto=1))
        return judgements(some, "16 B:")[0].notes, goals.goals_page(some)

    def test_what_was_wanted_is_that_of_the_case(self):
        for used, wanted, expected in ((5, 7, "Leveret: 5 of 7 runs usable"), (2, 3, "Leveret: 2 of 3 runs usable"),
                                       (3, 3, "Leveret: 3 runs"), (7, 7, ""), (7, 9, "Leveret: 7 of 9 runs usable"),
                                       (9, 9, "")):
            note = "; ".join(one for one in self.notes(used, wanted)[0].split("; ") if "ratio" not in one)
            self.assertEqual(note, expected)

    def test_the_top_counts_the_reached_goals_that_rest_on_them(self):
        for used, theirs, expected in ((7, 7, 0), (6, 7, 1), (7, 6, 1)):
            self.assertIn(f"1 reached (0 of them also the aim, {expected} from fewer than 7 runs of one side)",
                          self.notes(used, 7, theirs)[1])


class Tails(unittest.TestCase):
    """A p99 counts as lower only where the ranges are apart, and only of enough messages."""
    PEERS_APART = {"nats": [200] * 3, "redis": [300] * 3, "mosquitto": [400] * 3}

    def test_the_slowest_of_ours_is_to_be_within_the_bound_of_their_fastest(self):
        for ours, expected in (([100, 110, 150], judge.REACHED), ([100, 110, 151], judge.OVERLAP),
                               ([100, 160, 170], judge.NOT_REACHED)):
            some = results(latencies("round-trip-apart", leveret=ours, bare=[100, 100, 110], **self.PEERS_APART))
            found, = judgements(some, "two cores: p99, times the bare")
            self.assertEqual(found.verdict, expected)
            self.assertEqual("ranges overlap with bare (no broker): 100 ns (100 ns – 110 ns), times 1.5" in found.notes,
                             expected == judge.OVERLAP)
            # Of a median nothing else is asked.
            self.assertEqual(verdict(some, "two cores: p50, times the bare") == judge.NOT_REACHED,
                             expected == judge.NOT_REACHED)

    def test_it_is_beside_the_fastest_run_of_any_peer(self):
        peers = {**self.PEERS_APART, "mosquitto": [119, 400, 400]}
        for ours, expected in (([100, 110, 119], judge.REACHED), ([100, 110, 120], judge.OVERLAP)):
            found, = judgements(results(latencies("round-trip-apart", leveret=ours, **peers)),
                                "two cores: p99, times the lowest")
            self.assertEqual((found.verdict, found.compared_with), (expected, "NATS: 200 ns (200 ns – 200 ns)"))
            self.assertEqual("ranges overlap with Mosquitto: 400 ns (119 ns – 400 ns)" in found.notes,
                             expected == judge.OVERLAP)
            self.assertEqual(verdict(results(latencies("round-trip-apart", leveret=ours, **peers)),
                                     "two cores: p50, times the lowest"), judge.REACHED)

    def test_a_live_subscriber_beside_a_replay(self):
        for beside, expected in (([100, 110, 150], judge.REACHED), ([100, 110, 151], judge.OVERLAP)):
            some = results(latencies("live-alone", "library", leveret_file=[100, 100, 120]),
                           latencies("live-beside-replay", "library", leveret_file=beside))
            self.assertEqual(verdict(some, "times that without", "library"), expected)

    def test_a_missing_peer_leaves_an_overlap_open(self):
        some = results(latencies("round-trip-apart", leveret=[100, 110, 500], nats=[200] * 3, redis=[300] * 3))
        self.assertEqual(verdict(some, "two cores: p99, times the lowest"), judge.NOT_MEASURED)

    def test_too_few_messages_measure_nothing(self):
        for few in ("leveret", "nats"):
            for count, words, expected in ((9_999, "p99.9", judge.NOT_MEASURED), (10_000, "p99.9", judge.REACHED),
                                           (999, "p99", judge.NOT_MEASURED), (1_000, "p99", judge.REACHED)):
                some = results([run("open-loop-20k", system, latency_ns=percentiles(time, count if system == few
                                                                                    else 20_000))
                                for system, time in (("leveret", 1), ("nats", 2), ("redis", 3), ("mosquitto", 4))])
                found, = [one for one in judgements(some, "at 20,000") if one.goal.endswith(f": {words}")]
                self.assertEqual(found.verdict, expected)
                self.assertEqual("has too few samples" in found.notes, expected == judge.NOT_MEASURED)

    def test_ours_that_failed_in_part_is_not_below_all(self):
        some = results(latencies("open-loop-20k", leveret=1, nats=2, redis=3, mosquitto=4),
                       [run("open-loop-20k", "leveret", failure="lost one")])
        self.assertEqual({one.verdict for one in judgements(some, "at 20,000")}, {judge.NOT_MEASURED})


class Goals(unittest.TestCase):
    PEERS_AT_100 = {"nats": 100, "redis": 50, "redis_streams": 20, "mosquitto": 1}

    def against_peers(self, workload, client, ours):
        return results(rates(workload, client, leveret=ours, **self.PEERS_AT_100))

    def test_multiples_of_the_best_peers_rate(self):
        for workload, title, client, asked in (
                ("throughput-16", "16 B:", "library", 5), ("throughput-16", "16 B:", "raw", 4),
                ("throughput-128", "subscriber, 128 B: deliveries", "library", 4),
                ("throughput-1024", "1 KiB: deliveries", "library", 2),
                ("throughput-1024", "1 KiB: deliveries", "raw", 2),
                ("fanout-100", "100 subscribers, 128 B: deliveries/s, times", "library", 3),
                ("fanout-100", "100 subscribers, 128 B: deliveries/s, times", "raw", 3.5),
                ("round-robin-10000", "in turn", "library", 1), ("round-robin-10000", "in turn", "raw", 1)):
            with self.subTest(workload=workload, client=client):
                for ours, expected in ((asked * 100, judge.REACHED), (asked * 100 - 1, judge.NOT_REACHED)):
                    self.assertEqual(verdict(self.against_peers(workload, client, ours), title, client), expected)

    def test_the_aim_beyond_a_goal(self):
        for ours, expected in ((299, judge.NOT_REACHED), (300, judge.REACHED), (399, judge.REACHED),
                               (400, judge.AIM_REACHED)):
            some = self.against_peers("throughput-128", "raw", ours)
            self.assertEqual(verdict(some, "subscriber, 128 B: deliveries"), expected)

    def test_a_missing_peer_leaves_a_goal_open_unless_another_beats_us(self):
        without_one = {name: rate for name, rate in self.PEERS_AT_100.items() if name != "redis"}
        for ours, expected in ((10_000, judge.NOT_MEASURED), (100, judge.NOT_REACHED)):
            some = results(rates("throughput-16", leveret=ours, **without_one))
            self.assertEqual(verdict(some, "16 B:"), expected)

    def test_dropped_or_failed_runs_of_ours_measure_nothing(self):
        for reason in ({"dropped": True}, {"failure": "lost one"}):
            some = results(rates("throughput-16", **self.PEERS_AT_100),
                           [run("throughput-16", "leveret", deliveries_per_second=1e9, **reason)])
            self.assertEqual(verdict(some, "16 B:"), judge.NOT_MEASURED)

    def test_some_failed_runs_of_ours_are_noted(self):
        some = results(rates("throughput-16", leveret=900, **self.PEERS_AT_100),
                       [run("throughput-16", "leveret", failure="lost one")])
        self.assertIn("1 of 2 runs of Leveret failed", judgements(some, "16 B:")[0].notes)

    def test_share_of_the_bare_relay_whichever_client_ours_is(self):
        for workload, title in (("throughput-1024", "1 KiB: bytes"), ("throughput-16384", "16 KiB: bytes")):
            for ours, expected in ((649, judge.NOT_REACHED), (650, judge.REACHED), (800, judge.AIM_REACHED)):
                for client in CLIENTS:
                    some = results(rates(workload, client, leveret=ours), rates(workload, "raw", bare=1000))
                    self.assertEqual(verdict(some, title, client), expected)

    def test_share_of_bare_fan_out(self):
        for ours, expected in ((749, judge.NOT_REACHED), (750, judge.REACHED), (900, judge.AIM_REACHED)):
            self.assertEqual(verdict(results(rates("fanout-100", leveret=ours, bare=1000)), "share of bare"), expected)

    def test_server_cpu_is_lower_by_a_factor(self):
        for workload, title in (("throughput-128", "1 subscriber, 128 B: server CPU"),
                                ("fanout-100", "100 subscribers, 128 B: server CPU")):
            for ours, expected in ((1.01, judge.NOT_REACHED), (1.0, judge.REACHED), (0.75, judge.AIM_REACHED)):
                for client in CLIENTS:
                    costs = {"leveret": ours, **dict(zip(PEERS, (3, 4, 5, 6)))}
                    some = results([run(workload, name, client, server_cpu_seconds_per_million=cost)
                                    for name, cost in costs.items()])
                    self.assertEqual(verdict(some, title, client), expected)

    def test_round_trip_beside_the_bare_echo(self):
        for workload, title in (("round-trip-apart", "on two cores"), ("round-trip-together", "on one core")):
            for ours, p50, p99 in ((120, judge.AIM_REACHED, judge.REACHED), (135, judge.REACHED, judge.REACHED),
                                   (136, judge.NOT_REACHED, judge.REACHED),
                                   (151, judge.NOT_REACHED, judge.NOT_REACHED)):
                some = results(latencies(workload, leveret=ours, bare=100))
                self.assertEqual(verdict(some, f"{title}: p50, times the bare"), p50)
                self.assertEqual(verdict(some, f"{title}: p99, times the bare"), p99)

    def test_round_trip_beside_the_lowest_peer_needs_them_all(self):
        for others, expected in (({"nats": 100, "redis": 90, "mosquitto": 95}, judge.REACHED),
                                 ({"nats": 100, "redis": 90, "mosquitto": 89}, judge.NOT_REACHED),
                                 ({"nats": 80, "redis": 90, "mosquitto": 95}, judge.NOT_REACHED),
                                 ({"nats": 100, "redis": 90}, judge.NOT_MEASURED)):
            for client in CLIENTS:
                some = results(latencies("round-trip-apart", client, leveret=90, leveret_no_polling=1, **others))
                for percentile in ("p50", "p99"):
                    self.assertEqual(verdict(some, f"two cores: {percentile}, times the lowest", client), expected)

    def test_open_loop_tails_are_lower_only_where_the_ranges_are_apart(self):
        for workload, title in (("open-loop-20k", "at 20,000"), ("open-loop-200k", "at 200,000")):
            for ours, expected in (([10, 11, 12], judge.REACHED), ([10, 11, 40], judge.OVERLAP),
                                   ([10, 60, 60], judge.NOT_REACHED)):
                for client in CLIENTS:
                    some = results(latencies(workload, client, leveret=ours, nats=[45, 50, 55], redis=[35, 90, 90],
                                             redis_streams=200, mosquitto=300))
                    for percentile in ("p99", "p99.9"):
                        found = [one.verdict for one in judgements(some, title, client)
                                 if one.goal.endswith(f": {percentile}")]
                        self.assertEqual(found, [expected])

    def test_open_loop_without_one_peer_is_not_measured(self):
        some = results(latencies("open-loop-20k", leveret=1, nats=10, redis=10, redis_streams=10))
        self.assertEqual({one.verdict for one in judgements(some, "at 20,000")}, {judge.NOT_MEASURED})

    def test_memory_of_an_idle_connection(self):
        for memory, expected in ((3073, judge.NOT_REACHED), (3072, judge.REACHED), (2048, judge.AIM_REACHED)):
            some = results([run("idle-connections-zaichik", "leveret", memory_per_connection_bytes=memory)])
            self.assertEqual(verdict(some, "memory per connection"), expected)

    def test_growth_and_windows_keep_a_share_of_our_own_rate(self):
        for base, workload, title, asked in (
                ("growth-base", "growth-topics-100", "100 idle topics", 90),
                ("growth-base", "growth-topics-10000", "10,000 idle topics", 90),
                ("growth-base", "growth-retained-1m", "beside 1 million", 90),
                ("growth-base", "growth-retained-10m", "beside 10 million", 90),
                ("growth-base", "growth-idle-10000", "10,000 idle connections", 90),
                ("window-off", "window-100k", "100,000 keys): deliveries", 85),
                ("window-off", "window-10m", "10 million keys): deliveries", 50)):
            with self.subTest(workload=workload):
                for ours, expected in ((asked, judge.REACHED), (asked - 1, judge.NOT_REACHED)):
                    some = results(rates(base, leveret=100), rates(workload, leveret=ours))
                    self.assertEqual(verdict(some, title), expected)
                alone = results(rates(workload, leveret=100))
                self.assertEqual(verdict(alone, title), judge.NOT_MEASURED)

    def test_memory_of_a_key_in_a_window(self):
        for memory, expected in ((64, judge.REACHED), (64.5, judge.NOT_REACHED)):
            some = results([run("window-10m", "leveret", memory_per_key_bytes=memory)])
            self.assertEqual(verdict(some, "10 million keys): memory"), expected)

    def test_zaichik_stream(self):
        for time, cost, expected in ((135, 4.5, judge.REACHED), (136, 4.6, judge.NOT_REACHED)):
            some = results([run("zaichik-stream", "leveret", latency_ns=percentiles(time)),
                            run("zaichik-stream", "bare", latency_ns=percentiles(100)),
                            run("zaichik-eight-topics", "leveret", server_cpu_seconds_per_million=cost)])
            self.assertEqual([one.verdict for one in judgements(some, "zaichik dialect, one record")], [expected])
            self.assertEqual([one.verdict for one in judgements(some, "zaichik dialect, 8 publishers")], [expected])

    def stored(self, workload, **by_system):
        """Runs for rates of acknowledged publishes; leveret_file stands for leveret-file."""
        return [one for system, several in by_system.items()
                for one in rates(workload, "raw" if system == "bare" else "library", "acknowledged_per_second",
                                 **{system: several})]

    def test_acknowledged_publishes_beside_each_peer(self):
        for workload, peer, words, asked in (
                ("acknowledged-sync", "nats_jetstream", "synced, 4,096 outstanding, 128 B: acknowledged/s, times N", 8),
                ("acknowledged-sync", "redis_aof", "synced, 4,096 outstanding, 128 B: acknowledged/s, times R", 8),
                ("acknowledged-os", "redis_aof", "system, 4,096 outstanding, 128 B: acknowledged/s, times R", 4)):
            for ours, expected in ((asked * 100, judge.REACHED), (asked * 100 - 1, judge.NOT_REACHED)):
                some = results(self.stored(workload, leveret_file=ours, leveret_rocksdb=1e6,
                                           **{peer: 100, f"{peer}_best": 1}))
                self.assertEqual(verdict(some, words, "library"), expected)
        self.assertEqual(verdict(results(self.stored("acknowledged-os", leveret_file=5)), "system, 4,096", "library"),
                         judge.NOT_MEASURED)

    def test_a_stored_peer_is_judged_by_the_better_of_plain_and_tuned(self):
        some = results(self.stored("acknowledged-sync", leveret_file=[800] * 7, redis_aof=[100] * 7,
                                   redis_aof_best=[400] * 7, nats_jetstream=[100] * 7, nats_jetstream_best=[80] * 7))
        of_redis, = judgements(some, "synced, 4,096 outstanding, 128 B: acknowledged/s, times Redis", "library")
        self.assertEqual((of_redis.verdict, of_redis.compared_with, of_redis.ratio, of_redis.notes),
                         (judge.NOT_REACHED, "Redis AOF, tuned: 400 (400 – 400)", "2.00 × (2.00 – 2.00)",
                          "Redis AOF: 100 (100 – 100), 8.00 × (8.00 – 8.00)"))
        of_nats, = judgements(some, "synced, 4,096 outstanding, 128 B: acknowledged/s, times NATS", "library")
        self.assertEqual((of_nats.verdict, of_nats.compared_with),
                         (judge.REACHED, "NATS JetStream: 100 (100 – 100)"))
        for part in ("does not sync before it answers", "tuned: 80.0 (80.0 – 80.0), 10.00 × (10.00 – 10.00)"):
            self.assertIn(part, of_nats.notes)

    def test_the_better_of_two_needs_both(self):
        for others, expected in (({"redis_aof": 100}, judge.NOT_MEASURED),
                                 ({"redis_aof_best": 100}, judge.NOT_MEASURED),
                                 ({"redis_aof": 100, "redis_aof_best": 1}, judge.REACHED)):
            some = results(self.stored("acknowledged-os", leveret_file=400, **others))
            self.assertEqual(verdict(some, "system, 4,096", "library"), expected)

    def test_a_tuned_peer_counts_in_a_replay_where_it_was_run(self):
        for tuned, expected in (({}, judge.REACHED), ({"nats_jetstream_best": 100}, judge.REACHED),
                                ({"nats_jetstream_best": 101}, judge.NOT_REACHED)):
            some = results(rates("replay", "library", leveret_file=500, nats_jetstream=10, redis_aof=100, **tuned))
            self.assertEqual(verdict(some, "restart, 128 B: deliveries", "library"), expected)

    def test_stored_workloads_beside_bare(self):
        for ours, expected in ((50, judge.REACHED), (49, judge.NOT_REACHED)):
            some = results(self.stored("acknowledged-sync", leveret_file=ours, bare=100),
                           rates("replay", "library", leveret_file=ours), rates("replay", "raw", bare=100))
            self.assertEqual(verdict(some, "share of the bare append's", "library"), expected)
            self.assertEqual(verdict(some, "restart, 128 B: bytes", "library"), expected)
        for ours, expected in ((135, judge.REACHED), (136, judge.NOT_REACHED)):
            some = results(latencies("acknowledged-one", "library", leveret_file=ours),
                           latencies("acknowledged-one", "raw", bare=100))
            self.assertEqual(verdict(some, "one at a time, 128 B: p50", "library"), expected)

    def test_replay_beside_the_best_peer_needs_both(self):
        for others, ours, expected in (({"nats_jetstream": 10, "redis_aof": 100}, 500, judge.REACHED),
                                       ({"nats_jetstream": 10, "redis_aof": 100}, 499, judge.NOT_REACHED),
                                       ({"redis_aof": 100}, 500, judge.NOT_MEASURED)):
            some = results(rates("replay", "library", leveret_file=ours, **others))
            self.assertEqual(verdict(some, "restart, 128 B: deliveries", "library"), expected)

    def test_a_replay_may_cost_live_subscribers_half_as_much_again(self):
        for beside, expected in ((150, judge.REACHED), (151, judge.NOT_REACHED)):
            some = results(latencies("live-alone", "library", leveret_file=100),
                           latencies("live-beside-replay", "library", leveret_file=beside))
            self.assertEqual(verdict(some, "times that without", "library"), expected)

    def test_starts_and_memory_of_stored_topics(self):
        for workload, title in (("recovery-1", "on one stored topic"), ("recovery-1000", "on 1,000 stored topics")):
            for clean, killed, expected in ((2, 10, judge.REACHED), (2.01, 10.1, judge.NOT_REACHED)):
                some = results([run(workload, "leveret-file", "library", ready_after_stop_seconds=clean,
                                    ready_after_kill_seconds=killed)])
                self.assertEqual([one.verdict for one in judgements(some, title, "library")], [expected] * 2)
        for memory, expected in ((64 << 10, judge.REACHED), (65 << 10, judge.NOT_REACHED)):
            some = results([run("stored-topics", "leveret-file", "library", memory_per_topic_bytes=memory,
                                memory_per_restarted_topic_bytes=memory)])
            verdicts = [one.verdict for one in judgements(some, "stored topics, idle", "library")]
            self.assertEqual(verdicts, [expected] * 2)

    def test_without_runs_nothing_is_measured(self):
        everything = goals.all_judgements(results([]))
        self.assertGreater(len(everything), 40)
        self.assertEqual({one.verdict for one in everything}, {judge.NOT_MEASURED})
        self.assertIn("0 reached", goals.goals_page(results([])))

    def test_the_page_counts_and_lists(self):
        page = goals.goals_page(self.against_peers("throughput-16", "raw", 450))
        self.assertIn(" 1 reached ", page)
        self.assertRegex(page, r"\| raw \| ≥ 4 × \| – \| Leveret: 450 \| NATS: 100 \| 4\.50 × \| reached \|")
        self.assertIn("revision `v1-5-gabc`", page)
        self.assertIn("from 1,000 messages in each run on, a p99.9 from 10,000", page)


if __name__ == "__main__":
    unittest.main()
