#!/usr/bin/env python3
"""Run the console examples of README.md and the book, and update the output that they show.

usage: python3 docs/examples.py BINARY [--check]

The rules are those of tests/it/docs.rs. An example without an ellipsis gets the whole output. If the
last line of an example is an ellipsis, the script keeps the number of lines above it, and replaces
them with the first lines of the output. Other examples with an ellipsis are only compared: if one
differs, the script prints the output and exits with code 1. With --check, nothing is written.
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

DOCS = pathlib.Path(__file__).resolve().parent
FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.M | re.S)


def run(binary, folder, words):
    """Run the program, and return its exit code and output."""
    done = subprocess.run(
        [binary, *words],
        cwd=folder,
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def shows(shown, printed):
    """Return whether an example shows the output; an ellipsis omits any text."""
    pieces = [piece.strip() for piece in shown.split("…")]
    pattern = ".*?".join(re.escape(piece) for piece in pieces)
    return re.fullmatch(pattern, printed.strip(), re.S) is not None


def example(binary, folder, text, code, problems):
    """Run the commands of one block, and return the block with their output."""
    parts = re.split(r"^\$ ", text, flags=re.M)
    out = [parts[0]]
    for part in parts[1:]:
        command, _, shown = part.partition("\n")
        words = shlex.split(command, comments=True)
        found, printed = run(binary, folder, words[1:])
        if words[0] != "s3ferry" or found != code:
            problems.append(f"`{command}` exits with {found}:\n{printed}")
        elif "…" not in shown:
            shown = printed.rstrip() + "\n" if printed.strip() else ""
        elif re.fullmatch(r"[^…]+\n…\n*", shown) and len(printed.splitlines()) >= shown.count("\n"):
            lines = shown.rstrip().count("\n")
            shown = "\n".join([*printed.splitlines()[:lines], "…"]) + "\n"
        elif not shows(shown, printed):
            problems.append(f"`{command}` does not print what is shown; it prints:\n{printed}")
        out.append(f"$ {command}\n{shown}")
    return "".join(out)


def page(binary, path):
    """Return a page with current examples, and its problems."""
    problems = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def block(match):
            indent, info, text = match.groups()
            text = re.sub(f"^{indent}", "", text, flags=re.M)
            language, *flags = info.split(",")
            values = dict(flag.split("=", 1) for flag in flags if "=" in flag)
            if "file" in values:
                (folder / values["file"]).parent.mkdir(parents=True, exist_ok=True)
                (folder / values["file"]).write_text(text)
            whole = re.search(r"^dev:", text, re.M) and re.search(r"^targets:", text, re.M)
            if language == "yaml" and not flags and whole:
                (folder / "s3ferry.yaml").write_text(text)
                code, printed = run(binary, folder, ["synth"])
                if code:
                    problems.append(f"a configuration is rejected:\n{printed}")
            if language == "console" and "aws" not in flags:
                text = example(binary, folder, text, int(values.get("exit", 0)), problems)
            text = re.sub(r"^(?=.)", indent, text, flags=re.M)
            return f"{indent}```{info}\n{text}{indent}```"

        return FENCE.sub(block, path.read_text()), problems


def main(arguments):
    check = "--check" in arguments
    paths = [argument for argument in arguments if argument != "--check"]
    if len(paths) != 1:
        sys.exit(__doc__)
    binary = os.path.abspath(paths[0])
    failed = False
    for path in [DOCS.parent / "README.md", *sorted((DOCS / "src").rglob("*.md"))]:
        text, problems = page(binary, path)
        name = path.relative_to(DOCS.parent)
        for problem in problems:
            failed = True
            print(f"{name}: {problem}")
        if text != path.read_text():
            print(f"{name} {'is stale' if check else 'updated'}")
            failed |= check
            if not check:
                path.write_text(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
