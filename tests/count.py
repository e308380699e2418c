#!/usr/bin/env python3
"""Counts the parts of each crate: how much a reader has to learn.

Usage: python3 tests/count.py [ROOT]

ROOT is a checkout, the current folder if it is not given. The output is a table in Markdown, a row for
each crate. Only text is read, nothing is built. Columns:

files        source files, tests included
lines        lines of source files, without tests
types        structs, enums, unions, traits and type aliases, without tests
public       public functions, types, traits, constants, statics, modules and macros, without tests
twice        names of types that are defined more than once in the crate, without tests
macros       `macro_rules!` definitions, without tests
tuples       parameters of functions that take a tuple apart, without tests
ignored      patterns of match arms whose body is empty or `None`, `_` not counted, without tests
one word     doc lines of a single word, without tests
dependencies dependencies in the package's manifest, those for tests not counted
"""

import re
import sys
from collections import Counter
from pathlib import Path

CRATES = {
    "raft": ["raft/src"],
    "sim": ["sim/src", "sim/linear/src"],
    "scenarios": ["scenarios/src"],
    "node": ["node/src"],
}
COLUMNS = ["files", "lines", "types", "public", "twice", "macros", "tuples", "ignored", "one word", "dependencies"]


def is_test(path: Path) -> bool:
    return "tests" in path.parts or path.name == "tests.rs" or path.stem.endswith("_tests")


def without_tests(text: str) -> str:
    """The text up to the module of tests at its end."""
    return re.split(r"(?m)^#\[cfg\(test\)\]\n(?:pub\(crate\) )?mod \w+ \{", text)[0]


def without_comments(text: str) -> str:
    return re.sub(r"//[^\n]*", "", text)


def ignored_patterns(code: str) -> int:
    arms = re.findall(r"((?:[\w:&]+(?:\s*\([^()]*\)|\s*\{[^{}]*\})?\s*\|\s*)*[\w:&]+(?:\s*\([^()]*\)|\s*\{[^{}]*\})?)\s*=>\s*(?:\{\s*\}|None\b|\(\))", code)
    patterns = [part.strip() for arm in arms for part in re.split(r"\|(?![^(]*\))", arm)]
    return sum(1 for pattern in patterns if pattern not in ("_", "None") and not pattern.endswith("=>"))


def dependencies(manifest: Path) -> int:
    section = None
    count = 0
    for line in manifest.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section == "dependencies" and re.match(r"[\w-]+(\.workspace)?\s*=", line):
            count += 1
    return count


def count(root: Path, name: str, folders: list[str]) -> Counter:
    totals: Counter = Counter()
    defined: Counter = Counter()
    for folder in folders:
        for path in sorted((root / folder).rglob("*.rs")):
            totals["files"] += 1
            text = path.read_text()
            if is_test(path.relative_to(root)):
                continue
            text = without_tests(text)
            code = without_comments(text)
            totals["lines"] += text.count("\n")
            visible = r"(?:pub(?:\([^)]*\))?\s+)?"
            types = re.findall(rf"(?m)^\s*{visible}(?:struct|enum|union|trait)\s+(\w+)", code)
            types += re.findall(rf"(?m)^{visible}type\s+(\w+)", code)
            defined.update(types)
            totals["types"] += len(types)
            totals["public"] += len(re.findall(
                r"(?m)^\s*pub\s+(?:const\s+|async\s+|unsafe\s+)*(?:fn|struct|enum|union|trait|type|const|static|mod)\s+\w+", code))
            totals["macros"] += len(re.findall(r"macro_rules!", code))
            for signature in re.findall(r"\bfn\s+\w+[^;{]*", code):
                totals["tuples"] += len(re.findall(r"[(,]\s*\((?:\s*(?:mut\s+)?\w+\s*,?)+\)\s*:\s*\(", signature))
            totals["ignored"] += ignored_patterns(code)
            totals["one word"] += len(re.findall(r"(?m)(?<!///)(?:^(?!\s*///)[^\n]*\n)\s*///\s+\S+\.\s*$\n(?!\s*///)", text))
    totals["twice"] = sum(1 for times in defined.values() if times > 1)
    manifests = {root / folder.split("/src")[0] / "Cargo.toml" for folder in folders}
    totals["dependencies"] = sum(dependencies(manifest) for manifest in manifests if manifest.exists())
    return totals


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    rows = {name: count(root, name, folders) for name, folders in CRATES.items()}
    if not any(row["files"] for row in rows.values()):
        sys.exit(f"count: no source files of Wavetank in `{root}`; give the root of a checkout")
    rows["all"] = sum(rows.values(), Counter())
    print("| crate | " + " | ".join(COLUMNS) + " |")
    print("|---|" + "---:|" * len(COLUMNS))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(f"{row[column]:,}" for column in COLUMNS) + " |")


if __name__ == "__main__":
    main()
