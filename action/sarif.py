"""Merges SARIF files into one file with a run for each, for code scanning.

usage: sarif.py PREFIX OUT NAME=FILE…

PREFIX is the path of the folder that the URIs are relative to, from the repository root. Each run gets
a category from its name and PREFIX, because code scanning rejects two runs with the same category.
Suppressed results are omitted, because code scanning ignores suppressions and would show open alerts.
"""

import json
import posixpath
import sys
import urllib.parse


def main(prefix, out, named):
    whole = None
    for argument in named:
        name, _, path = argument.partition("=")
        with open(path, encoding="utf-8") as file:
            log = json.load(file)
        if log.get("version") != "2.1.0" or len(log.get("runs", [])) != 1:
            raise ValueError(f"{name} did not write valid SARIF")
        run = log["runs"][0]
        run["results"] = [one for one in run["results"] if not one.get("suppressions")]
        move(run, urllib.parse.quote(prefix))
        run["automationDetails"] = {"id": posixpath.join("s3ferry", name, prefix.strip("/"), "")}
        if whole is None:
            whole = log
        else:
            whole["runs"].append(run)
    with open(out, "w", encoding="utf-8") as file:
        json.dump(whole, file, indent=2)


def move(node, prefix):
    """Adds the prefix to all relative URIs."""
    if isinstance(node, list):
        for item in node:
            move(item, prefix)
    elif isinstance(node, dict):
        location = node.get("artifactLocation")
        if location and not location["uri"].startswith("/") and ":" not in location["uri"]:
            location["uri"] = posixpath.normpath(posixpath.join(prefix, location["uri"]))
        for value in node.values():
            move(value, prefix)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], sys.argv[3:])
    except (ValueError, AttributeError, TypeError, KeyError, OSError) as error:
        sys.exit(f"{error}")
