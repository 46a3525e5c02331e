"""Generates random YAML documents with the indentation that CloudFormation accepts, and parses them
with PyYAML.

usage: yaml_documents.py FIRST_SEED COUNT

Prints a JSON object for each document, one per line: `text`; `faulty`, whether random characters were
inserted; `tree`, which has the last value of each repeated key; and `repeated`, the positions of the
first and last occurrences of each repeated key, and the number of occurrences. In the tree, a scalar is
`[tag, text, start, end]`, an empty value is `[tag, ""]`, a list is `[tag, [items]]`, and a mapping is
`[tag, {key: [start, end, value]}]`. Positions are byte offsets. If PyYAML rejects the text, the tree is
`null`.
"""

import json
import random
import re
import sys

import yaml

SCALARS = [
    "a", "12", "-x", "a b", "a:b", "http://x/y", "a#b", "it's", "~", "true", "é", "''", '""', "'q'",
    '"d"', '"a\\"b"', "'it''s'", "!Ref X", "!Sub 'a'", "!GetAtt X.Arn", "'a\nb'", '"a\né"',
    '"a\\\nb"', "'a\n\nb'", '"a\n#no comment"', "'x: y\nk: v'", "'- a\n- b'", '"a, ]\n} b"',
    "!Sub 'a\nb'", "a\nb",
]
COMMENTS = [" # a\n", " # ] } ' \" [\n", "\n# a: b\n", "\n    # - a\n"]
BLOCKS = ["|\na\n  [b", ">-\na 'b\n\nc", "!Sub |\n${A}"]
FAULTS = ["\t", "\n", "\n\t", " ", "", "#", ",", "\n]", ":", "\n- ", "'", '"', "{", "*a", "&a "]


class Maker:
    """Generates a document."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        # There are few names, so that keys repeat.
        self.names = 4 if seed % 4 == 0 else 1000

    def indent(self, at):
        """Returns the indentation of a continuation line, which can be less than that of its key."""
        return " " * self.random.choice([0, 0, at, at, at + 1, at + 2, max(0, at - 1)])

    def gap(self, at):
        """Returns whitespace in brackets."""
        kind = self.random.random()
        if kind < 0.5:
            return ""
        if kind < 0.6:
            return " "
        end = self.random.choice(["\n", "\n", "\n\n", *COMMENTS])
        return end + self.indent(at)

    def scalar(self, at):
        text = self.random.choice(SCALARS)
        # A line of plain text must be indented in both lists and mappings.
        indent = " " * (at + 2) if text.startswith("a\n") else self.indent(at)
        return text.replace("\n", "\n" + indent)

    def name(self):
        return f"k{self.random.randrange(self.names)}"

    def flow(self, at, depth=0):
        if depth > 3 or self.random.random() < 0.3:
            return self.scalar(at)
        tag = self.random.choice(["", "", "", "", "!If ", "!Join\n" + " " * (at + 1)])
        parts = []
        is_list = self.random.random() < 0.5
        for _ in range(self.random.randrange(4)):
            part = self.flow(at, depth + 1)
            if not is_list:
                name = self.name()
                key = self.random.choice([name, f"'{name}'", f'"{name}"', f"{name} b"])
                colon = self.random.choice([": ", ": ", ":\n" + self.indent(at)])
                if key[0] in "'\"" and self.random.random() < 0.2:
                    colon = ":"
                part = key + colon + part
            parts.append(self.gap(at) + part + self.gap(at))
        last = "," if parts and self.random.random() < 0.3 else ""
        inside = ",".join(parts) + last + self.gap(at)
        return f"{tag}[{inside}]" if is_list else f"{tag}{{{inside}}}"

    def block(self, at, depth=0):
        lines = []
        is_list = depth > 0 and self.random.random() < 0.4
        for _ in range(self.random.randrange(1, 4)):
            start = " " * at + ("-" if is_list else self.name() + ":")
            kind = self.random.random()
            if depth < 3 and kind < 0.4 and not is_list:
                below = at if self.random.random() < 0.3 else at + 2
                nested = self.items(at, depth) if below == at else self.block(below, depth + 1)
                lines.append(f"{start}\n{nested}")
            elif kind < 0.5:
                block = self.random.choice(BLOCKS).replace("\n", "\n" + " " * (at + 3))
                lines.append(f"{start} {block}")
            else:
                lines.append(f"{start} {self.flow(at + 2 if is_list else at)}")
            if self.random.random() < 0.1:
                lines.append(self.random.choice(["", "# a", "      # a"]))
        return "\n".join(lines)

    def items(self, at, depth):
        """Returns a list with the indentation of its key."""
        count = self.random.randrange(1, 3)
        return "\n".join(" " * at + f"- {self.flow(at + 2, depth + 1)}" for _ in range(count))

    def document(self, seed, is_faulty):
        text = self.block(0) + "\n"
        if is_faulty:
            for _ in range(self.random.randrange(1, 3)):
                at = self.random.randrange(len(text))
                rest = text[at + self.random.choice([0, 1]) :]
                text = text[:at] + self.random.choice(FAULTS) + rest
        return text.replace("\n", "\r\n") if seed % 7 == 0 else text


class Tree:
    """The tree that PyYAML parses."""

    def __init__(self, text):
        self.repeated = []
        self.text = text
        # PyYAML counts characters, but the positions are byte offsets.
        self.bytes = [0]
        for character in text:
            self.bytes.append(self.bytes[-1] + len(character.encode()))
        node = yaml.compose(text, yaml.BaseLoader)
        self.tree = node and self.of(node)

    def place(self, node):
        """Returns the position of a scalar, without the header and last line break of a block."""
        start, end = node.start_mark.index, node.end_mark.index
        if node.style in ("|", ">") and not node.tag.startswith("!"):
            start = re.compile(r".*[\r\n ]*").match(self.text, start).end()
        return self.bytes[start], self.bytes[start + len(self.text[start:end].rstrip())]

    def of(self, node):
        tag = node.tag.removeprefix("!") if node.tag.startswith("!") else ""
        if isinstance(node, yaml.ScalarNode):
            if not node.value and not node.style and not tag:
                return [tag, ""]
            return [tag, node.value, *self.place(node)]
        if isinstance(node, yaml.SequenceNode):
            return [tag, [self.of(item) for item in node.value]]
        entries, keys = {}, {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError("a key is not text")
            place = self.place(key)
            entries[key.value] = [*place, self.of(value)]
            keys.setdefault(key.value, []).append(place)
        for places in keys.values():
            if len(places) > 1:
                self.repeated.append([places[0], places[-1], len(places)])
        return [tag, entries]


def main():
    first, count = map(int, sys.argv[1:])
    for seed in range(first, first + count):
        is_faulty = seed % 3 == 1
        text = Maker(seed).document(seed, is_faulty)
        document = {"text": text, "faulty": is_faulty, "tree": None, "repeated": []}
        try:
            # PyYAML treats a comma as part of a tag.
            if re.search(r"![A-Za-z]*,", text):
                raise yaml.YAMLError("a tag with a comma")
            tree = Tree(text)
        except yaml.YAMLError:
            pass
        else:
            document["tree"] = tree.tree
            document["repeated"] = sorted(tree.repeated, key=lambda key: key[1])
        print(json.dumps(document))


if __name__ == "__main__":
    main()
