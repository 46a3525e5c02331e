"""Makes ministack's CloudFormation as strict as AWS about stack states, repeated requests, conditions
and parameters in change sets, capabilities, and imports.

The responses follow the AWS API reference and reports of AWS users.
"""

import asyncio
import contextvars
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, get_region
from ministack.services import iam
from ministack.services.cloudformation import _change_sets, _stack_events, _stacks
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks
from ministack.services.cloudformation.helpers import _error, _extract_members, _p

# States in which AWS accepts an update.
_UPDATABLE = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}

# Properties whose change replaces a resource, according to the documentation of the resource types.
# A change to any other property updates the resource in place. A key is never replaced: the update
# fails instead.
_REPLACING = {
    "AWS::CodePipeline::Pipeline": ("Name",),
    "AWS::Events::Rule": ("Name", "EventBusName"),
    "AWS::KMS::Alias": ("AliasName",),
    "AWS::KMS::Key": (),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::S3::BucketPolicy": ("Bucket",),
}

_imported_buckets = contextvars.ContextVar("imported_buckets", default=frozenset())
_answers = {}
_tasks = set()


def _kept_task(coroutine, stack, stack_id=None):
    """Schedules an operation on a stack. The event loop has only weak references to its tasks, so a
    task without another reference could be garbage-collected before it finishes."""
    with stacks._stack_region_context(stack, stack_id):
        task = asyncio.get_event_loop().create_task(coroutine)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def install():
    for module in (stacks, handlers, changesets):
        module._create_stack_task_in_region = _kept_task
    provisioners._REPLACING_PROPERTIES.update(_REPLACING)
    handlers._capabilities_enforced = lambda: True
    changesets._resolve_props_for_diff = _existing_only(changesets._resolve_props_for_diff)
    stacks._validation_errors = _but_imports(stacks._validation_errors)
    deploy = _with_imports(stacks._deploy_stack_async)
    changesets._deploy_stack_async = handlers._deploy_stack_async = deploy
    actions = handlers._ACTION_HANDLERS
    actions["CreateChangeSet"] = _once(
        "ClientToken", _known_parameters(_in_state(_keeping_stack_id(actions["CreateChangeSet"])))
    )
    actions["ListStacks"] = _described(actions["ListStacks"])
    for action in ("ExecuteChangeSet", "DeleteStack", "ContinueUpdateRollback"):
        actions[action] = _once("ClientRequestToken", actions[action])
    for action in ("CreateChangeSet", "ExecuteChangeSet", "DeleteStack"):
        actions[action] = _existing_role(actions[action])


def _described(list_stacks):
    """Adds the descriptions of the templates to a list of stacks."""

    def asked(params):
        status, headers, body = list_stacks(params)
        text = body.decode() if isinstance(body, bytes) else body
        for stack in _stacks.values():
            about = (stack.get("_template") or {}).get("Description", "")
            mark = f"<StackId>{stack['StackId']}</StackId>"
            more = f"<TemplateDescription>{escape(about)}</TemplateDescription>"
            text = text.replace(mark, mark + more)
        return status, headers, text.encode()

    return asked


def _once(parameter, action):
    """Repeats the first response if a request with the same token is repeated."""

    def asked(params):
        token = _p(params, parameter)
        key = (action, get_account_id(), get_region(), token)
        if token and key in _answers:
            return _answers[key]
        answer = action(params)
        if token and answer[0] < 300:
            _answers[key] = answer
        return answer

    return asked


def _in_state(create_change_set):
    """Rejects a change set if the state of the stack does not allow it."""

    def asked(params):
        stack = handlers._resolve_stack(_p(params, "StackName"))
        state = stack["StackStatus"] if stack else "DELETE_COMPLETE"
        kind = _p(params, "ChangeSetType", "UPDATE")
        if kind == "CREATE" and state not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
            return _error(
                "ValidationError",
                f"Stack [{stack['StackName']}] already exists and cannot be created again with "
                f"the changeSet [{_p(params, 'ChangeSetName')}].",
            )
        if kind == "UPDATE" and state not in _UPDATABLE | {"DELETE_COMPLETE"}:
            return _error(
                "ValidationError",
                f"Stack:{stack['StackId']} is in {state} state and can not be updated.",
            )
        return create_change_set(params)

    return asked


def _keeping_stack_id(create_change_set):
    """Keeps the stack ID for another change set of a stack in review."""

    def asked(params):
        name = _p(params, "StackName")
        before = _stacks.get(name)
        if not before or before["StackStatus"] != "REVIEW_IN_PROGRESS":
            return create_change_set(params)
        old = before["StackId"]
        answer = create_change_set(params)
        after = _stacks.get(name)
        if after is None:
            _stacks[name] = before
            return answer
        new = after["StackId"]
        after.update(StackId=old, CreationTime=before["CreationTime"])
        _stack_events.pop(new, None)
        for change_set in _change_sets.values():
            if change_set["StackId"] == new:
                change_set["StackId"] = old
        status, headers, body = answer
        return status, headers, body.replace(new.encode(), old.encode())

    return asked


def _known_parameters(create_change_set):
    def asked(params):
        try:
            known = engine._parse_template(_p(params, "TemplateBody")).get("Parameters", {})
        except Exception:  # Other checks report invalid templates.
            return create_change_set(params)
        given = [one["Key"] for one in _extract_members(params, "Parameters")]
        unknown = [name for name in given if name not in known]
        if unknown:
            return _error(
                "ValidationError",
                f"Parameters: [{', '.join(unknown)}] do not exist in the template",
            )
        missing = [
            name
            for name, parameter in known.items()
            if "Default" not in parameter and name not in given
        ]
        if missing:
            return _error("ValidationError", f"Parameters: [{', '.join(missing)}] must have values")
        return create_change_set(params)

    return asked


def _existing_role(action):
    def asked(params):
        arn = _p(params, "RoleARN")
        if arn and arn not in {role["Arn"] for role in iam._roles.values()}:
            return _error("ValidationError", f"Role {arn} is invalid or cannot be assumed")
        return action(params)

    return asked


def _existing_only(resolve):
    """Omits resources whose condition is false from a change set."""

    def resolved(template, params, *rest):
        result = resolve(template, params, *rest)
        if not template:
            return result
        conditions = engine._evaluate_conditions(template, params)
        result["Resources"] = {
            name: resource
            for name, resource in result["Resources"].items()
            if conditions.get(resource.get("Condition"), True)
        }
        return result

    return resolved


def _with_imports(deploy):
    async def deployed(*arguments, imports=None, **named):
        names = {found.get("BucketName") for found in (imports or {}).values()}
        _imported_buckets.set(frozenset(names))
        return await deploy(*arguments, imports=imports, **named)

    return deployed


def _but_imports(validation_errors):
    """Ignores conflicts with a bucket that the stack imports."""

    def found(*arguments, **named):
        *arguments, owned = arguments
        return validation_errors(*arguments, owned | _imported_buckets.get(), **named)

    return found
