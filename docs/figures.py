#!/usr/bin/env python3
"""Write the figures of `make bench` into README.md and the book.

usage: python3 docs/figures.py FIGURES.json [--check]

FIGURES.json is the file that benches/run writes:

    {"rules": 61,
     "commands": [{"command": "synth", "mean_ms": 30.5, "peak_mib": 18.2}, …],
     "scale": [{"instances": 10, "synthesis": [0.01, 14], "proof": [0.02, 14], "all": [0.16, 18]}, …]}

The times of `scale` are processor seconds, and the sizes are MiB. The figures are between the
comments `<!-- figures -->` and `<!-- /figures -->`. With --check, nothing is written, and the exit code is 1
if a block is stale.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The commands of README.md, and how it describes them.
COMMANDS = {
    "synth": "`s3ferry synth` ({rules} Guard rules, proof)",
    "synth --no-lint": "`s3ferry synth --no-lint`",
    "prove": "`s3ferry prove`",
    "lint": "`s3ferry lint`",
    "report": "`s3ferry report`",
}


def commands(figures):
    """Return the table of the commands."""
    measured = {entry["command"]: entry for entry in figures["commands"]}
    lines = ["| command | mean | peak memory |", "| --- | ---: | ---: |"]
    for command, text in COMMANDS.items():
        if command not in measured:
            sys.exit(f"the figures do not contain the command `{command}`")
        entry = measured[command]
        name = text.format(rules=figures["rules"])
        lines.append(f"| {name} | {entry['mean_ms']:.0f} ms | {entry['peak_mib']:.0f} MiB |")
    return lines


def scale(figures):
    """Return the table of the fleet sizes."""
    lines = [
        "| instances | synthesis | with the proof | with the proof and the lint |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for entry in figures["scale"]:
        cells = [
            f"{entry[part][0]:.2f} s, {entry[part][1]:,.0f} MiB"
            for part in ("synthesis", "proof", "all")
        ]
        lines.append(f"| {entry['instances']:,} | " + " | ".join(cells) + " |")
    return lines


def filled(text, kind, lines):
    """Replace the block of one kind in a page."""
    start = re.escape(f"<!-- figures{kind} -->")
    new, found = re.subn(
        rf"({start}\n).*?(<!-- /figures -->)",
        lambda match: match.group(1) + "\n".join(lines) + "\n" + match.group(2),
        text,
        flags=re.S,
    )
    if found != 1:
        sys.exit(f"a page has {found} blocks `<!-- figures{kind} -->` instead of one")
    return new


def main(arguments):
    check = "--check" in arguments
    paths = [argument for argument in arguments if argument != "--check"]
    if len(paths) != 1:
        sys.exit(__doc__)
    figures = json.loads(pathlib.Path(paths[0]).read_text())
    stale = False
    for name, kind, table in (
        ("README.md", "", commands),
        ("docs/src/guides/many-accounts.md", ": scale", scale),
    ):
        path = ROOT / name
        text = filled(path.read_text(), kind, table(figures))
        if text != path.read_text():
            stale = True
            print(f"{name} {'is stale' if check else 'updated'}")
            if not check:
                path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
