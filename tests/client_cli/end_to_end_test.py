"""The command line tool against a real server: end_to_end_test.py LEVERET LEVERET_SERVER"""
import json
import re
import socket
import subprocess
import unittest

import tool
from tool import PATIENCE_SECONDS, Subscriber, describe, environment, json_lines, leveret


class Publishing(unittest.TestCase):
    def test_messages_come_back_in_order(self):
        self.assertEqual(leveret("pub", "words", "one", "two", "three").returncode, 0)
        self.assertEqual(leveret("sub", "words", "--from", "earliest", "-n", "3").stdout, "one\ntwo\nthree\n")

    def test_lines_of_standard_input_are_records_and_nothing_is_said(self):
        lines = "".join(f"{i}\n" for i in range(20000))
        published = leveret("pub", "lines", lines=lines)
        self.assertEqual((published.returncode, published.stdout, published.stderr), (0, "", ""))
        self.assertEqual(leveret("fetch", "lines").stdout, lines)

    def test_one_way_records_are_there_when_the_command_ends(self):
        self.assertEqual(leveret("pub", "one-way", "--one-way", lines="a\nb\n").returncode, 0)
        self.assertEqual(describe("one-way")["next"], 2)

    def test_keys_and_headers_travel(self):
        leveret("pub", "keys", "--key-sep", ":", "-H", "a=1", "-H", "b=x=y", lines="k:v:w\nno key\n")
        self.assertEqual(leveret("fetch", "keys", "--format", "%k|%p|%h").stdout, "k|v:w|a=1,b=x=y\n|no key|a=1,b=x=y\n")

    def test_one_key_for_all(self):
        leveret("pub", "key", "-k", "k", "p")
        self.assertEqual(leveret("fetch", "key", "--format", "%T %k %p %o").stdout, "key k p 0\n")

    def test_a_line_that_is_too_long_is_named(self):
        refused = leveret("pub", "long lines", lines="short\n" + "x" * ((8 << 20) + 100_000) + "\n")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("line 2 is longer than a record may be", refused.stderr)
        self.assertEqual(leveret("fetch", "long lines").stdout, "short\n")

    def test_count_repeats_messages_and_ends_lines(self):
        leveret("pub", "count", "a", "b", "--count", "3")
        leveret("pub", "count", "-n", "2", lines="c\nd\ne\n")
        self.assertEqual(leveret("fetch", "count").stdout, "a\nb\na\nc\nd\n")

    def test_acknowledgements_as_json_say_offset_and_duplicate(self):
        leveret("topic", "create", "window", "--compaction-window", "1h")
        published = json_lines(leveret("pub", "window", "-k", "k", "a", "b", "--json"))
        self.assertEqual([answer["duplicate"] for answer in published], [False, True])
        self.assertEqual(published[0]["offset"], 0)

    def test_acknowledgements_are_shown_before_more_input_is_waited_for(self):
        with subprocess.Popen([tool.LEVERET, "pub", "pausing", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, env=environment()) as process:
            process.stdin.write("a\n")
            process.stdin.flush()
            self.assertEqual(json.loads(process.stdout.readline())["offset"], 0)
            process.stdin.close()

    def test_a_refused_record_is_told_with_its_topic(self):
        leveret("topic", "create", "small", "--retention-bytes", "100")
        refused = leveret("pub", "small", "x" * 500)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("the record was not published to 'small': ", refused.stderr)

    def test_a_refused_publish_is_told_at_the_end(self):
        published = leveret("pub", "x" * 300, "message")
        self.assertEqual(published.returncode, 1)
        self.assertIn("bad_topic_name", published.stderr)


class Reading(unittest.TestCase):
    def test_a_subscriber_sees_what_comes_and_ends_well_when_interrupted(self):
        subscriber = Subscriber("live", "--format", "%o %p")
        leveret("pub", "live", "hello")
        self.assertEqual(subscriber.line(), "0 hello\n")
        ended = subscriber.interrupt()
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))

    def test_json_has_text_or_base64(self):
        subprocess.run([tool.LEVERET, "pub", "bytes"], input=b"\xff\xfe\ntext\n", env=environment(), check=True,
                       timeout=PATIENCE_SECONDS)
        records = json_lines(leveret("sub", "bytes", "--from", "earliest", "-n", "2", "--json"))
        self.assertEqual(records[0]["payload_base64"], "//4=")
        self.assertEqual(records[1]["payload"], "text")
        self.assertEqual([record["offset"] for record in records], [0, 1])

    def test_reading_begins_where_it_is_told_to(self):
        leveret("pub", "places", "a", "b", "c")
        first = json_lines(leveret("fetch", "places", "--json", "--max", "1"))[0]
        for where, wanted in (("earliest", "a\nb\nc\n"), ("1", "b\nc\n"), ("-5m", "a\nb\nc\n"), ("latest", ""),
                              (first["timestamp"], "a\nb\nc\n"), ("2000-01-01T00:00:00Z", "a\nb\nc\n")):
            self.assertEqual(leveret("fetch", "places", "--from", where).stdout, wanted, where)

    def test_fetch_stops_at_its_maximum_and_says_where_to_go_on(self):
        leveret("pub", "pages", "a", "b", "c")
        page = leveret("fetch", "pages", "--max", "2")
        self.assertEqual(page.stdout, "a\nb\n")
        self.assertIn("--from 2", page.stderr)

    def test_fetching_behind_the_end_is_told(self):
        leveret("pub", "ends", "a", "b")
        refused = leveret("fetch", "ends", "--from", "9")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("offset 9 lies beyond the end of 'ends', whose offsets are [0, 2) (offset_out_of_range)",
                      refused.stderr)

    def test_a_fetch_waits_for_a_duration(self):
        leveret("pub", "waits", "a")
        for wait in ("1", "1ms", "0", "500us"):
            done = leveret("fetch", "waits", "--from", "latest", "--wait", wait)
            self.assertEqual((done.returncode, done.stdout), (0, ""), wait)

    def test_fetching_an_unknown_topic_does_not_create_it(self):
        self.assertEqual(leveret("fetch", "mistyped").returncode, 1)
        self.assertIn("unknown_topic", leveret("topic", "describe", "mistyped").stderr)

    def test_what_was_missed_is_told_on_standard_error(self):
        leveret("pub", "trimmed", "a", "b", "c")
        self.assertEqual(leveret("topic", "trim", "trimmed", "--before", "2").returncode, 0)
        for command in (("fetch", "trimmed", "--from", "0"), ("sub", "trimmed", "--from", "0", "-n", "1")):
            read = leveret(*command)
            self.assertEqual(read.stdout, "c\n")
            self.assertIn("missed 2 records, offsets 0 to 1", read.stderr)

    def test_only_the_wanted_keys_come(self):
        leveret("pub", "filtered", "--key-sep", ":", lines="a:1\nb:2\na:3\n")
        read = leveret("sub", "filtered", "--from", "earliest", "--only-key", "a", "-n", "2")
        self.assertEqual(read.stdout, "1\n3\n")

    def test_a_broken_pipe_ends_quietly(self):
        leveret("pub", "pipe", "x" * 1000, "--count", "2000")
        process = subprocess.Popen([tool.LEVERET, "sub", "pipe", "--from", "earliest"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=environment())
        process.stdout.readline()
        process.stdout.close()
        with process.stderr:
            self.assertEqual(process.stderr.read(), "")
        self.assertEqual(process.wait(timeout=PATIENCE_SECONDS), 0)


class Topics(unittest.TestCase):
    def test_settings_are_those_of_create_and_alter(self):
        created = leveret("topic", "create", "set", "--retention-ttl", "10s", "--retention-bytes", "64MiB",
                          "--compaction-window", "1m", "--retention-records", "1000")
        self.assertEqual((created.returncode, created.stdout), (0, ""))
        self.assertEqual(leveret("topic", "alter", "set", "--retention-ttl", "2h").returncode, 0)
        topic = describe("set")
        self.assertEqual(topic["retention_ttl_ms"], 7_200_000)
        self.assertEqual(topic["compaction_window_ms"], 60_000)
        self.assertEqual(topic["retention_bytes"], 64 << 20)
        self.assertEqual(topic["retention_records"], 1000)

    def test_a_topic_with_other_settings_is_refused(self):
        leveret("topic", "create", "taken", "--retention-ttl", "10s")
        self.assertEqual(leveret("topic", "create", "taken", "--retention-ttl", "10s").returncode, 0)
        refused = leveret("topic", "create", "taken", "--retention-ttl", "20s")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("the topic 'taken' exists already, with other settings", refused.stderr)
        self.assertIn("`leveret topic alter` changes them (topic_exists)", refused.stderr)

    def test_list_has_every_topic(self):
        leveret("topic", "create", "listed")
        self.assertIn("listed", [topic["name"] for topic in json_lines(leveret("topic", "list", "--json"))])
        leveret("topic", "create", "l" * 100)
        lines = leveret("topic", "list").stdout.splitlines()
        self.assertIn("listed", [line.split()[0] for line in lines])
        self.assertEqual(len({re.search(r" records? ", line).start() for line in lines}), 1)

    def test_trimming_behind_the_end_is_told(self):
        leveret("topic", "create", "short")
        refused = leveret("topic", "trim", "short", "--before", "9")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("offset 9 lies beyond the end of 'short'", refused.stderr)

    def test_deleting_is_off_unless_the_server_allows_it(self):
        leveret("topic", "create", "kept")
        refused = leveret("topic", "delete", "kept")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("not_allowed", refused.stderr)

    def test_an_unknown_topic_is_told(self):
        unknown = leveret("topic", "describe", "nobody made this")
        self.assertEqual(unknown.returncode, 1)
        self.assertEqual(unknown.stderr, "leveret: there is no topic 'nobody made this' (unknown_topic)\n")


class Server(unittest.TestCase):
    def test_ping_answers(self):
        self.assertIn("pong", leveret("ping").stdout)
        self.assertGreaterEqual(json_lines(leveret("ping", "--json"))[0]["round_trip_us"], 0)

    def test_stats_have_the_figures(self):
        figures = json_lines(leveret("stats", "--json"))[0]
        for name in ("version", "cpu_user_us", "cpu_system_us", "rss_bytes", "rss_peak_bytes", "connections"):
            self.assertIn(name, figures)
        self.assertIn("rss_bytes", leveret("stats").stdout)


class ExitCodes(unittest.TestCase):
    def test_wrong_usage_is_2(self):
        for wrong in ([], ["publish"], ["pub"], ["sub", "t", "--from", "yesterday"], ["sub", "t", "--format", "%x"],
                      ["topic", "create", "t", "--retention-ttl", "10"], ["topic", "alter", "t"],
                      ["topic", "create", "t", "--retention-bytes", "many"], ["pub", "t", "-H", "no value", "m"],
                      ["pub", "t", "-k", "k", "--key-sep", ":", "m"], ["ping", "--port", "70000"],
                      ["pub", "t", "-n", "-1", "m"], ["sub", "t", "-n", "-1"], ["fetch", "t", "--max", "-1"],
                      ["topic", "trim", "t", "--before", "-1"], ["topic", "create", "t", "--retention-records", "-1"],
                      ["topic", "create", "t", "--store", "disk"], ["topic", "create", "t", "--durability", "fast"],
                      ["topic", "create", "t", "--durability-interval", "5ms"], ["log"], ["log", "verify"],
                      ["topic", "create", "t", "--durability", "interval", "--durability-interval", "70s"],
                      ["log", "dump", "--data-dir", "d", "--id", "12"], ["pub", "t", "--durability", "x", "m"],
                      ["log", "repair", "--data-dir", "d", "--name", "n"], ["bench", "throughput", "--size", "8"]):
            done = leveret(*wrong)
            self.assertEqual(done.returncode, 2, wrong)
            self.assertEqual(done.stdout, "", wrong)
            self.assertNotEqual(done.stderr, "", wrong)

    def test_wrong_usage_is_told_in_a_sentence(self):
        for wrong, told in (
                (["bogus"], "there is no command 'bogus'; there are pub, sub, fetch, topic, log, ping, stats and bench "
                            "(see leveret --help)"),
                (["topic", "bogus"], "there is no command 'topic bogus'; there are create, list, describe, alter, trim "
                                     "and delete (see leveret topic --help)"),
                (["topic"], "a command is missing behind 'topic': there are create, "),
                (["log", "verify"], "--data-dir, or the variable LEVERET_DATA_DIR, is required "
                                    "(see leveret log verify --help)"),
                (["topic", "alter", "t", "--store", "file"], "--store: a topic's store is chosen when it is created "
                                                             "and cannot be changed (see leveret topic alter --help)"),
                (["topic", "alter", "t", "--durability", "sync"], "--durability: a topic's durability is chosen when"),
                (["ping", "--port", "abc"], "--port: 'abc' is no port: give a number from 1 to 65535"),
                (["ping", "--host", ""], "--host: the host is empty: give an address or a name"),
                (["bench", "throughput", "--seconds", "0"], "--seconds: give a number of seconds above 0, such as 2.5"),
                (["bench", "latency", "--seconds", "abc"], "--seconds: give a number of seconds above 0, such as 2.5"),
                (["bench", "latency", "--seconds", "inf"], "--seconds: give a number of seconds above 0, such as 2.5"),
                (["bench", "latency", "--rate", "0"], "--rate: give a number of records a second above 0"),
                (["bench", "fanout", "--messages", "0"], "--messages: give a whole number above 0"),
                (["bench", "idle", "--connections", "-1"], "--connections: give a whole number above 0"),
                (["pub", "t", "m", "-n", "0"], "-n,--count: "),
                (["fetch", "t", "--wait", "soon"], "--wait: "),
                (["log", "dump", "--data-dir", "d", "--from", "5", "--to", "2"],
                 "--to: the first offset that is not shown, 2, must be above --from")):
            done = leveret(*wrong)
            self.assertEqual((done.returncode, done.stdout), (2, ""), wrong)
            self.assertTrue(done.stderr.startswith("leveret: " + told), (wrong, done.stderr))
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_wrong_variable_is_named(self):
        wrong = leveret("ping", env=environment() | {"PORT": "abc"})
        self.assertEqual(wrong.returncode, 2)
        self.assertTrue(wrong.stderr.startswith("leveret: PORT: 'abc' is no port"), wrong.stderr)
        self.assertEqual(leveret("ping", "--port", tool.broker.port, env=environment() | {"PORT": "abc"}).returncode, 0)

    def test_output_that_cannot_be_written_is_1(self):
        leveret("pub", "listed", "m")
        for command in (["ping"], ["stats"], ["topic", "list"], ["pub", "full", "m", "--json"], ["--version"]):
            with open("/dev/full", "w") as full:
                done = subprocess.run([tool.LEVERET, *command], stdout=full, stderr=subprocess.PIPE, text=True,
                                      timeout=PATIENCE_SECONDS, env=environment())
            self.assertEqual(done.returncode, 1, command)
            self.assertIn("standard output", done.stderr, command)

    def test_help_is_0_and_has_an_example(self):
        for command in ([], ["pub"], ["sub"], ["fetch"], ["topic"], ["topic", "create"], ["topic", "list"],
                        ["topic", "describe"], ["topic", "alter"], ["topic", "trim"], ["topic", "delete"], ["ping"],
                        ["log"], ["log", "dump"], ["log", "verify"], ["log", "repair"],
                        ["stats"], ["bench"], ["bench", "throughput"], ["bench", "fanout"], ["bench", "latency"],
                        ["bench", "roundtrip"], ["bench", "idle"]):
            done = leveret(*command, "--help")
            self.assertEqual(done.returncode, 0, command)
            self.assertIn("  leveret " + " ".join(command), done.stdout)
        # Whichever of the example's two lines comes first at the server, its words arrive.
        self.assertIn("leveret sub hello --from earliest &", leveret("--help").stdout)

    def test_no_server_is_3(self):
        with socket.socket() as nobody:  # bound and not listening: nobody else gets this port
            nobody.bind(("127.0.0.1", 0))
            port = str(nobody.getsockname()[1])
            for command in (["ping"], ["pub", "t", "m"], ["sub", "t"], ["topic", "list"], ["bench", "throughput"],
                            ["bench", "idle", "--connections", "1"]):
                self.assertEqual(leveret(*command, "--port", port).returncode, 3, command)

    def test_no_server_is_told_once_with_its_address(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            port = nobody.getsockname()[1]
            for command in (["ping"], ["bench", "throughput"]):
                self.assertEqual(leveret(*command, "--port", str(port)).stderr,
                                 f"leveret: no answer from 127.0.0.1:{port}: Connection refused\n")

    def test_another_program_at_the_port_is_3_and_told(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with subprocess.Popen([tool.LEVERET, "ping", "--port", str(port)], stderr=subprocess.PIPE,
                                  text=True) as process:
                with listener.accept()[0] as peer:
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                    _, stderr = process.communicate(timeout=PATIENCE_SECONDS)
        self.assertEqual(process.returncode, 3)
        self.assertIn(f"what listens at 127.0.0.1:{port} does not speak this protocol: is the port right?", stderr)

    def test_flags_win_over_the_environment(self):
        wrong = environment() | {"PORT": "1", "HOST": "127.0.0.1"}
        self.assertEqual(leveret("ping", env=wrong).returncode, 3)
        self.assertEqual(leveret("ping", "--port", tool.broker.port, env=wrong).returncode, 0)
        self.assertEqual(leveret("--port", tool.broker.port, "ping", env=wrong).returncode, 0)


class Bench(unittest.TestCase):
    def run_bench(self, *arguments):
        done = leveret("bench", *arguments, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json_lines(done)[0]

    def check_whole(self, run, published, delivered):
        self.assertEqual((run["published"], run["delivered"]), (published, delivered))
        self.assertEqual((run["missed"], run["out_of_order"], run["corrupt"]), (0, 0, 0))

    def test_throughput_counts_every_record(self):
        many = ("--messages", "5000", "--publishers", "2", "--subscribers", "3")
        self.check_whole(self.run_bench("throughput", *many), 5000, 15000)
        self.check_whole(self.run_bench("throughput", *many, "--one-way", "--threads", "2"), 5000, 15000)

    def test_raw_throughput_counts_every_record(self):
        many = ("--messages", "5000", "--publishers", "2", "--subscribers", "3", "--raw")
        self.check_whole(self.run_bench("throughput", *many), 5000, 15000)
        self.check_whole(self.run_bench("throughput", *many, "--one-way"), 5000, 15000)

    def test_topics_are_dealt_out(self):
        many = ("--messages", "3000", "--topics", "3", "--window-bytes", "64KiB")
        self.check_whole(self.run_bench("throughput", *many), 3000, 3000)
        self.check_whole(self.run_bench("throughput", *many, "--raw", "--publishers", "3"), 3000, 3000)

    def test_without_subscribers_publishes_are_counted(self):
        self.check_whole(self.run_bench("throughput", "--messages", "1000", "--subscribers", "0"), 1000, 0)

    def test_one_of_each_is_singular(self):
        text = leveret("bench", "throughput", "--messages", "1").stdout
        self.assertIn("throughput: 1 publisher, 1 subscriber, 1 topic, payloads", text)
        self.assertRegex(text, r"published +1 record  ")

    def test_fanout_delivers_to_all(self):
        self.check_whole(self.run_bench("fanout", "--messages", "500", "--threads", "2"), 500, 8000)

    def test_latency_times_every_delivery(self):
        run = self.run_bench("latency", "--rate", "1000", "--messages", "200")
        self.check_whole(run, 200, 200)
        self.assertEqual(run["delivery_latency"]["samples"], 200)
        self.assertEqual(run["acknowledgement_latency"]["samples"], 200)

    def test_roundtrip_compares_with_an_echo_server(self):
        for how in ((), ("--raw",), ("--raw", "--one-way")):
            run = self.run_bench("roundtrip", "--messages", "100", "--baseline", *how)
            self.assertEqual((run["broker"]["samples"], run["echo"]["samples"]), (100, 100))
            self.assertGreater(run["ratio_p50"], 0)

    def test_idle_connections_subscribe(self):
        for dialect in ("native", "zaichik"):
            run = self.run_bench("idle", "--connections", "20", "--dialect", dialect)
            self.assertGreaterEqual(run["subscriptions"], 20)


if __name__ == "__main__":
    tool.main()
