"""Prints a case of `s3ferry authorize` for every managed policy of AWS, one on each line.

The policies are data of moto, which reads them from AWS. Only that file of it is loaded: the package
itself needs others.
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
