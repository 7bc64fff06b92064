"""A server with a data directory and the tools that work on its files: stored_topics_test.py LEVERET LEVERET_SERVER"""
import json
import os
import subprocess
import tempfile
import unittest

import tool
from tool import PATIENCE_SECONDS, Broker, environment, json_lines, leveret


class StoredTopics(unittest.TestCase):
    """A server with a data directory, and the tools that work on its files."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="leveret-cli-")
        self.data_dir = os.path.join(self.directory.name, "data")
        self.start()

    def tearDown(self):
        self.stop()
        self.directory.cleanup()

    def start(self):
        self.server = Broker("--data-dir", self.data_dir, "--store", "file", "--segment-bytes", "65536")

    def stop(self):
        if self.server:
            self.server.stop()
        self.server = None

    def run_tool(self, *arguments):
        return leveret(*arguments, env=environment() | {"PORT": self.server.port if self.server else "1"})

    def log(self, *arguments):
        return self.run_tool("log", arguments[0], "--data-dir", self.data_dir, *arguments[1:])

    def describe(self, topic):
        return json_lines(self.run_tool("topic", "describe", topic, "--json"))[0]

    def publish(self, topic, count):
        self.assertEqual(self.run_tool("pub", topic, "x" * 100, "-n", str(count)).returncode, 0)

    def path_of(self, topic, name):
        for entry in os.listdir(os.path.join(self.data_dir, "topics")):
            directory = os.path.join(self.data_dir, "topics", entry)
            with open(os.path.join(directory, "topic.json")) as file:
                if json.load(file)["name"] == topic:
                    return os.path.join(directory, name)
        self.fail(f"{topic} has no directory")

    def files(self):
        """Every file of the data directory, with what is in it."""
        found = {}
        for directory, _, names in os.walk(self.data_dir):
            for name in names:
                with open(os.path.join(directory, name), "rb") as file:
                    found[os.path.join(directory, name)] = file.read()
        return found

    def corrupt_byte(self, path, position):
        with open(path, "r+b") as file:
            file.seek(position)
            byte = file.read(1)
            file.seek(position)
            file.write(bytes([byte[0] ^ 1]))

    def test_a_topic_says_where_and_how_it_is_kept(self):
        self.run_tool("topic", "create", "kept", "--store", "file", "--durability", "interval",
                      "--durability-interval", "200ms")
        self.run_tool("topic", "create", "rocks", "--store", "rocksdb")
        self.run_tool("topic", "create", "lost", "--store", "memory")
        self.publish("kept", 600)
        self.publish("kept", 400)  # a segment rolls between two appends
        kept = self.describe("kept")
        self.assertEqual((kept["store"], kept["durability"], kept["durability_interval_ms"]), ("file", "interval", 200))
        self.assertEqual((kept["first"], kept["next"]), (0, 1000))
        self.assertGreater(kept["segments"], 1)
        self.assertLessEqual(kept["synced"], 1000)
        text = self.run_tool("topic", "describe", "kept").stdout
        self.assertIn("interval, 200 ms", text)
        self.assertRegex(text, r"retention bytes +none\nretention records +none\n")
        self.assertIn("server's default", self.run_tool("topic", "describe", "lost").stdout)
        listed = {topic["name"]: topic for topic in json_lines(self.run_tool("topic", "list", "--json"))}
        self.assertEqual([listed[name]["store"] for name in ("kept", "lost", "rocks")], ["file", "memory", "rocksdb"])
        self.assertEqual(listed["rocks"]["durability"], "sync")
        self.assertIn("synced below", self.run_tool("topic", "list").stdout)

    def test_a_publish_asks_for_more_than_its_topic_gives(self):
        self.run_tool("topic", "create", "weak", "--durability", "interval", "--durability-interval", "60s")
        self.assertEqual(self.run_tool("pub", "weak", "m", "--durability", "sync").returncode, 0)
        self.assertEqual(self.describe("weak")["synced"], 1)
        self.run_tool("topic", "create", "memory", "--store", "memory")
        refused = self.run_tool("pub", "memory", "m", "--durability", "sync")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("lives in memory", refused.stderr)

    def test_the_tools_leave_a_directory_alone_that_a_server_uses(self):
        self.publish("busy", 10)
        for command in ("dump", "verify", "repair"):
            refused = self.log(command)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("a server is using", refused.stderr)
        self.assertEqual(self.log("verify", "--running").returncode, 0)
        self.assertEqual(len(self.log("dump", "--running", "--topic", "busy").stdout.splitlines()), 10)

    def test_dump_shows_records(self):
        self.run_tool("pub", "shown", "one", "-k", "key", "-H", "a=1")
        self.publish("shown", 5)
        self.stop()
        self.assertIn('key="key" a="1" "one"', self.log("dump", "--topic", "shown").stdout)
        shown = json_lines(self.log("dump", "--topic", "shown", "--from", "1", "--to", "3", "--json"))
        self.assertEqual([(record["offset"], record["position"]) for record in shown], [(1, 48), (2, 180)])
        headers = self.log("dump", "--topic", "shown", "--headers-only").stdout
        self.assertNotIn("one", headers)
        self.assertIn(".log:48", headers)
        self.assertIn("6f 6e 65", self.log("dump", "--topic", "shown", "--hex", "--to", "1").stdout)
        topics = json_lines(self.log("dump", "--json"))
        self.assertEqual([(topic["topic"], topic["next"], topic["synced"]) for topic in topics], [("shown", 6, 6)])
        self.assertEqual(len(topics[0]["epochs"]), 1)

    def test_the_tools_say_that_there_was_nothing_to_do(self):
        self.publish("short", 1)
        self.stop()
        nothing = self.log("dump", "--topic", "short", "--from", "100", "--to", "200")
        self.assertEqual((nothing.returncode, nothing.stdout), (0, ""))
        self.assertEqual(nothing.stderr, "leveret: short has no such record: its offsets are [0, 1)\n")
        for apply in ((), ("--apply",)):
            repaired = self.log("repair", *apply)
            self.assertEqual((repaired.returncode, repaired.stderr), (0, "leveret: nothing to repair\n"))
        self.assertIn("short: 1 record checked in 1 segment", self.log("verify").stdout)

    def test_dump_and_verify_read_what_rocksdb_keeps(self):
        self.run_tool("topic", "create", "rocks", "--store", "rocksdb")
        self.run_tool("pub", "rocks", "a", "b", "c")
        self.assertEqual(len(self.log("dump", "--running", "--topic", "rocks").stdout.splitlines()), 3)
        self.stop()
        records = json_lines(self.log("dump", "--topic", "rocks", "--from", "1", "--json"))
        self.assertEqual([record["payload"] for record in records], ["b", "c"])
        verified = self.log("verify")
        self.assertEqual(verified.returncode, 0, verified.stdout)
        self.assertIn("3 records checked in RocksDB", verified.stdout)

    def test_damage_is_found_and_taken_out_and_everything_else_is_served(self):
        self.publish("rot", 1000)
        self.stop()
        self.assertEqual(self.log("verify").returncode, 0)
        self.corrupt_byte(self.path_of("rot", "0/00000000000000000000.log"), 5 * 132 + 50)
        found = self.log("verify", "--topic", "rot")
        self.assertEqual(found.returncode, 1)
        self.assertIn("bytes 660 to 792, offset 5: 1 record cannot be read", found.stdout)
        finding = json_lines(self.log("verify", "--json"))[0]
        self.assertEqual((finding["position"], finding["position_end"], finding["first"], finding["end"]),
                         (660, 792, 5, 6))
        dry = self.log("repair", "--topic", "rot")
        self.assertEqual(dry.returncode, 1)
        self.assertIn("nothing was changed", dry.stderr)
        self.assertEqual(self.log("verify").returncode, 1)
        self.assertEqual(self.log("repair", "--topic", "rot", "--apply").returncode, 0)
        self.assertEqual(self.log("verify").returncode, 0)
        self.assertEqual(os.path.getsize(self.path_of("rot", f"0/{5:020}-{6:020}.aside")), 132)
        self.start()
        served = self.run_tool("fetch", "rot", "--format", "%o")
        self.assertEqual(served.stdout.split(), [str(offset) for offset in range(1000) if offset != 5])
        self.assertIn("missed 1 record, offset 5: it is gone", served.stderr)

    def test_a_torn_tail_is_cut(self):
        self.publish("torn", 10)
        self.stop()
        with open(self.path_of("torn", "0/00000000000000000000.log"), "ab") as file:
            file.write(b"half a record")
        self.assertIn("a torn write", self.log("verify").stdout)
        self.assertEqual(self.log("repair", "--apply").returncode, 0)
        self.start()
        self.publish("torn", 1)
        self.assertEqual(self.describe("torn")["next"], 11)

    def test_a_topic_without_a_name_gets_one(self):
        self.publish("named", 10)
        topic_id = self.describe("named")["id"]
        self.stop()
        path = os.path.join(self.data_dir, "topics", topic_id, "topic.json")
        self.corrupt_byte(path, 12)
        os.remove(path + ".copy")
        found = self.log("verify")
        self.assertEqual(found.returncode, 1)
        self.assertIn("topic.json", found.stdout)
        self.assertEqual(self.log("repair", "--id", topic_id, "--name", "named", "--apply").returncode, 0)
        self.assertTrue(os.path.exists(path + ".aside"))
        self.start()
        self.assertEqual(self.describe("named")["next"], 10)

    def test_a_topic_is_known_by_the_copy_of_its_settings(self):
        self.publish("copied", 10)
        path = self.path_of("copied", "topic.json")
        self.stop()
        self.corrupt_byte(path, 12)
        found = self.log("verify")
        self.assertEqual(found.returncode, 1)
        self.assertIn("is known by the copy of its topic.json", found.stdout)
        self.start()
        self.assertEqual(self.describe("copied")["next"], 10)
        self.assertEqual(self.run_tool("topic", "alter", "copied", "--retention-ttl", "1h").returncode, 0)
        self.stop()
        self.assertEqual(self.log("verify").returncode, 0)

    def test_a_directory_that_is_none_is_told(self):
        for wrong in (self.directory.name, "/nowhere"):
            refused = leveret("log", "verify", "--data-dir", wrong)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("is no data directory", refused.stderr)
        self.assertEqual(os.listdir(self.directory.name), ["data"])
        self.stop()
        self.assertIn("has no topic 'none'", self.log("dump", "--topic", "none").stderr)

    def test_a_directory_of_another_format_is_told_and_left_alone(self):
        self.publish("kept", 10)
        self.stop()
        self.corrupt_byte(self.path_of("kept", "0/00000000000000000000.log"), 60)  # something to repair
        for content, says in (('{"format":9}', "format 9"), ("x", "no format")):
            with open(os.path.join(self.data_dir, "leveret.json"), "w") as file:
                file.write(content)
            before = self.files()
            sentence = f"{self.data_dir}/leveret.json says {says}; this leveret reads format 1"
            for command in (("dump",), ("dump", "--running"), ("verify",), ("repair",), ("repair", "--apply")):
                refused = self.log(*command)
                self.assertEqual((refused.returncode, refused.stdout), (1, ""), command)
                self.assertEqual(refused.stderr, f"leveret: {sentence}\n")
            self.assertEqual(self.files(), before)
            server = subprocess.run([tool.SERVER, "--port", "0", "--data-dir", self.data_dir], capture_output=True,
                                    text=True, timeout=PATIENCE_SECONDS)
            self.assertEqual(server.returncode, 2)
            self.assertIn(sentence, server.stderr)


if __name__ == "__main__":
    tool.main()
