"""Checks the definition of a created or updated pipeline like CodePipeline: its roles, its entry
conditions, and the configuration of each S3 deploy action.

The codes and messages of the role errors are from AWS responses. For the configuration of an S3
deploy action, only the codes are known: AWS rejects a missing `BucketName` or `Extract`, and
unknown keys. It accepts any value of `Extract`, and does not require `ObjectKey` for `false`.
"""

import uuid

from ministack.core.responses import get_account_id

import control
import policies

_REQUIRED = ("BucketName", "Extract")
_OPTIONAL = ("ObjectKey", "KMSEncryptionKeyARN", "CannedACL", "CacheControl")


class Refused(ValueError):
    """A rejected definition. Its text is the message that CloudFormation reports."""

    def __init__(self, code, message):
        super().__init__(
            f"{message} (Service: AWSCodePipeline; Status Code: 400; Error Code: {code}; "
            f"Request ID: {uuid.uuid4()}; Proxy: null)"
        )
        self.code = code
        self.message = message


def check(definition):
    """Raises `Refused` if a definition, with the property names of CloudFormation, is invalid."""
    service_role = definition["RoleArn"]
    actions = [action for stage in definition["Stages"] for action in stage["Actions"]]
    for action in actions:
        _check_configuration(action)
    for stage in definition["Stages"]:
        _check_condition(stage.get("BeforeEntry"))
    if not _is_known(service_role) or not policies.trusts(service_role, "codepipeline.amazonaws.com"):
        raise Refused(
            "InvalidStructureException",
            f"CodePipeline is not authorized to perform AssumeRole on role {service_role}",
        )
    for action in actions:
        role = action.get("RoleArn")
        if role and not (_is_known(role) and policies.may_assume(service_role, role)):
            raise Refused(
                "InvalidStructureException",
                f"{service_role} is not authorized to perform AssumeRole on role {role}",
            )


def _is_known(role):
    return not control.is_unknown(get_account_id(), role)


def _check_condition(entry):
    """Follows *BeforeEntryConditions* and *How do stage conditions work?* in the AWS documentation."""
    if entry is None:
        return
    if len(entry["Conditions"]) != 1:
        raise _structure("BeforeEntry must have exactly one condition")
    [condition] = entry["Conditions"]
    providers = {rule["RuleTypeId"]["Provider"] for rule in condition["Rules"]}
    if condition["Result"] not in ("FAIL", "SKIP"):
        raise _structure(f"The result {condition['Result']} is not valid for BeforeEntry")
    if condition["Result"] == "SKIP" and not providers <= {"LambdaInvoke", "VariableCheck"}:
        raise _structure("The result SKIP is valid for LambdaInvoke and VariableCheck only")


def _structure(message):
    return Refused("InvalidStructureException", message)


def _check_configuration(action):
    kind = action["ActionTypeId"]
    if (kind["Category"], kind["Provider"]) != ("Deploy", "S3"):
        return
    given = action.get("Configuration") or {}
    for key in _REQUIRED:
        if key not in given:
            raise _invalid(action, f"is missing required configuration '{key}'")
    for key in given:
        if key not in _REQUIRED + _OPTIONAL:
            raise _invalid(action, f"contains unknown configuration '{key}'")


def _invalid(action, what):
    return Refused(
        "InvalidActionDeclarationException",
        f"Action configuration for action '{action['Name']}' {what}",
    )
