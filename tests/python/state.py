"""Reads all resources in accounts of the emulator with botocore, independently of the SDK that s3ferry
uses. Prints JSON by account.

usage: python tests/python/state.py ENDPOINT REGION[,REGION...] ACCOUNT...
"""

import json
import sys

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session


def main(endpoint, regions, *accounts):
    session = Session()

    def clients(account):
        def client(service, region):
            return session.create_client(
                service,
                region_name=region,
                endpoint_url=endpoint,
                aws_access_key_id=account,
                aws_secret_access_key="any",
                config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 5}),
            )

        return client

    found = {account: account_state(clients(account), regions.split(",")) for account in accounts}
    print(json.dumps(found, sort_keys=True, default=str))


def account_state(client, regions):
    state = iam(client("iam", regions[0]))
    state["buckets"] = buckets(client("s3", regions[0]))
    for region in regions:
        made = stacks(client("cloudformation", region))
        state[region] = {
            "stacks": made,
            "keys": keys(client("kms", region)),
            "pipelines": pipelines(client("codepipeline", region), made),
            "rules": rules(client("events", region)),
        }
    return state


def stacks(cloudformation):
    found = {}
    for stack in cloudformation.describe_stacks()["Stacks"]:
        if stack["StackStatus"] == "DELETE_COMPLETE":
            continue
        name = stack["StackName"]
        change_sets = cloudformation.list_change_sets(StackName=name)["Summaries"]
        found[name] = {
            "status": stack["StackStatus"],
            "parameters": {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", [])},
            "outputs": {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])},
            "tags": tags(stack.get("Tags", [])),
            "protected": stack.get("EnableTerminationProtection", False),
            "policy": json.loads(cloudformation.get_stack_policy(StackName=name).get("StackPolicyBody", "null")),
            "template": cloudformation.get_template(StackName=name)["TemplateBody"],
            "resources": {
                one["LogicalResourceId"]: one["PhysicalResourceId"]
                for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
                for one in page["StackResourceSummaries"]
                if one["ResourceStatus"] != "DELETE_COMPLETE"
            },
            "operations": operations(cloudformation, name),
            "waitingChangeSets": [
                one["ChangeSetName"] for one in change_sets if one["ExecutionStatus"] in ("AVAILABLE", "UNAVAILABLE")
            ],
        }
    return found


def operations(cloudformation, name):
    """Returns the first event of each operation on the stack, the oldest first."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
    events = [event for page in pages for event in page["StackEvents"]]
    return [
        event["ResourceStatus"]
        for event in reversed(events)
        if event["PhysicalResourceId"] == event["StackId"]
        and event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
    ]


def iam(iam):
    found = {"roles": {}, "policies": {}}
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        found["roles"][name] = {
            "arn": role["Arn"],
            "trust": role["AssumeRolePolicyDocument"],
            "attached": sorted(policy["PolicyArn"] for policy in attached),
            "inline": iam.list_role_policies(RoleName=name)["PolicyNames"],
            "tags": tags(iam.list_role_tags(RoleName=name)["Tags"]),
        }
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        arn = policy["Arn"]
        version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])
        found["policies"][policy["PolicyName"]] = {"arn": arn, "document": version["PolicyVersion"]["Document"]}
    return found


def buckets(s3):
    found = {}
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        found[name] = {
            "policy": json.loads(or_nothing(lambda: s3.get_bucket_policy(Bucket=name)["Policy"]) or "null"),
            "versioning": s3.get_bucket_versioning(Bucket=name).get("Status"),
            "publicAccessBlock": or_nothing(
                lambda: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
            ),
            "tags": tags(or_nothing(lambda: s3.get_bucket_tagging(Bucket=name)["TagSet"]) or []),
        }
    return found


def keys(kms):
    aliases = kms.list_aliases()["Aliases"]
    found = {}
    for key in kms.list_keys()["Keys"]:
        number = key["KeyId"]
        about = kms.describe_key(KeyId=number)["KeyMetadata"]
        found[number] = {
            "arn": about["Arn"],
            "state": about["KeyState"],
            "multiRegion": about.get("MultiRegion", False),
            "policy": json.loads(kms.get_key_policy(KeyId=number, PolicyName="default")["Policy"]),
            "rotation": or_nothing(lambda: kms.get_key_rotation_status(KeyId=number)["KeyRotationEnabled"]),
            "aliases": sorted(alias["AliasName"] for alias in aliases if alias.get("TargetKeyId") == number),
        }
    return found


def pipelines(codepipeline, stacks):
    """Reads the pipelines in the outputs of the stacks, because the emulator cannot list pipelines."""
    names = [stack["outputs"]["PipelineName"] for stack in stacks.values() if "PipelineName" in stack["outputs"]]
    return {name: or_nothing(lambda: codepipeline.get_pipeline(name=name)["pipeline"]) for name in names}


def rules(events):
    return {
        rule["Name"]: {
            "pattern": json.loads(rule["EventPattern"]),
            "state": rule["State"],
            "targets": events.list_targets_by_rule(Rule=rule["Name"])["Targets"],
        }
        for rule in events.list_rules()["Rules"]
    }


def tags(found):
    """Returns the tags without those that CloudFormation adds, which contain stack IDs."""
    return {tag["Key"]: tag["Value"] for tag in found if not tag["Key"].startswith("aws:")}


def or_nothing(ask):
    try:
        return ask()
    except ClientError:
        return None


main(*sys.argv[1:])
