"""The base configurations of worlds, synthesized by the real binary."""

import json
import os
import subprocess
import tempfile

DEV, PROD, OTHER = "111111111111", "222222222222", "333333333333"
HERE, THERE = "us-east-1", "eu-west-1"
PROD_KEY = f"arn:aws:kms:{HERE}:{PROD}:key/11111111-2222-3333-4444-555555555555"
CONNECTION = f"arn:aws:codeconnections:{HERE}:{DEV}:connection/11111111-2222-3333-4444-555555555555"
TOPIC = f"arn:aws:sns:{HERE}:{DEV}:approvals"
SERVICE_ROLE = f"arn:aws:iam::{DEV}:role/service-role/mine"


def config(dev="", target="", top=""):
    indent = lambda text, by: "".join(f"{' ' * by}{line}\n" for line in text.splitlines())
    return (
        f'dev:\n  account: "{DEV}"\n{indent(dev, 2)}targets:\n  - name: prod\n    account: "{PROD}"\n'
        f"{indent(target, 4)}{top}\n"
    )


def stack(name, account, region=HERE):
    return {"name": name, "account": account, "region": region}


TWO = [stack("dev", DEV), stack("prod", PROD)]
ALLOW_ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
CODEPIPELINE_TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "codepipeline.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}

CURRENT = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteBucket",
        "Resource": "arn:aws:s3:::codepipeline-us-east-1-0123456789",
    },
}

#: By name: configuration, additional files, stacks, and facts about existing resources.
BASES = {
    "default": (config(), {}, TWO, {}),
    "article": (config(top="permissions: article"), {}, TWO, {}),
    "two-targets": (
        config(target="bucket: prod-output")
        + f'  - {{name: second, account: "{OTHER}", bucket: second-output, approval: true}}\n',
        {},
        [*TWO, stack("second", OTHER)],
        {},
    ),
    "one-account": (
        config(target="bucket: same-output").replace(f'"{PROD}"', f'"{DEV}"'),
        {},
        [stack("dev", DEV), stack("prod", DEV)],
        {},
    ),
    "other-region": (
        config("key: {multi_region: true}", f"region: {THERE}\nbucket: out-there"),
        {},
        [stack("dev", DEV), stack(f"dev-{THERE}", DEV, THERE), stack("prod", PROD, THERE)],
        {},
    ),
    "existing-buckets": (
        config(
            "source: {create: false}\nartifacts: {create: false, existing_policy: current.json}",
            "create: false",
        ),
        {"current.json": CURRENT},
        TWO,
        {
            "options": {
                "policies": {"codepipeline-input-bucket": None, "codepipeline-output-bucket": None}
            },
            "existing": ["codepipeline-input-bucket", "codepipeline-us-east-1-0123456789",
                         "codepipeline-output-bucket"],
        },
    ),
    "existing-role": (
        config(f"pipeline: {{service_role: {SERVICE_ROLE}}}"),
        {},
        TWO,
        {"options": {"policies": {SERVICE_ROLE: CODEPIPELINE_TRUST}, "identities": {"mine": None},
                     "boundaries": {"mine": None}}},
    ),
    "output-key": (
        config(target=f"encryption_key: {PROD_KEY}\ncanned_acl: bucket-owner-full-control\npath: site"),
        {},
        TWO,
        {
            "options": {
                "policies": {
                    PROD_KEY: {
                        "Version": "2012-10-17",
                        "Statement": {
                            "Effect": "Allow",
                            "Principal": {"AWS": f"arn:aws:iam::{PROD}:root"},
                            "Action": "kms:*",
                            "Resource": "*",
                        },
                    }
                }
            }
        },
    ),
    "organization": (
        config(
            "key: {multi_region: true}",
            f'accounts: ["{PROD}", "{OTHER}"]\nregions: [{HERE}, {THERE}]\n'
            "bucket: out-{account}-{region}",
            "organization: o-exampleorg1",
        ).replace(f'    account: "{PROD}"\n', ""),
        {},
        [stack("dev", DEV), stack(f"dev-{THERE}", DEV, THERE)]
        + [stack("prod", a, r) for a in (PROD, OTHER) for r in (HERE, THERE)],
        {"organization": "o-exampleorg1"},
    ),
    "repository": (
        config(f"source: {{connection: {CONNECTION}, repository: example/website, branch: main}}"),
        {},
        TWO,
        {},
    ),
    "build": (
        config("build: {commands: [make], output: dist/**, secrets: {TOKEN: site/token, KEY: site/key:id}}"),
        {},
        TWO,
        {},
    ),
    "invalidation": (
        config(target="invalidate: {distribution: EDFDVBD6EXAMPLE, paths: [/index.html, /assets/*]}\npath: site\n"),
        {},
        TWO,
        {},
    ),
    "stage-safety": (
        config(target=f"approval: {{notify: '{TOPIC}'}}\nalarm: {{name: website-errors, wait_minutes: 5}}\n"
                      "deployment_window: {cron: '* * * ? * *'}\non_failure: rollback"),
        {},
        TWO,
        {"options": {"policies": {TOPIC: {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["SNS:Publish", "SNS:Subscribe"],
                "Resource": TOPIC,
                "Condition": {"StringEquals": {"AWS:SourceOwner": DEV}},
            },
        }}}},
    ),
    "boundary": (
        config(f"permissions_boundary: arn:aws:iam::{DEV}:policy/limit"),
        {},
        TWO,
        {"options": {"boundaries": {
            "AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy": ALLOW_ALL,
            "crossaccountdeploy-us-east-1-start": ALLOW_ALL,
        }}},
    ),
}  # fmt: skip


