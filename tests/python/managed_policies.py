"""Prints a case for `s3ferry authorize` for each AWS managed policy, one per line.

The policies come from a data file in moto, which gets them from AWS. The script loads only this file,
because moto itself requires other packages.
"""

import importlib.util
import json
import pathlib
import runpy


def main():
    package = pathlib.Path(importlib.util.find_spec("moto").submodule_search_locations[0])
    data = runpy.run_path(str(package / "iam" / "aws_managed_policies.py"))["aws_managed_policies_data"]
    for name, policy in sorted(json.loads(data).items()):
        case = {
            "id": name,
            "request": {
                "principal": "arn:aws:sts::111111111111:assumed-role/app/run",
                "action": "s3:GetObject",
                "resource": "arn:aws:s3:::bucket/key",
                "resourceAccount": "111111111111",
            },
            "identityPolicies": [policy["Document"]],
        }
        print(json.dumps(case))


main()
