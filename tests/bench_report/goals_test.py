"""The goals of the comparison, reached, not reached and not measured: goals_test.py FOLDER_OF_REPORT_PY"""

import unittest

from made_up import CLIENTS, latencies, rates, results, run
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
        some = results(rates("fanout-100", nats=100, redis=50, mosquitto=1) + rates("throughput-128", nats=100, redis=50,
                                                                                    mosquitto=1))
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
        self.assertEqual((best.unknown, best.notes, best.left_out), ([], ["without Mosquitto, which failed"], True))

    def test_a_peer_that_never_worked_is_unknown(self):
        best = self.best(False, RATE, rates("fanout-100", nats=1, redis=2, redis_streams=1),
                         [run("fanout-100", "mosquitto", failure="no server")])
        self.assertEqual(best.unknown, ["Mosquitto failed: no server"])


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

    def test_round_trip_beside_nats_and_redis_needs_both(self):
        for others, expected in (({"nats": 100, "redis": 90}, judge.REACHED),
                                 ({"nats": 80, "redis": 90}, judge.NOT_REACHED),
                                 ({"nats": 100}, judge.NOT_MEASURED)):
            for client in CLIENTS:
                some = results(latencies("round-trip-apart", client, leveret=90, mosquitto=1, **others))
                for percentile in ("p50", "p99"):
                    self.assertEqual(verdict(some, f"two cores: {percentile}, times the lower", client), expected)

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
        for smallest, workload, title, asked in (
                ("growth-topics-1", "growth-topics-100", "100 idle topics", 90),
                ("growth-topics-1", "growth-topics-10000", "10,000 idle topics", 90),
                ("growth-retained-0", "growth-retained-1m", "beside 1 million", 90),
                ("growth-retained-0", "growth-retained-10m", "beside 10 million", 90),
                ("growth-idle-0", "growth-idle-10000", "10,000 idle connections", 90),
                ("window-off", "window-100k", "100,000 keys: deliveries", 85),
                ("window-off", "window-10m", "10 million keys: deliveries", 50)):
            with self.subTest(workload=workload):
                for ours, expected in ((asked, judge.REACHED), (asked - 1, judge.NOT_REACHED)):
                    some = results(rates(smallest, leveret=100), rates(workload, leveret=ours))
                    self.assertEqual(verdict(some, title), expected)
                alone = results(rates(workload, leveret=100))
                self.assertEqual(verdict(alone, title), judge.NOT_MEASURED)

    def test_memory_of_a_key_in_a_window(self):
        for memory, expected in ((64, judge.REACHED), (64.5, judge.NOT_REACHED)):
            some = results([run("window-10m", "leveret", memory_per_key_bytes=memory)])
            self.assertEqual(verdict(some, "10 million keys: memory"), expected)

    def test_zaichik_stream(self):
        for time, cost, expected in ((135, 4.5, judge.REACHED), (136, 4.6, judge.NOT_REACHED)):
            some = results([run("zaichik-stream", "leveret", latency_ns={"p50": time}),
                            run("zaichik-stream", "bare", latency_ns={"p50": 100}),
                            run("zaichik-eight-topics", "leveret", server_cpu_seconds_per_million=cost)])
            self.assertEqual([one.verdict for one in judgements(some, "zaichik dialect, one record")], [expected])
            self.assertEqual([one.verdict for one in judgements(some, "zaichik dialect, 8 publishers")], [expected])

    def stored(self, workload, **by_system):
        """A run for each rate of acknowledged publishes; leveret_file stands for leveret-file."""
        return [run(workload, system.replace("_", "-"), "raw" if system == "bare" else "library",
                    acknowledged_per_second=rate) for system, rate in by_system.items()]

    def test_acknowledged_publishes_beside_each_peer(self):
        for workload, peer, words, asked in (
                ("acknowledged-sync", "nats_jetstream", "synced, 4,096 outstanding, 128 B: acknowledged/s, times N", 8),
                ("acknowledged-sync", "redis_aof", "synced, 4,096 outstanding, 128 B: acknowledged/s, times R", 8),
                ("acknowledged-os", "redis_aof", "system, 4,096 outstanding, 128 B: acknowledged/s, times R", 4)):
            for ours, expected in ((asked * 100, judge.REACHED), (asked * 100 - 1, judge.NOT_REACHED)):
                some = results(self.stored(workload, leveret_file=ours, leveret_rocksdb=1e6, **{peer: 100}))
                self.assertEqual(verdict(some, words, "library"), expected)
        self.assertEqual(verdict(results(self.stored("acknowledged-os", leveret_file=5)), "system, 4,096", "library"),
                         judge.NOT_MEASURED)

    def test_a_peer_with_settings_of_its_own_is_noted_and_not_judged(self):
        some = results(self.stored("acknowledged-sync", leveret_file=800, redis_aof=100, redis_aof_best=400,
                                   nats_jetstream=100))
        of_redis, = judgements(some, "synced, 4,096 outstanding, 128 B: acknowledged/s, times Redis", "library")
        self.assertEqual((of_redis.verdict, of_redis.notes), (judge.REACHED, "Redis AOF, tuned: 400, 2.00 ×"))
        of_nats, = judgements(some, "synced, 4,096 outstanding, 128 B: acknowledged/s, times NATS", "library")
        self.assertIn("does not sync before it answers", of_nats.notes)

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


if __name__ == "__main__":
    unittest.main()