#: The accounts and regions of the buckets in the configurations, whether or not a stack creates
#: them.
OWNERS = {
    "codepipeline-input-bucket": (DEV, HERE),
    "codepipeline-us-east-1-0123456789": (DEV, HERE),
    "codepipeline-eu-west-1-0123456789": (DEV, THERE),
    "codepipeline-output-bucket": (PROD, HERE),
    "prod-output": (PROD, HERE),
    "second-output": (OTHER, HERE),
    "same-output": (DEV, HERE),
    "out-there": (PROD, THERE),
    **{f"out-{a}-{r}": (a, r) for a in (PROD, OTHER) for r in (HERE, THERE)},
}


def synthesize(binary):
    """Returns every base as a world without mutations."""
    found = {}
    for name, (text, files, stacks, known) in BASES.items():
        with tempfile.TemporaryDirectory() as folder:
            for file, content in {"s3ferry.yaml": text, **files}.items():
                with open(os.path.join(folder, file), "w", encoding="utf-8") as out:
                    out.write(content if isinstance(content, str) else json.dumps(content))
            command = [
                os.path.abspath(binary),
                "synth",
                "--format",
                "json",
                "--no-lint",
                "--no-prove",
                "--quiet",
            ]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise SystemExit(f"{name}: s3ferry synth: {done.stderr}")

            def read(path):
                with open(os.path.join(folder, "stacks", path), encoding="utf-8") as file:
                    return json.load(file)

            world = {
                "base": name,
                "config": text,
                "stacks": [{**s, "template": read(f"{s['name']}.json")} for s in stacks],
                "options": {
                    k: dict(known.get("options", {}).get(k, {}))
                    for k in ("policies", "identities", "boundaries")
                },
                "owners": OWNERS,
                "organization": known.get("organization"),
                "existing": known.get("existing", []),
            }
            world["options"].update({"scps": [], "rcps": []})
            policies = os.path.join(folder, "stacks", "policies")
            for file in sorted(os.listdir(policies)) if os.path.isdir(policies) else []:
                world["options"]["policies"][file.removesuffix(".json")] = read(f"policies/{file}")
            found[name] = world
    return found
