"""Makes the resource types of the templates as strict as AWS about existing names, non-empty buckets,
second bucket policies, and stack policies. Also adds the failures and delays that a test requests.
"""

import fnmatch
import json
import time
import uuid

from ministack.core.responses import get_account_id
from ministack.services import iam, kms, s3
from ministack.services.cloudformation import _stacks, provisioners, stacks
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

import control

_TYPES = (
    "AWS::CodePipeline::Pipeline",
    "AWS::Events::Rule",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Role",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
)


def install():
    for resource_type in _TYPES:
        handler = _RESOURCE_HANDLERS[resource_type]
        handler["create"] = _created(resource_type, handler["create"])
        handler["update"] = _updated(resource_type, handler["update"])
        handler["delete"] = _deleted(resource_type, handler["delete"])
    update = stacks._update_keeping_seed

    def update_by_stack_policy(kind, physical_id, old, new, stack_name, logical_id, *rest):
        if old != new:
            _by_stack_policy(stack_name, logical_id, kind, old, new)
        return update(kind, physical_id, old, new, stack_name, logical_id, *rest)

    stacks._update_keeping_seed = update_by_stack_policy
    on_thread = stacks._runs_on_worker_thread
    # A delayed resource must not block the emulator.
    stacks._runs_on_worker_thread = lambda kind: control.pace(get_account_id()) > 0 or on_thread(kind)


def refused(text, service, status, code):
    """Returns CloudFormation's message for an error from a service."""
    return (
        f'Resource handler returned message: "{text} (Service: {service}, Status Code: {status}, '
        f'Request ID: {uuid.uuid4()}) (SDK Attempt Count: 1)" (RequestToken: {uuid.uuid4()}, '
        f"HandlerErrorCode: {code})"
    )


def _ordered(resource_type, name, operation):
    account = get_account_id()
    time.sleep(control.pace(account))
    reason = control.failure(account, resource_type, name, operation)
    if reason:
        raise ValueError(reason)


def _created(resource_type, create):
    def created(logical_id, props, stack_name):
        _ordered(resource_type, logical_id, "create")
        taken = _TAKEN.get(resource_type)
        reason = taken and taken(props)
        if reason:
            raise ValueError(reason)
        answer = create(logical_id, props, stack_name)
        if resource_type == "AWS::S3::Bucket":
            _encrypt(answer[0], props)
        return answer

    return created


def _updated(resource_type, update):
    def updated(physical_id, old, new, stack_name, *rest):
        _ordered(resource_type, physical_id, "update")
        answer = update(physical_id, old, new, stack_name, *rest)
        if resource_type == "AWS::S3::Bucket":
            _encrypt(answer[0], new)
        return answer

    return updated


def _encrypt(bucket, props):
    """Converts the default encryption of a template to the form of the API."""
    for rule in props.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", []):
        default = rule.get("ServerSideEncryptionByDefault", {})
        key = default.get("KMSMasterKeyID")
        s3._bucket_encryption[bucket] = (
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
            f"<SSEAlgorithm>{default['SSEAlgorithm']}</SSEAlgorithm>"
            + (f"<KMSMasterKeyID>{key}</KMSMasterKeyID>" if key else "")
            + "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>"
            f"{str(rule.get('BucketKeyEnabled', False)).lower()}</BucketKeyEnabled></Rule>"
            "</ServerSideEncryptionConfiguration>"
        )


def _deleted(resource_type, delete):
    def deleted(physical_id, props, *rest):
        _ordered(resource_type, physical_id, "delete")
        if resource_type == "AWS::S3::Bucket" and _holds_objects(physical_id):
            raise ValueError(
                refused("The bucket you tried to delete is not empty", "S3", 409, "GeneralServiceException")
            )
        return delete(physical_id, props, *rest)

    return deleted


def _role_taken(props):
    name = props.get("RoleName")
    if name in iam._roles:
        return refused(f"Role with name {name} already exists.", "Iam", 409, "AlreadyExists")


def _managed_policy_taken(props):
    name, path = props.get("ManagedPolicyName"), props.get("Path", "/")
    if f"arn:aws:iam::{get_account_id()}:policy{path}{name}" in iam._policies:
        return refused(
            f"A policy called {name} already exists. Duplicate names are not allowed.",
            "Iam", 409, "AlreadyExists",
        )


def _alias_taken(props):
    arn = kms._alias_arn(props["AliasName"])
    if arn in kms._aliases:
        return refused(f"An alias with the name {arn} already exists", "Kms", 400, "AlreadyExists")


def _bucket_policy_taken(props):
    if props["Bucket"] in s3._bucket_policies:
        return f"The bucket policy already exists on bucket {props['Bucket']}."


_TAKEN = {
    "AWS::IAM::Role": _role_taken,
    "AWS::IAM::ManagedPolicy": _managed_policy_taken,
    "AWS::KMS::Alias": _alias_taken,
    "AWS::S3::BucketPolicy": _bucket_policy_taken,
}


def _holds_objects(bucket):
    return bool(s3._buckets.get(bucket, {}).get("objects"))


def _by_stack_policy(stack_name, logical_id, resource_type, old, new):
    """Applies a stack policy (*Prevent updates to stack resources*), which denies everything that it
    does not allow. Applies only to updates and replacements, not to deletions.
    """
    policy = _stacks[stack_name].get("_stack_policy")
    if not policy:
        return
    action = "Replace" if provisioners._replacing_change(resource_type, old, new) else "Modify"
    resource = f"LogicalResourceId/{logical_id}"
    effects = [
        statement["Effect"]
        for statement in json.loads(policy)["Statement"]
        if _matches(statement["Action"], f"Update:{action}")
        and (
            _matches(statement["Resource"], resource)
            if "Resource" in statement
            else not _matches(statement["NotResource"], resource)
        )
    ]
    if "Deny" in effects or "Allow" not in effects:
        raise ValueError(
            f"Action denied by stack policy: Statement [#1] does not allow [Update:{action}] for "
            f"resource [{resource}]"
        )


def _matches(patterns, value):
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)
