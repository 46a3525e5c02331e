"""Makes policies that name roles behave as in AWS. A policy is rejected if the role does not exist. A
policy stores the unique ID of the role, so it stops working when the role is deleted.
"""

import json

from ministack.core.arn import parse_arn
from ministack.services import iam, kms, s3
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

from resources import refused


def install():
    _checked("AWS::IAM::Role", "AssumeRolePolicyDocument", _trust_refused)
    _checked("AWS::KMS::Key", "KeyPolicy", _key_policy_refused)
    _checked("AWS::S3::BucketPolicy", "PolicyDocument", _bucket_policy_refused)
    roles = _RESOURCE_HANDLERS["AWS::IAM::Role"]
    delete = roles["delete"]

    def deleted(name, *rest):
        _forget(iam._roles.get(name))
        return delete(name, *rest)

    roles["delete"] = deleted
    put = s3._put_bucket_policy

    def put_bucket_policy(name, body):
        try:
            missing = _missing(json.loads(body))
        except ValueError:
            return s3._error("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'", 400)
        if missing:
            return s3._error("MalformedPolicy", "Invalid principal in policy", 400)
        return put(name, body)

    s3._put_bucket_policy = put_bucket_policy
    delete_role = iam._delete_role

    def delete_role_call(params):
        role = iam._roles.get(iam._p(params, "RoleName"))
        answer = delete_role(params)
        if answer[0] < 300:
            _forget(role)
        return answer

    for actions in [value for value in vars(iam).values() if isinstance(value, dict)]:
        if actions.get("DeleteRole") is delete_role:
            actions["DeleteRole"] = delete_role_call


def trusts(role, service):
    """Returns whether the role exists and the service can assume it."""
    found = _role(role)
    statements = _statements(json.loads(found["AssumeRolePolicyDocument"])) if found else []
    return any(
        statement["Effect"] == "Allow"
        and isinstance(statement.get("Principal"), dict)
        and service in _as_list(statement["Principal"].get("Service"))
        for statement in statements
    )


def may_assume(caller, role):
    """Returns whether the role trusts the caller and the caller's policies allow assuming it."""
    found = _role(role)
    if found is None or _role(caller) is None:
        return False
    trusted = _statements(json.loads(found["AssumeRolePolicyDocument"]))
    account = parse_arn(caller).account_id
    accepted = {caller, account, f"arn:aws:iam::{account}:root"}
    if not any(
        statement["Effect"] == "Allow" and accepted & set(_named(statement)) for statement in trusted
    ):
        return False
    return any(
        role in _as_list(statement.get("Resource"))
        for document in _identity_policies(caller)
        for statement in _statements(document)
        if statement["Effect"] == "Allow" and "sts:AssumeRole" in _as_list(statement.get("Action"))
    )


def _identity_policies(arn):
    role = _role(arn)
    account = parse_arn(arn).account_id
    for document in role["InlinePolicies"].values():
        yield json.loads(document)
    for attached in role["AttachedPolicies"]:
        policy = iam._policies.get_scoped(account, None, attached)
        document = policy["Versions"][policy["DefaultVersionId"]]["Document"]
        yield json.loads(document) if isinstance(document, str) else document


def _checked(resource_type, property_name, reason):
    handler = _RESOURCE_HANDLERS[resource_type]
    create, update = handler["create"], handler["update"]

    def check(props):
        missing = _missing(props.get(property_name))
        if missing:
            raise ValueError(reason(missing))

    def created(logical_id, props, *rest):
        check(props)
        return create(logical_id, props, *rest)

    def updated(physical_id, old, new, *rest):
        check(new)
        return update(physical_id, old, new, *rest)

    handler.update(create=created, update=updated)


def _trust_refused(missing):
    return refused(f'Invalid principal in policy: "AWS":"{missing}"', "Iam", 400, "InvalidRequest")


def _key_policy_refused(missing):
    return refused("Policy contains a statement with one or more invalid principals.", "Kms", 400, "InvalidRequest")


def _bucket_policy_refused(missing):
    return refused("Invalid principal in policy", "S3", 400, "GeneralServiceException")


def _missing(document):
    """Returns the first principal of a policy that is a missing role."""
    for statement in _statements(document):
        for principal in _named(statement):
            if ":role/" in principal and _role(principal) is None:
                return principal
    return None


def _forget(role):
    """Replaces the role with its unique ID in all policies that name it."""
    if role is None:
        return
    arn, dead = f'"{role["Arn"]}"', f'"{role["RoleId"]}"'
    for other in iam._roles._data.values():
        other["AssumeRolePolicyDocument"] = other["AssumeRolePolicyDocument"].replace(arn, dead)
    for key in kms._keys._data.values():
        key["Policy"] = _without(key.get("Policy"), role)
    for name, policy in list(s3._bucket_policies._data.items()):
        s3._bucket_policies._data[name] = _without(policy, role)


def _without(policy, role):
    """Returns a policy whose principals have the unique ID of the role. Conditions keep the ARN."""
    try:
        document = json.loads(policy)
    except (TypeError, ValueError):
        return policy
    changed = False
    for statement in _statements(document):
        principal = statement.get("Principal")
        if isinstance(principal, dict) and role["Arn"] in _as_list(principal.get("AWS")):
            principal["AWS"] = [
                role["RoleId"] if one == role["Arn"] else one for one in _as_list(principal["AWS"])
            ]
            changed = True
    return json.dumps(document) if changed else policy


def _role(arn):
    name = arn.rsplit("/", 1)[-1]
    found = iam._roles.get_scoped(arn.split(":")[4], None, name)
    return found if found and found["Arn"] == arn else None


def _statements(document):
    return _as_list((document or {}).get("Statement"))


def _named(statement):
    principal = statement.get("Principal")
    return _as_list(principal.get("AWS")) if isinstance(principal, dict) else []


def _as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]
