"""The report of a comparison: report.py RESULTS_JSON… --output FOLDER

Writes results.md (every table), goals.md (the goals, reached or not) and the pictures from the file that `compare` has
written, or from several with different workloads. Exit code 1, and a sentence, where one is missing or not what compare
writes.
"""

import argparse
import pathlib
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is

from report.goals import goals_page
from report.pictures import pictures
from report.results import InvalidResults, load
from report.tables import results_page


def main():
    parser = argparse.ArgumentParser(description="Tables, goals and pictures of a comparison.")
    parser.add_argument("results", type=pathlib.Path, nargs="+", help="results.json, as compare wrote it")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="folder to write to, made where missing")
    arguments = parser.parse_args()
    try:
        results = load(arguments.results)
        pages = {"results.md": results_page(results), "goals.md": goals_page(results), **pictures(results)}
        arguments.output.mkdir(parents=True, exist_ok=True)
        for name, content in pages.items():
            (arguments.output / name).write_text(content, encoding="utf-8")
    except (InvalidResults, OSError) as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.output}: {', '.join(pages)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
