#!/usr/bin/env python3
"""Checks the links in the documentation.

usage: python3 tests/python/docs_links.py [BOOK]

Checks that every relative link and anchor in the Markdown files of the repository's root and in
docs/src exists, and that docs/src/SUMMARY.md lists every page. Also checks every internal link,
image, and anchor of the HTML pages of the book. BOOK is the folder into which mdBook built the
book. The default is target/book or docs/book, if one exists. Prints each broken link and exits with code 1 if
there is one.
"""

import html.parser
import pathlib
import re
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "docs" / "src"
PAGES = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^()\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")


def prose(text):
    """Returns the text of a page without fenced blocks, comments, and code spans."""
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    return text


def slug(heading):
    """Returns the anchor of a heading, as mdBook and GitHub derive it."""
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip())
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in "_- ")
    return kept.strip().replace(" ", "-")


def anchors(path):
    """Returns the anchors of a Markdown page."""
    found = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(path.read_text()), re.M):
        name, number = slug(heading), 0
        while (unique := f"{name}-{number}" if number else name) in found:
            number += 1
        found.add(unique)
    return found


def is_external(target):
    """Returns whether a link leaves the documentation."""
    return bool(urllib.parse.urlsplit(target).scheme) or target.startswith("//")


def check_markdown(path, broken):
    """Checks the links on a Markdown page."""
    text = re.sub(r"`[^`\n]*`", "`code`", prose(path.read_text()))
    for target in LINK.findall(text):
        if is_external(target):
            continue
        name, _, anchor = urllib.parse.unquote(target).partition("#")
        linked = (path.parent / name).resolve() if name else path
        if not linked.exists():
            broken.append(f"{path.relative_to(ROOT)}: {target} does not exist")
        elif anchor and linked.suffix == ".md" and anchor not in anchors(linked):
            broken.append(f"{path.relative_to(ROOT)}: {target} names no heading")
        elif SOURCES in path.parents and SOURCES not in linked.parents:
            broken.append(f"{path.relative_to(ROOT)}: {target} is not part of the book")


def check_summary(broken):
    """Checks that the summary lists every page."""
    summary = SOURCES / "SUMMARY.md"
    listed = {(SOURCES / target).resolve() for target in LINK.findall(summary.read_text())}
    for path in SOURCES.rglob("*.md"):
        if path != summary and path not in listed:
            broken.append(f"docs/src/SUMMARY.md does not list {path.relative_to(SOURCES)}")


class Html(html.parser.HTMLParser):
    """The anchors and links of an HTML page."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (name == "name" and tag == "a"):
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def check_book(book, broken):
    """Checks the links on the HTML pages of the book."""
    pages = {path.resolve(): Html(path.read_text()) for path in sorted(book.rglob("*.html"))}
    if not pages:
        broken.append(f"{book} has no pages: run `mdbook build docs`")
    for path, page in pages.items():
        # These pages have a base address or are loaded into other pages.
        if path.name in ("404.html", "toc.html", "print.html"):
            continue
        for target in page.links:
            if is_external(target):
                continue
            name, _, anchor = urllib.parse.unquote(target).partition("#")
            name = name.partition("?")[0]
            linked = (path.parent / name).resolve() if name else path
            if linked.is_dir():
                linked = linked / "index.html"
            shown = f"{path.relative_to(book)}: {target}"
            if not linked.exists():
                broken.append(f"{shown} does not exist")
            elif anchor and linked in pages and anchor not in pages[linked].anchors:
                broken.append(f"{shown} names no anchor")


def main(arguments):
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        sys.exit(__doc__)
    broken = []
    for name in PAGES:
        path = ROOT / name
        if path.exists():
            check_markdown(path, broken)
        else:
            broken.append(f"{name} does not exist")
    for path in sorted(SOURCES.rglob("*.md")):
        check_markdown(path, broken)
    check_summary(broken)
    built = [ROOT / "target" / "book", ROOT / "docs" / "book"]
    built = [pathlib.Path(arguments[0])] if arguments else [one for one in built if one.exists()][:1]
    for book in built:
        check_book(book.resolve(), broken)
    for line in broken:
        print(line)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
