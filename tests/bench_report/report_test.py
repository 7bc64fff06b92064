"""What the report makes of results, except for the goals: report_test.py FOLDER_OF_REPORT_PY"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

from made_up import CLIENTS, FOLDER, document, latencies, percentiles, rates, results, run
from report import judge, lines, text
from report.pictures import pictures
from report.results import (BARE, LABELS, LEVERET, LEVERET_STORED, NO_POLLING, PEERS, STORED_PEERS, TUNED_PEERS,
                            InvalidResults, Results)
from report.tables import results_page

RATE = "deliveries_per_second"
SVG = "{http://www.w3.org/2000/svg}"


class Medians(unittest.TestCase):
    def test_dropped_and_failed_runs_are_not_used_but_counted(self):
        case = results(rates("throughput-16", nats=[10, 30, 20]), [
            run("throughput-16", "nats", dropped=True, deliveries_per_second=1000),
            run("throughput-16", "nats", failure="lost one", deliveries_per_second=1),
            run("throughput-16", "nats", failure="busy and lost one", dropped=True, deliveries_per_second=1),
        ]).case("throughput-16", "nats", "raw")
        figure = case.figure(RATE)
        self.assertEqual((figure.median, figure.low, figure.high, figure.runs), (20, 10, 30, 3))
        self.assertEqual((len(case.used), len(case.dropped), len(case.failed), case.runs), (3, 1, 2, 6))

    def test_of_an_even_number_of_runs_it_is_the_middle(self):
        self.assertEqual(results(rates("x", nats=[10, 20])).case("x", "nats", "raw").figure(RATE).median, 15)

    def test_clients_and_workloads_are_kept_apart(self):
        several = results(rates("x", nats=1), rates("x", "library", nats=2), rates("y", nats=3))
        self.assertEqual(several.case("x", "nats", "library").figure(RATE).median, 2)
        self.assertIsNone(several.case("y", "nats", "library").figure(RATE))

    def test_a_percentile_is_the_median_over_the_runs(self):
        case = results(latencies("open-loop-20k", nats=[5, 9, 6])).case("open-loop-20k", "nats", "raw")
        self.assertEqual(case.figure("latency_ns.p99").median, 6)
        self.assertIsNone(case.figure("latency_ns.p90"))

    def test_a_tail_needs_enough_samples_in_every_run(self):
        for counts, p99, p999 in (((10_000, 10_000), 5, 5), ((10_000, 9_999), 5, None), ((1_000, 1_000), 5, None),
                                  ((10_000, 999), None, None)):
            case = results([run("x", "nats", number=number, latency_ns=percentiles(5, count))
                            for number, count in enumerate(counts, 1)]).case("x", "nats", "raw")
            for key, expected in (("p50", 5), ("p99", p99), ("p999", p999)):
                figure = case.figure(f"latency_ns.{key}")
                self.assertEqual(figure and figure.median, expected, f"{counts} {key}")
        self.assertEqual(case.why_nothing("latency_ns.p99"), "has too few samples")

    def test_a_run_that_was_not_used_may_have_few_samples(self):
        case = results([run("x", "nats", latency_ns=percentiles(5, 3), dropped=True),
                        run("x", "nats", latency_ns=percentiles(5, 10_000))]).case("x", "nats", "raw")
        self.assertEqual(case.figure("latency_ns.p999").median, 5)

    def test_a_run_belongs_to_the_round_of_its_number(self):
        case = results([run("x", "nats", number=2, deliveries_per_second=20),
                        run("x", "nats", number=1, dropped=True, deliveries_per_second=1),
                        run("x", "nats", number=1, deliveries_per_second=10)]).case("x", "nats", "raw")
        self.assertEqual(case.figure(RATE).rounds, {2: 20, 1: 10})


class Text(unittest.TestCase):
    def test_numbers(self):
        for value, expected in ((10_600_000, "10.6 M"), (1358, "1,358"), (999_999.6, "1.00 M"), (999_999.4, "999,999"),
                                (131_245.3, "131,245"), (99.96, "100"), (12.34, "12.3"), (9.996, "10.0"),
                                (0.05234, "0.0523"), (0, "0"), (219e6, "219 M")):
            self.assertEqual(text.human(value), expected)
        self.assertEqual([text.in_millions(value) for value in (133_243, 12e6, 0)], ["0.133 M", "12.0 M", "0"])

    def test_times_and_bytes(self):
        self.assertEqual([text.human_time(time) for time in (850, 12_345, 4.5e6, 2e9)],
                         ["850 ns", "12.3 µs", "4.50 ms", "2.00 s"])
        self.assertEqual([text.human_bytes(size) for size in (12, 2900, 3 << 20)], ["12.0 B", "2.83 KiB", "3.00 MiB"])

    def test_ratios_are_rounded_to_our_disadvantage(self):
        self.assertEqual(judge.Bound(True, 4).ratio_text(3.9999), "3.99 ×")
        self.assertEqual(judge.Bound(False, 1.35).ratio_text(1.3501), "1.36 ×")
        self.assertEqual(judge.Bound(True, 0.9, percent=True).ratio_text(0.89999), "89.9 %")
        self.assertEqual(judge.Bound(True, 4).ratio_text(4.0), "4.00 ×")

    def test_a_failure_text_breaks_no_table(self):
        self.assertEqual(text.cell("a|b\nc <d>"), "a\\|b c &lt;d>")


class Tables(unittest.TestCase):
    def test_a_row_has_the_figures_in_the_units_of_the_head(self):
        page = results_page(results([
            run("throughput-128", "nats", number=number, deliveries_per_second=number * 1e6,
                bytes_per_second=number * 128e6, server_cpu_seconds_per_million=0.25,
                server_memory_peak_bytes=50 << 20,
                latency_ns={"p50": 1500, "p99": 2500, "p999": 3_760_000_000, "count": 10_000})
            for number in (2, 3, 4)]))
        self.assertIn("| NATS | 3.00 M (2.00 M – 4.00 M) | 384 | 1.50 µs (1.50 µs – 1.50 µs) | "
                      "2.50 µs (2.50 µs – 2.50 µs) | 3.76 s (3.76 s – 3.76 s) | 0.250 | 50.0 | 3 | 0 | 0 |", page)
        self.assertIn("| p50 (min – max) | p99 (min – max) | p99.9 (min – max) |", page)

    def test_a_percentile_of_too_few_samples_is_a_dash(self):
        page = results_page(results(latencies("open-loop-20k", count=1_000, nats=[1500, 1500])))
        self.assertIn("| NATS | 1.50 µs (1.50 µs – 1.50 µs) | 1.50 µs (1.50 µs – 1.50 µs) | – | 2 | 0 | 0 |", page)

    def test_how_many_keys_a_window_held(self):
        page = results_page(results([run("window-100k", "leveret", "library", window_keys=70_400,
                                         memory_per_key_bytes=50)]))
        self.assertIn("| System | Keys held (min – max) | Memory per key", page)
        self.assertIn("| Leveret | 70,400 | 50.0 | 1 | 0 | 0 |", page)
        self.assertIn("compaction window of 18 ms (asked: about 100,000 keys) (`window-100k`)", page)

    def section(self, workload, *runs):
        return results_page(results(*runs)).split(f"(`{workload}`)")[1].split("\n## ")[0]

    def test_above_a_table_stands_what_its_runs_were(self):
        several = [run("fanout-10", system, runs_wanted=runs, seconds=seconds, deliveries_per_second=1)
                   for system, runs, seconds in (("leveret", 7, 1), ("nats", 7, 1.0), ("redis", 3, 2.5),
                                                 ("mosquitto", 3, 2.5))]
        section = self.section("fanout-10", several)
        self.assertIn("\n7 runs of 1 s; Redis Pub/Sub, Mosquitto: 3 runs of 2.5 s.\n", section)
        self.assertNotIn(" runs of ", section.split("### Raw clients")[0])  # nobody has a run by a library
        self.assertIn("\n7 runs of 0.5 s.\n", self.section("new-one", [run("new-one", "nats", seconds=0.5)]))

    def test_a_run_that_is_not_measured_for_a_time_says_what_it_lasts(self):
        self.assertIn("\n3 runs, each until the server is ready, once after",
                      self.section("recovery-1", [run("recovery-1", "leveret-file", "library", runs_wanted=3)]))
        self.assertIn("\n7 runs, each until all records are read; the bare relay's 1 s.\n",
                      self.section("replay", [run("replay", "leveret-file", "library")]))

    def test_who_was_left_out_on_purpose_has_the_reason_beside_it(self):
        self.assertIn("| Redis Streams | not run: another way to use Redis", self.section("fanout-1000"))
        self.assertIn("| Mosquitto | not run: what a publisher may be ahead", self.section("fanout-1000"))
        self.assertIn("| Redis AOF | not run: to fill it takes half an hour |", self.section("recovery-1"))
        self.assertIn("| Redis AOF, tuned | not run: its settings are for", self.section("replay"))
        self.assertIn("| Redis AOF, tuned | 5.00 |", self.section(
            "replay", [run("replay", "redis-aof-best", "library", deliveries_per_second=5)]))
        self.assertIn("Redis Streams | not run |", self.section("throughput-16"))

    def test_no_system_is_missing_among_those_of_another_kind(self):
        for workload, others in (("throughput-16", "Redis AOF"), ("throughput-16", "no polling"),
                                 ("replay", "Mosquitto"), ("growth-base", "NATS |")):
            self.assertNotIn(others, self.section(workload, [run(workload, "leveret")]))

    def test_a_server_that_does_not_poll_is_beside_the_others_where_that_matters(self):
        for workload in ("round-trip-apart", "round-trip-unpinned", "open-loop-200k"):
            section = self.section(workload, latencies(workload, leveret_no_polling=5000, leveret=4000))
            self.assertRegex(section, r"\| Leveret \| 4.*\n\| Leveret, no polling \| 5\.00 µs \|")
            self.assertIn("| Leveret, no polling | not run |", self.section(workload))

    def test_a_kind_of_client_that_was_never_meant_to_be_has_no_table(self):
        self.assertNotIn("### Client libraries", self.section("idle-connections"))
        self.assertIn("### Raw clients", self.section("idle-connections"))

    def test_a_system_without_a_result_says_why(self):
        page = results_page(results(rates("throughput-128", leveret=5), [
            run("throughput-128", "nats", failure="lost 3"), run("throughput-128", "nats", failure="lost 3"),
            run("throughput-128", "redis", dropped=True)]))
        self.assertIn("| NATS | failed: lost 3 | 0 | 0 | 2 |", page)
        self.assertIn("- NATS, 2 runs failed: lost 3\n", page)
        self.assertIn("| Redis Pub/Sub | no usable run: all 1 were dropped | 0 | 1 | 0 |", page)
        self.assertIn("| Mosquitto | not run | 0 | 0 | 0 |", page)

    def test_the_top_says_with_what_it_was_measured(self):
        top = results_page(results([]))
        for expected in ("Abacus 3", "TCP congestion control cubic", "2026-02-03", "order seed 12345678",
                         "`./bench/compare.sh`", "Revision measured: `v1-5-gabc`",
                         "a plain relay, 256 KiB reads and blocking writes",
                         *(f"| {LABELS[name]} | v-{name} | s-{name} | d-{name} |" for name in LABELS)):
            self.assertIn(expected, top)

    def test_a_stored_workload_has_one_table_of_its_own_systems(self):
        page = results_page(results(stored_runs()))
        section = page.split("(`acknowledged-sync`)")[1].split("\n## ")[0]
        self.assertEqual(section.count("| System |"), 1)
        systems = [line.split(" | ")[0][2:] for line in section.splitlines() if line.startswith("| ")][2:]
        self.assertEqual(systems, [LABELS[name] for name in LABELS if name not in (LEVERET, NO_POLLING, *PEERS)])
        self.assertIn("| NATS JetStream | 200,000 |", section)
        self.assertIn("NATS JetStream answers when it has written", section)

    def test_starts_and_memory_of_stored_topics(self):
        page = results_page(results(
            [run("recovery-1000", "leveret-file", "library", ready_after_stop_seconds=0.5, ready_after_kill_seconds=4),
             run("stored-topics", "redis-aof", "library", memory_per_topic_bytes=20480,
                 memory_per_restarted_topic_bytes=10240)]))
        self.assertIn("| Leveret, files | 0.500 | 4.00 | 1 | 0 | 0 |", page)
        self.assertIn("| Redis AOF | 20.0 | 10.0 | 1 | 0 | 0 |", page)
        self.assertIn("| NATS JetStream | not run |", page.split("(`stored-topics`)")[1])

    def test_an_unknown_workload_is_shown_too(self):
        self.assertIn("(`new-one`)", results_page(results(rates("new-one", nats=1))))


def everything():
    """A run of each system by each kind of client, in each workload that is in a picture."""
    drawn = ("throughput-16", "throughput-128", "throughput-1024", "throughput-16384", "fanout-100", "open-loop-200k")
    return [run(workload, system, client, deliveries_per_second=rate, bytes_per_second=rate * 16,
                server_cpu_seconds_per_million=1e5 / rate,
                latency_ns={"p50": 1e11 / rate, "p99": 3e11 / rate, "p999": 9e11 / rate, "count": 10_000})
            for workload in drawn for client in CLIENTS
            for system, rate in zip((LEVERET, *PEERS, BARE), (12e6, 2e6, 1e6, 5e5, 0.13e6, 14e6))] + stored_runs()


def stored_runs():
    """The same where records are stored; bare has no library."""
    rates_by_system = dict(zip((*LEVERET_STORED, *STORED_PEERS, *TUNED_PEERS.values(), BARE),
                               (1.6e6, 0.9e6, 0.2e6, 0.21e6, 0.22e6, 0.5e6, 2e6)))
    return [run(workload, system, "raw" if system == BARE else "library", acknowledged_per_second=rate,
                deliveries_per_second=rate)
            for workload in ("acknowledged-sync", "acknowledged-os", "replay")
            for system, rate in rates_by_system.items()]


class Pictures(unittest.TestCase):
    def each_picture(self, runs):
        """Name, the shown texts, and the tree."""
        trees = {name: xml.etree.ElementTree.fromstring(svg) for name, svg in pictures(results(runs)).items()}
        return [(name, [one.text for one in tree.iter(f"{SVG}text")], tree) for name, tree in trees.items()]

    def texts_of(self, wanted, runs):
        return next(texts for name, texts, _ in self.each_picture(runs) if name == wanted)

    WITH_STREAMS = ("throughput-128.svg", "throughput-sizes.svg", "server-cpu.svg")

    STORED = {"acknowledged.svg": (*LEVERET_STORED, *STORED_PEERS, *TUNED_PEERS.values(), BARE),
              "replay.svg": (*LEVERET_STORED, *STORED_PEERS, BARE)}

    def assert_labels(self, texts, picture):
        if picture in self.STORED:
            for name in self.STORED[picture]:
                self.assertIn(LABELS[name], texts)
            return
        asked = [name for name in PEERS if name != "redis-streams" or picture in self.WITH_STREAMS]
        for name in ("leveret", *asked):
            self.assertTrue(any(LABELS[name] in one for one in texts), f"{name} in {texts}")

    def test_they_are_well_formed_with_every_label_title_and_machine(self):
        names = []
        for name, texts, tree in self.each_picture(everything()):
            names.append(name)
            self.assert_labels(texts, name)
            self.assertTrue(any("Abacus 3" in one for one in texts))
            self.assertTrue(any("2026-02-03" in one for one in texts))
            self.assertTrue(any("is better" in one for one in texts))
            for part in ("title", "desc"):
                self.assertTrue(tree.find(f"{SVG}{part}").text)
        self.assertEqual(sorted(names), ["acknowledged.svg", "fanout-100.svg", "latency-200k.svg", "replay.svg",
                                         "server-cpu.svg", "throughput-128.svg", "throughput-sizes.svg"])

    def test_a_tiny_bar_has_its_value(self):
        texts = self.texts_of("throughput-128.svg", everything())
        self.assertEqual([texts.count(value) for value in ("12.0 M", "0.130 M")], [2, 2])

    def test_tuned_peers_are_asked_only_to_publish(self):
        self.assertNotIn(LABELS["redis-aof-best"], self.texts_of("replay.svg", everything()))
        self.assertIn("0.500 M", self.texts_of("acknowledged.svg", everything()))

    def test_nothing_leaves_the_picture(self):
        for _, _, tree in self.each_picture(everything()):
            width, height = float(tree.get("width")), float(tree.get("height"))
            for one in tree.iter():
                for key, most in (("x", width), ("y", height), ("cx", width), ("cy", height)):
                    if one.get(key):
                        self.assertTrue(0 <= float(one.get(key)) <= most, one.attrib)

    def test_a_failure_is_shown_in_place_of_the_bar_and_escaped(self):
        texts = self.texts_of("throughput-128.svg", [run("throughput-128", "nats", failure="<lost> & gone")])
        self.assert_labels(texts, "throughput-128.svg")
        self.assertIn("failed: <lost> & gone", texts)

    def test_without_runs_they_say_so(self):
        for name, texts, _ in self.each_picture([]):
            self.assert_labels(texts, name)
            self.assertTrue(any("not run" in one for one in texts))

    def ranges(self, name, runs):
        """The ends of each thin line, as (x, y) in pixels."""
        tree = next(tree for wanted, _, tree in self.each_picture(runs) if wanted == name)
        return [[tuple(map(float, point.split(","))) for point in line.get("points").split()]
                for line in tree.iter(f"{SVG}polyline") if "range" in line.get("class").split()]

    def test_marks_of_latency_have_their_ranges_each_at_a_height_of_its_own(self):
        runs = [run("open-loop-200k", "nats", number=number,
                    latency_ns={"p50": 1e4 * number, "p99": 2e4 * number, "p999": 4e4 * number, "count": 10_000})
                for number in (1, 3, 100)]
        several = self.ranges("latency-200k.svg", runs)
        self.assertTrue(all(0 <= x <= 568 for line in several for x, _ in line), several)  # beside it are the values
        self.assertEqual(len({y for line in several for _, y in line}), 3)
        for (left, y), (right, same) in several:
            self.assertEqual(y, same)
            self.assertAlmostEqual(right - left, several[0][1][0] - several[0][0][0], delta=0.2)  # all times a hundred
            self.assertGreater(right, left)
        self.assertEqual(self.ranges("latency-200k.svg", runs[:1]), [])

    def test_marks_of_sizes_have_their_ranges(self):
        runs = [run("throughput-16", "nats", number=number, bytes_per_second=number * 1e6) for number in (1, 3, 100)]
        ((left, low), (right, high)), = self.ranges("throughput-sizes.svg", runs)
        self.assertEqual(left, right)
        self.assertGreater(low, high + 20)
        self.assertTrue(104 <= high and low <= 354, (low, high))  # the plot
        self.assertEqual(self.ranges("throughput-sizes.svg", runs[:1]), [])

    def test_a_percentile_of_too_few_samples_has_no_mark(self):
        texts = self.texts_of("latency-200k.svg", latencies("open-loop-200k", count=1_000, nats=5e4))
        self.assertEqual((texts.count("50.0 µs"), texts.count("–")), (2, 1))

    def test_labels_of_lines_keep_their_distance(self):
        places = lines.spread([100, 101, 102, 195, 199], 200)
        self.assertTrue(all(later - earlier >= lines.LABEL_HEIGHT for earlier, later in zip(places, places[1:])))
        self.assertLessEqual(places[-1], 200)


class Program(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.input = pathlib.Path(self.folder.name) / "results.json"
        self.output = pathlib.Path(self.folder.name) / "deep" / "report"

    def report(self, *more):
        command = [sys.executable, FOLDER / "report.py", self.input, *more, "--output", self.output]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def test_it_writes_all_files(self):
        self.input.write_text(json.dumps(document(everything())))
        done = self.report()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(path.name for path in self.output.iterdir()), [
            "acknowledged.svg", "fanout-100.svg", "goals.md", "latency-200k.svg", "replay.svg", "results.md",
            "server-cpu.svg", "throughput-128.svg", "throughput-sizes.svg"])

    def second_file(self, runs, **changes):
        path = pathlib.Path(self.folder.name) / "second.json"
        path.write_text(json.dumps({**document(runs), **changes}))
        return path

    def test_files_with_different_workloads_are_one_report(self):
        self.input.write_text(json.dumps(document(rates("throughput-16", nats=[1, 2, 3]))))
        machine = {**document([])["machine"], "revision": "v1-6-gdef"}
        settings = {**document([])["settings"], "order_seed": 2}
        done = self.report(self.second_file(rates("throughput-128", nats=[4e6] * 3), machine=machine,
                                            settings=settings, date="2026-02-04"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        page = (self.output / "results.md").read_text()
        for expected in ("v1-5-gabc and v1-6-gdef", "2026-02-03 and 2026-02-04", "12345678 and 2", "4.00 M"):
            self.assertIn(expected, page)

    def test_files_that_do_not_belong_together_are_refused(self):
        self.input.write_text(json.dumps(document(rates("throughput-16", nats=1))))
        machine = {**document([])["machine"], "cores": 64}
        settings = {**document([])["settings"], "window_bytes": 1}
        for runs, changes, expected in ((rates("throughput-16", redis=1), {}, "has throughput-16, which"),
                                        ([], {"machine": machine}, "machine are others than in"),
                                        ([], {"settings": settings}, "settings are others than in"),
                                        ([], {"systems": []}, "systems are others than in")):
            with self.subTest(expected=expected):
                done = self.report(self.second_file(runs, **changes))
                self.assertEqual(done.returncode, 1)
                self.assertIn(expected, done.stderr)
                self.assertFalse(self.output.exists())

    def test_a_missing_or_broken_file_is_told_in_a_sentence(self):
        for content, expected in ((None, "No such file"), ("{", "not JSON"), ("[]", "expected an object"),
                                  ("{}", "machine: missing"), (json.dumps(document([run("x", "nats", "wire")])),
                                                               "runs[0].client"),
                                  (json.dumps(document([run("x", "nats", runs_wanted=0)])), "runs[0].runs_wanted"),
                                  (json.dumps(document(rates("x", nats=1) * 2)), "two usable runs are number 1")):
            with self.subTest(content=content):
                if content is not None:
                    self.input.write_text(content)
                done = self.report()
                self.assertEqual(done.returncode, 1)
                self.assertIn(expected, done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                self.assertFalse(self.output.exists())

    def test_only_numbers_are_measured(self):
        for value in (None, "5", True, -1, float("inf")):
            for key in ("deliveries_per_second", "window_keys", "seconds"):
                with self.assertRaises(InvalidResults):
                    results([run("x", "nats", **{key: value})])

    def test_what_every_run_and_every_document_says_is_asked_for(self):
        for key in ("run", "runs_wanted", "seconds"):
            one = run("x", "nats")
            del one[key]
            with self.assertRaisesRegex(InvalidResults, key):
                results([one])
        with self.assertRaisesRegex(InvalidResults, "count"):
            results([run("x", "nats", latency_ns={"p50": 1})])
        without = document([])
        del without["machine"]["revision"]
        with self.assertRaisesRegex(InvalidResults, "revision"):
            Results(without)


if __name__ == "__main__":
    unittest.main()
