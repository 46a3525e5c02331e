"""Compares the decisions of the proof with those of the second evaluator, world by world.

`compare.py BINARY FIRST COUNT` writes `world {…}` lines, reads a line of decisions for each world,
and reports the disagreements. `compare.py BINARY SEED` writes a seed's world as indented JSON, and
the decisions of the second evaluator.
"""

import json
import os
import re
import sys
from collections import Counter

from bases import synthesize
from evaluator import verdicts
from templates import World
from worlds import world as make_world

#: The minimum share of each decision. A comparison that contains only allowed calls would prove
#: little.
LEAST_SHARE = {"Allowed": 0.2, "Denied": 0.03, "Unproven": 0.03}
#: Limits the mutations to these kinds, for debugging.
ONLY = os.environ.get("S3FERRY_MUTATIONS", "").split() or None
GRAVITY = ["Denied", "Unproven", "Allowed"]


def key_names(world, ours):
    """Maps the key ARNs of the proof to those of the second evaluator. Both contain generated IDs."""
    templates = {(t.stack["name"], t.account, t.region): t for t in World(world).templates}
    found = {}
    for arn, stack, account, region, name in ours["keys"]:
        theirs = templates[(stack, account, region)].attribute(name, "Arn")
        if found.setdefault(arn, theirs) != theirs:
            found[arn] = f"{arn} (also the ARN of another key)"
    return found


def by_call(calls, names):
    """Groups decisions by caller, action, and resource. Each call can occur in several steps."""
    found = {}
    for call in calls:
        resource = re.sub(r"-logs/.*", "-logs/log", call["resource"])
        resource = names.get(resource, resource)
        # The ID of a key can occur in an ARN with another account.
        for ours, theirs in names.items():
            resource = resource.replace(ours.rsplit("/", 1)[-1], theirs.rsplit("/", 1)[-1])
        made = (call["caller"], call["action"], resource)
        found.setdefault(made, []).append(call)
    return found


def disagreements(world, ours):
    """Yields each call that only one side has, or on which the sides disagree."""
    names = key_names(world, ours)
    theirs, mine = by_call(verdicts(world), {}), by_call(ours["calls"], names)
    for made in sorted(theirs.keys() | mine.keys()):
        sides = [side.get(made, []) for side in (mine, theirs)]
        decided = [sorted({c["decision"] for c in side}, key=GRAVITY.index) for side in sides]
        # A call that one step needs is needed, even if other steps only document it.
        needed = [sorted({c["strength"] for c in side}, reverse=True)[:1] for side in sides]
        if decided[0][:1] != decided[1][:1] or needed[0] != needed[1]:
            yield made, decided, sides


def describe(world, made, decided, sides):
    lines = [
        f"seed {world['seed']} ({world['base']}): {' '.join(made)}",
        *(f"  {m}" for m in world["mutations"]),
    ]
    for who, decision, side in zip(("proof", "second evaluator"), decided, sides):
        lines.append(f"  {who}: {'/'.join(decision) or 'no such call'}")
        lines += sorted({f"    {c['step']}: {c['strength']}: {c['decision']}: {c['because']}" for c in side})
    mutations = f"S3FERRY_MUTATIONS='{' '.join(ONLY)}' " if ONLY else ""
    one = f"S3FERRY_FIRST_WORLD={world['seed']} S3FERRY_WORLDS=1"
    lines.append(f"  again: {mutations}{one} cargo test --test it differential")
    return "\n".join(lines)


def main():
    binary, first, *rest = sys.argv[1:]
    bases = synthesize(binary)
    if not rest:
        world = make_world(int(first), bases, ONLY)
        print(json.dumps(world, indent=1))
        for verdict in verdicts(world):
            print(json.dumps(verdict))
        return 0
    found, decided, refused = [], Counter(), 0
    for seed in range(int(first), int(first) + int(rest[0])):
        world = make_world(seed, bases, ONLY)
        print("world " + json.dumps(world), flush=True)
        ours = json.loads(sys.stdin.readline())
        if "error" in ours:
            refused += 1
            print(f"seed {seed} is rejected: {ours['error']} {world['mutations']}")
            continue
        decided.update(verdict["decision"] for verdict in verdicts(world))
        found += [describe(world, *difference) for difference in disagreements(world, ours)]
    print("\n\n".join(found))
    count, calls = int(rest[0]), sum(decided.values())
    print(
        f"{count} worlds from seed {first}: {calls} calls, {dict(decided)}, {refused} rejected, {len(found)} disagreements"
    )
    shares = {name: decided[name] / calls for name in LEAST_SHARE}
    unbalanced = count >= 100 and any(shares[name] < least for name, least in LEAST_SHARE.items())
    if unbalanced:
        print(f"too few calls with some decisions: {shares}")
    return 1 if found or refused or unbalanced else 0


if __name__ == "__main__":
    sys.exit(main())
