"""Makes one SARIF file of several, a run each, for code scanning.

usage: sarif.py PREFIX OUT NAME=FILE…

PREFIX is the folder that the files' URIs are relative to, seen from the repository's root, where
code scanning looks for them. Each run gets a category of its own, by its name and PREFIX: code
scanning takes no two runs of one category. Suppressed results are left out: code scanning does not read
their suppressions, and would show them as open alerts.
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
            raise ValueError(f"{name} gives no SARIF")
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
    """Puts the prefix before every URI that is relative."""
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
