"""Parses YAML templates like CloudFormation (YAML 1.1), and compares them with the JSON templates.

usage: compare.py FOLDER...   (each with yaml/NAME.yaml and json/NAME.json)
"""

import json
import pathlib
import sys

import yaml


class Loader(yaml.SafeLoader):
    """A loader of YAML 1.1 that supports CloudFormation's short-form tags and rejects repeated keys."""


def intrinsic(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "Ref":
        return {"Ref": value}
    if suffix == "GetAtt":
        return {"Fn::GetAtt": value.split(".", 1)}
    if suffix in ("Sub", "Equals"):
        return {f"Fn::{suffix}": value}
    raise ValueError(f"unexpected tag !{suffix}{node.start_mark}")


def mapping(loader, node):
    result = loader.construct_mapping(node, deep=True)
    if len(result) != len(node.value):
        raise ValueError(f"duplicate key{node.start_mark}")
    return result


Loader.add_multi_constructor("!", intrinsic)
Loader.add_constructor("tag:yaml.org,2002:map", mapping)


def differences(path, left, right):
    """Returns the differences between two values. Unlike `==`, booleans and numbers are different."""
    if type(left) is not type(right):
        yield f"{path}: {left!r} instead of {right!r}"
    elif isinstance(left, dict):
        if list(left) != list(right):
            yield f"{path}: keys {list(left)} instead of {list(right)}"
        for key in left.keys() & right.keys():
            yield from differences(f"{path}.{key}", left[key], right[key])
    elif isinstance(left, list):
        if len(left) != len(right):
            yield f"{path}: {len(left)} items instead of {len(right)}"
        for index, pair in enumerate(zip(left, right)):
            yield from differences(f"{path}.{index}", *pair)
    elif left != right:
        yield f"{path}: {left!r} instead of {right!r}"


def main(folders):
    compared = 0
    failed = False
    for folder in map(pathlib.Path, folders):
        for template in sorted((folder / "yaml").glob("*.yaml")):
            twin = folder / "json" / f"{template.stem}.json"
            found = yaml.load(template.read_text(encoding="utf-8"), Loader)
            wanted = json.loads(twin.read_text(encoding="utf-8"))
            for difference in differences("", found, wanted):
                failed = True
                print(f"{template}: {difference}")
            compared += 1
    print(f"{compared} templates compared")
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
