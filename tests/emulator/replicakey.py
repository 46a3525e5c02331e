"""Adds the resource type of multi-Region replica keys, based on the emulator's ReplicateKey."""

import json

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import kms
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS


def install():
    _RESOURCE_HANDLERS["AWS::KMS::ReplicaKey"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }


def _create(logical_id, props, stack_name):
    primary = props["PrimaryKeyArn"]
    asked = {
        "KeyId": primary,
        "ReplicaRegion": get_region(),
        "Policy": json.dumps(props["KeyPolicy"]),
        "Description": props.get("Description", ""),
        "Tags": [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in props.get("Tags", [])],
    }
    # ReplicateKey is called in the region of the primary key.
    with request_scope(get_account_id(), primary.split(":")[3]):
        status, _headers, body = kms._replicate_key(asked)
    if status != 200:
        raise ValueError(json.loads(body).get("message"))
    return _attributes(primary.split("/")[1])


def _update(physical_id, old, new, stack_name):
    kms._resolve_key(physical_id)["Policy"] = json.dumps(new["KeyPolicy"])
    return _attributes(physical_id)


def _delete(physical_id, props, *rest):
    kms._schedule_key_deletion({"KeyId": physical_id, "PendingWindowInDays": props.get("PendingWindowInDays", 30)})


def _attributes(key_id):
    return key_id, {"Arn": kms._resolve_key(key_id)["Arn"], "KeyId": key_id}
