"""What the emulator needs to enforce policies (`AUTH=true`) as AWS does: `aws:PrincipalArn` is the
role's ARN, a bucket policy is asked about the very caller also from another account, plain HTTP on
this machine counts as TLS, and services can assume roles.
"""

import dataclasses
import json
import time
import uuid

from ministack.core import iam_evaluator
from ministack.services import iam, sts

import policies


def install():
    resolve = iam_evaluator._resolve_condition_key

    def resolved(key, context):
        key = key.lower()
        if key == "aws:principalarn":
            return _role_of_session(context.principal_arn)
        if key == "aws:securetransport":
            return "true"
        return resolve(key, context)

    iam_evaluator._resolve_condition_key = resolved
    evaluate = iam_evaluator.evaluate_resource_policy

    def evaluated(document, context, *rest, **named):
        caller = iam_evaluator.caller_arn()
        # Of a caller from another account ministack's S3 keeps only the account.
        if context.principal_type == "Root" and caller.split(":")[4] == context.principal_account:
            context = dataclasses.replace(context, principal_arn=caller)
        return evaluate(document, context, *rest, **named)

    iam_evaluator.evaluate_resource_policy = evaluated


def _role_of_session(arn):
    """Document: AWS global condition context keys. Of a session it is the role, with its path."""
    if ":assumed-role/" not in arn:
        return arn
    name = arn.split("/")[1]
    role = iam._roles.get_scoped(arn.split(":")[4], None, name)
    return role["Arn"] if role else arn


def session_of_service(arn, service):
    """Credentials of a role that trusts a service, as the service gets them; None if it does not."""
    role = policies._role(arn)
    if role is None:
        return None
    trusting = [
        statement
        for statement in json.loads(role["AssumeRolePolicyDocument"])["Statement"]
        if service in policies._as_list((statement.get("Principal") or {}).get("Service"))
        and "sts:AssumeRole" in policies._as_list(statement["Action"])
    ]
    if not trusting or any(statement["Effect"] != "Allow" for statement in trusting):
        return None
    account, name = arn.split(":")[4], arn.rsplit("/", 1)[-1]
    session = uuid.uuid4().hex[:16]
    credentials = {
        "AccessKeyId": iam._gen_session_access_key(),
        "SecretAccessKey": iam._gen_secret(),
        "SessionToken": iam._gen_session_token(),
    }
    sts.register_session(
        credentials["AccessKeyId"],
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
            "UserId": f"{role['RoleId']}:{session}",
            "SecretAccessKey": credentials["SecretAccessKey"],
            "SessionToken": credentials["SessionToken"],
            "Expiration": time.time() + 3600,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
        },
    )
    return credentials
