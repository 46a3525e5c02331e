"""Changes how the emulator enforces policies (`AUTH=true`), to match AWS:

- `aws:PrincipalArn` is the ARN of the role.
- `aws:ResourceAccount` is the account that owns the bucket.
- A bucket policy is evaluated for the exact caller in another account.
- S3 returns 403 for a missing object if the caller cannot list the bucket.
- Services can assume roles.

Plain HTTP counts as TLS, because the tests call the emulator over plain HTTP.
"""

import dataclasses
import json
import time
import uuid

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_region
from ministack.core.router import extract_access_key_id
from ministack.services import iam, s3, sts

import policies


_BUCKETS = "arn:aws:s3:::"


def install():
    resolve = iam_evaluator._resolve_condition_key

    def resolved(key, context):
        key = key.lower()
        if key == "aws:principalarn":
            return _role_of_session(context.principal_arn)
        if key == "aws:securetransport":
            return "true"
        if key == "aws:resourceaccount" and context.resource_arn.startswith(_BUCKETS):
            return s3._bucket_owner_account(context.resource_arn.removeprefix(_BUCKETS).split("/")[0])
        return resolve(key, context)

    iam_evaluator._resolve_condition_key = resolved
    evaluate = iam_evaluator.evaluate_resource_policy

    def evaluated(document, context, *rest, **named):
        caller = iam_evaluator.caller_arn()
        # For a caller in another account, ministack's S3 passes only the account.
        if context.principal_type == "Root" and caller.split(":")[4] == context.principal_account:
            context = dataclasses.replace(context, principal_arn=caller)
        return evaluate(document, context, *rest, **named)

    iam_evaluator.evaluate_resource_policy = evaluated
    s3._get_object = _hiding_what_is_missing(s3._get_object)
    s3._head_object = _hiding_what_is_missing(s3._head_object)


def _hiding_what_is_missing(answer):
    """Makes S3 return 403 for a missing object if the caller cannot list the bucket (*HeadObject*)."""

    def answered(bucket, key, headers=None, query=None):
        found = answer(bucket, key, headers, query)
        if not app.AUTH or found[0] != 404:
            return found
        caller = extract_access_key_id(headers or {})
        refused = iam_evaluator.enforce(
            caller, "s3:ListBucket", "s3", get_region(), resource_arn=f"{_BUCKETS}{bucket}"
        )
        return s3._error("AccessDenied", "Access Denied", 403) if refused else found

    return answered


def _role_of_session(arn):
    """Returns the ARN of the role of a session, with its path (*AWS global condition context keys*)."""
    if ":assumed-role/" not in arn:
        return arn
    name = arn.split("/")[1]
    role = iam._roles.get_scoped(arn.split(":")[4], None, name)
    return role["Arn"] if role else arn


def session_of_service(arn, service):
    """Returns a service's credentials for a role, or None if the role does not trust the service."""
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
