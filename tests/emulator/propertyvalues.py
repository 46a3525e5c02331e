"""Adds the property values before and after a change, which ministack omits (CloudFormation API
Reference, *DescribeChangeSet* with `IncludePropertyValues`, *ResourceTargetDefinition*,
*ResourceChange*).
"""

import json

from ministack.services.cloudformation import changesets, handlers
from ministack.services.cloudformation.helpers import _esc, _p


def install():
    changesets._diff_resources = _with_values(changesets._diff_resources)
    actions = handlers._ACTION_HANDLERS
    actions["DescribeChangeSet"] = _shown(actions["DescribeChangeSet"])


def _with_values(diff):
    def changes(old_template, new_template, *rest, **named):
        found = diff(old_template, new_template, *rest, **named)
        old, new = old_template.get("Resources", {}), new_template.get("Resources", {})
        for change in found:
            resource = change["ResourceChange"]
            name = resource["LogicalResourceId"]
            for side, resources in (("BeforeContext", old), ("AfterContext", new)):
                if name in resources:
                    context = {"Properties": resources[name].get("Properties", {}) or {}}
                    resource[side] = json.dumps(context, default=str)
            for detail in resource.get("Details", []):
                target = detail["Target"]
                if target.get("Attribute") == "Properties" and target.get("Name"):
                    target.update(_values(target["Name"], old.get(name), new.get(name)))
        return found

    return changes


def _values(name, old, new):
    before = (old or {}).get("Properties", {}).get(name)
    after = (new or {}).get("Properties", {}).get(name)
    values = {"Path": f"/Properties/{name}"}
    if before is not None:
        values["BeforeValue"] = _text(before)
    if after is not None:
        values["AfterValue"] = _text(after)
    values["AttributeChangeType"] = (
        "Add" if before is None else "Remove" if after is None else "Modify"
    )
    return values


def _text(value):
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _shown(describe):
    """Adds the values to the XML of the response, which has targets and changes in order."""

    def asked(params):
        status, headers, body = describe(params)
        if status != 200 or _p(params, "IncludePropertyValues") != "true":
            return status, headers, body
        _, change_set = changesets._find_change_set(
            _p(params, "ChangeSetName"), _p(params, "StackName")
        )
        changes = [one["ResourceChange"] for one in change_set.get("Changes", [])]
        details = [one for change in changes for one in change.get("Details", [])]
        text = body.decode() if isinstance(body, bytes) else body
        members = ("Path", "BeforeValue", "AfterValue", "AttributeChangeType")
        text = _insert(text, "</Target>", [one["Target"] for one in details], members)
        members = ("BeforeContext", "AfterContext")
        text = _insert(text, "</ResourceChange>", changes, members)
        return status, headers, text.encode() if isinstance(body, bytes) else text

    return asked


def _insert(text, mark, owners, members):
    parts = text.split(mark)
    for at, owner in enumerate(owners):
        parts[at] += "".join(
            f"<{name}>{_esc(owner[name])}</{name}>" for name in members if name in owner
        )
    return mark.join(parts)
