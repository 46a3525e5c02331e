"""Prints facts about each region from the data in botocore, which AWS maintains: the partition, the
partition's domain, and whether CodePipeline has an endpoint. The output is a JSON object by region."""

import importlib.util
import json
import pathlib


def main():
    package = pathlib.Path(importlib.util.find_spec("botocore").submodule_search_locations[0])
    endpoints = json.loads((package / "data" / "endpoints.json").read_text(encoding="utf-8"))
    pipelines = {
        region
        for partition in endpoints["partitions"]
        for region in partition["services"].get("codepipeline", {}).get("endpoints", {})
    }
    partitions = json.loads((package / "data" / "partitions.json").read_text(encoding="utf-8"))
    found = {
        region: {
            "partition": partition["id"],
            "suffix": partition["outputs"]["dnsSuffix"],
            "codepipeline": region in pipelines,
        }
        for partition in partitions["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    }
    print(json.dumps(found))


main()
