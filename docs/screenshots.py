#!/usr/bin/env python3
"""Render the images of README.md from the output of s3ferry.

usage: python3 docs/screenshots.py BINARY

Writes docs/src/images/terminal.svg, the output of real commands on a terminal, and
docs/src/images/report.png, the report in a headless Chromium (`chromium` or $CHROMIUM).
"""

import html
import os
import pathlib
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata

IMAGES = pathlib.Path(__file__).resolve().parent / "src" / "images"
# The commands of the terminal image, and the number of output lines that it shows of each. A negative
# number means the last lines, and None means all lines.
COMMANDS = [
    (["init", "--dev-account", "111111111111", "--prod-account", "222222222222", "--region", "eu-west-1"], None),
    (["synth"], None),
    (["prove"], -3),
    (["prove", "--call", "decrypt"], 12),
]
COLUMNS = 100
REPORT_SIZE = (1200, 1010)
CELL_WIDTH, CELL_HEIGHT = 8.4, 19
PADDING = 16
BACKGROUND, FOREGROUND = "#16181d", "#d7dae0"
COLORS = {
    30: "#5c6370",
    31: "#e06c75",
    32: "#8cc570",
    33: "#e5c07b",
    34: "#61afef",
    35: "#c678dd",
    36: "#56b6c2",
    37: "#d7dae0",
}
SGR = re.compile(r"\x1b\[([0-9;]*)m")


def output(binary, words, folder):
    """Run a command on a pseudo-terminal, and return the lines that it prints."""
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [binary, "--color", "always", *words],
        cwd=folder,
        env={"COLUMNS": str(COLUMNS), "TERM": "xterm", "HOME": folder},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    data = b""
    while True:
        try:
            read = os.read(main, 65536)
        except OSError:
            break
        if not read:
            break
        data += read
    os.close(main)
    if process.wait():
        sys.exit(f"s3ferry {' '.join(words)} exits with {process.returncode}")
    text = data.decode().replace("\r\n", "\n")
    return text.rstrip("\n").split("\n")


def spans(line):
    """Split a line into (style, text) pairs; a style is a (color, bold) pair."""
    color, bold, found, at = None, False, [], 0
    for match in SGR.finditer(line):
        found.append(((color, bold), line[at : match.start()]))
        for code in (int(part or 0) for part in match.group(1).split(";")):
            if code == 0:
                color, bold = None, False
            elif code == 1:
                bold = True
            elif code == 2:
                color = COLORS[30]
            elif code == 22:
                bold = False
            elif code == 39:
                color = None
            elif code in COLORS or code - 60 in COLORS:
                color = COLORS.get(code) or COLORS[code - 60]
        at = match.end()
    found.append(((color, bold), line[at:]))
    return [(style, text) for style, text in found if text]


def width(text):
    """Return the number of terminal cells of a text."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def terminal(binary):
    """Return the SVG of a terminal in which the commands have run."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for words, limit in COMMANDS:
            lines.append(f"\x1b[32m$\x1b[0m \x1b[1ms3ferry {' '.join(words)}\x1b[0m")
            printed = output(binary, words, folder)
            if limit is not None and limit < 0:
                printed = ["\x1b[2m…\x1b[0m", *printed[limit:]]
            elif limit is not None and limit < len(printed):
                printed = [*printed[:limit], "\x1b[2m…\x1b[0m"]
            lines += [*printed, ""]
    lines.pop()
    columns = max(width(SGR.sub("", line)) for line in lines)
    total = (
        round(columns * CELL_WIDTH + 2 * PADDING),
        round(len(lines) * CELL_HEIGHT + 2 * PADDING),
    )
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]} {total[1]}" '
        f'width="{total[0]}" height="{total[1]}" role="img">',
        "<title>s3ferry in a terminal</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
        f'<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="14" '
        f'fill="{FOREGROUND}">',
    ]
    for row, line in enumerate(lines):
        y = PADDING + (row + 0.75) * CELL_HEIGHT
        column = 0
        for (color, bold), text in spans(line):
            style = f' fill="{color}"' if color else ""
            style += ' font-weight="bold"' if bold else ""
            # Viewers collapse spaces, so the parts between wide gaps are placed separately.
            for part in re.finditer(r"\S+(?: \S+)*", text):
                x = PADDING + (column + width(text[: part.start()])) * CELL_WIDTH
                length = width(part.group()) * CELL_WIDTH
                out.append(
                    f'<text x="{x:.1f}" y="{y:.1f}" textLength="{length:.1f}"{style}>'
                    f"{html.escape(part.group(), quote=False)}</text>"
                )
            column += width(text)
    out += ["</g>", "</svg>"]
    return "\n".join(out) + "\n"


def report(binary, image):
    """Write a screenshot of the report."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("Chromium is not installed: install it, or set CHROMIUM to its path")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [binary, "-q", "report", "--example", "--out", "report.html"],
            cwd=folder,
            env={"HOME": folder},
            check=True,
        )
        subprocess.run(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={folder}/profile",
                f"--window-size={REPORT_SIZE[0]},{REPORT_SIZE[1]}",
                f"--screenshot={image}",
                pathlib.Path(folder, "report.html").as_uri(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.exit(__doc__)
    binary = os.path.abspath(arguments[0])
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / "terminal.svg").write_text(terminal(binary))
    report(binary, IMAGES / "report.png")
    for image in sorted(IMAGES.iterdir()):
        print(f"{image.name}: {image.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
