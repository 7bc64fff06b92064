"""Reads gcov's JSON, a document per line, from standard input; prints reached and all lines per file of src/ and client/."""

import collections
import json
import os
import sys

top = sys.argv[1]
reached = collections.defaultdict(dict)
for document in map(json.loads, sys.stdin):
    for file in document["files"]:
        path = os.path.relpath(os.path.join(document["current_working_directory"], file["file"]), top)
        if path.startswith(("src/", "client/")):
            for line in file["lines"]:
                number = line["line_number"]
                reached[path][number] = reached[path].get(number, False) or line["count"] > 0

all_reached = all_lines = 0
for path, lines in sorted(reached.items()):
    print(f"{100 * sum(lines.values()) / len(lines):5.1f} %  {sum(lines.values()):5} / {len(lines):5}  {path}")
    all_reached += sum(lines.values())
    all_lines += len(lines)
if all_lines:
    print(f"{100 * all_reached / all_lines:5.1f} %  {all_reached:5} / {all_lines:5}  together")
