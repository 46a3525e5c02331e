"""Adds the second policy of a key, `AWS_RAM`, which exists while AWS RAM shares the key. ListKeyPolicies
returns one name per page, so a caller must read all pages."""

import json

from ministack.core.responses import error_response_json, json_response, request_scope
from ministack.services import kms

_SHARED = "AWS_RAM"


def install():
    kms._get_key_policy = _get
    kms._list_key_policies = _list


def share(account, region, key, policy):
    """Adds the policy of a resource share to a key."""
    with request_scope(account, region):
        kms._resolve_key(key)["SharedPolicy"] = json.dumps(policy)


def _policies(data):
    key = kms._resolve_key(data.get("KeyId", ""))
    if key is None:
        return None
    found = {"default": key.get("Policy")}
    if "SharedPolicy" in key:
        found[_SHARED] = key["SharedPolicy"]
    return found


def _missing(what):
    return error_response_json("NotFoundException", f"{what} not found", 400)


def _get(data):
    found = _policies(data)
    if found is None:
        return _missing(f"Key {data.get('KeyId', '')}")
    name = data.get("PolicyName", "default")
    if name not in found:
        return _missing(f"Policy {name}")
    return json_response({"Policy": found[name], "PolicyName": name})


def _list(data):
    found = _policies(data)
    if found is None:
        return _missing(f"Key {data.get('KeyId', '')}")
    names = list(found)
    at = int(data.get("Marker", "0"))
    answer = {"PolicyNames": names[at : at + 1], "Truncated": at + 1 < len(names)}
    if answer["Truncated"]:
        answer["NextMarker"] = str(at + 1)
    return json_response(answer)
