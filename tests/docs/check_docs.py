"""The documents against the source: what stands in one must stand in the other.

check_docs.py TOP_FOLDER limits|counters|links|packages|folders     exit code 1, and a line for each thing that is wrong
"""

import collections
import pathlib
import re
import sys


def without_comments(source):
    return re.sub(r"//[^\n]*", "", source)


def struct_body(source, name):
    body = re.search(r"struct %s \{(.*?)\n\};" % name, without_comments(source), re.S)
    if not body:
        raise SystemExit(f"no struct {name}: has it moved?")
    return body.group(1)


def first_cells(table_text):
    """The first cell of each table row, without its backticks."""
    return re.findall(r"^\| `([^`]+)` \|", table_text, re.M)


def section(document, heading):
    found = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % heading, document, re.S | re.M)
    if not found:
        raise SystemExit(f"no section '{heading}'")
    return found.group(1)


def compare(what, in_source, in_document):
    for name in sorted(set(in_source) - set(in_document)):
        yield f"{what} {name} has no row in the document"
    for name in sorted(set(in_document) - set(in_source)):
        yield f"{what} {name} has a row in the document and is not in the source"
    if not in_source:
        yield f"no {what} found in the source: the test reads it wrongly"


def default_of(initializer):
    """The number that a field of Limits starts with, or None where it is an expression that this does not know."""
    text = re.sub(r"(?<=\d)U\b", "", initializer).replace("'", "").strip("{} ")
    shifted = re.fullmatch(r"(\d+) << (\d+)", text)
    if shifted:
        return int(shifted[1]) << int(shifted[2])
    return int(text) if text.isdigit() else None


def check_limits(top):
    body = struct_body((top / "src/environment/limits.hpp").read_text(), "Limits")
    fields = re.findall(r"^\s+([\w:]+) (\w+)\s*(?:= ([^;]+)|(\{[^;]+\}));", body, re.M)
    counters = counter_names(top)
    table = section((top / "docs/operations.md").read_text(), "Limits")
    yield from compare("limit", [name for _, name, _, _ in fields], first_cells(table))
    server_options = (top / "src/server/server_options.cpp").read_text()
    for kind, name, assigned, braced in fields:
        unit = "-ms" if "milliseconds" in kind else "-us" if "microseconds" in kind else ""
        flag = "--" + name.replace("_", "-") + unit
        if f'"{flag[2:]}", limits.{name},' not in server_options:
            yield f"limit {name}: leveret-server has no flag {flag} for it"
        row = re.search(r"^\| `%s` \|(.*)\|$" % name, table, re.M)
        if not row:
            continue
        cells = [cell.strip() for cell in row.group(1).split("|")]
        if cells[0] != f"`{flag}`":
            yield f"limit {name}: the flag is {cells[0]}, expected {flag}"
        default = default_of(assigned or braced)
        if not re.match(rf"{default}\b", cells[1]):
            yield f"limit {name}: the document's default is '{cells[1]}', the source's {default}"
        for counter in re.findall(r"`(\w+)`", cells[4]):
            if counter not in counters:
                yield f"limit {name}: there is no counter {counter}"


def counter_names(top):
    body = struct_body((top / "src/environment/counters.hpp").read_text(), "Counters")
    return [name.strip() for line in re.findall(r"\bCounter ([^;()]+);", body) for name in line.split(",")]


def check_counters(top):
    table = section((top / "docs/operations.md").read_text(), "Counters")
    yield from compare("counter", counter_names(top), first_cells(table))


def without_code(document):
    return re.sub(r"^```.*?^```", "", document, flags=re.S | re.M)


def anchors(document):
    """What a link may name behind its #: the headings as GitHub writes them there. The second of two alike gets -1."""
    seen = collections.Counter()
    for heading in re.findall(r"^#{1,6} +(.+?)[ #]*$", without_code(document), re.M):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        seen[anchor] += 1


def check_links(top):
    documents = [path for path in top.rglob("*.md")
                 if not {"build", ".git", ".cache"} & set(path.relative_to(top).parts)]
    if not documents:
        yield "no documents found"
    for document in documents:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?[^)]*\)", without_code(document.read_text())):
            linked = document.parent / target if target else document
            if re.match(r"[a-z]+:", target):
                continue
            if not linked.exists():
                yield f"{document.relative_to(top)} links to {target}, which does not exist"
            elif anchor and linked.suffix == ".md" and anchor not in anchors(linked.read_text()):
                yield f"{document.relative_to(top)} links to {target}#{anchor}: no heading there is called so"


def check_packages(top):
    lines = (top / "scripts/packages.txt").read_text().splitlines()
    listed = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    table = section((top / "README.md").read_text(), "What it is built from")
    yield from compare("package", listed, first_cells(table))


def check_folders(top):
    """Paths in code marks that begin with a folder of ours exist: documents follow when files move."""
    for document in [top / "README.md", top / "CONTRIBUTING.md", *sorted((top / "docs").glob("*.md"))]:
        for path in re.findall(r"`((?:src|client|tests|docs|scripts|examples|bench)/[\w./-]+)`", document.read_text()):
            if not (top / path).exists():
                yield f"{document.relative_to(top)} speaks of {path}, which does not exist"


CHECKS = {"limits": check_limits, "counters": check_counters, "links": check_links,
          "packages": check_packages, "folders": check_folders}

if __name__ == "__main__":
    wrong = list(CHECKS[sys.argv[2]](pathlib.Path(sys.argv[1]).resolve()))
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)
