"""Simulates the part of CodePipeline that a deployment uses: the resource type with AWS's checks of a
definition, and the calls for pipelines and their executions (executions.py).
"""

import time
import uuid

from ministack.core.responses import (
    AccountRegionScopedDict,
    get_account_id,
    get_region,
    request_scope,
    set_request_account_id,
)
from ministack.core.router import extract_access_key_id, extract_region
from ministack.services import s3
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

import asgi
import declarations
import executions
import rollback

_TARGET = "CodePipeline_20150709."
_pipelines = AccountRegionScopedDict()


def install():
    _RESOURCE_HANDLERS["AWS::CodePipeline::Pipeline"] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
    }
    executions.install(_pipelines)


def add_execution(account, region, pipeline, status, failure=None):
    with request_scope(account, region):
        found = _pipelines[pipeline]
        # A missing source fails its action, and no execution appears in the history.
        if status:
            found["executions"].insert(0, executions.new(status, "CloudWatchEvent"))
        found["failure"] = failure or {}


def _create(logical_id, props, stack_name):
    name = props.get("Name") or f"{stack_name}-{logical_id}"
    if name in _pipelines:
        raise declarations.Refused(
            "PipelineNameInUseException",
            f"A pipeline with the name '{name}' already exists in account '{get_account_id()}'",
        )
    _check(props)
    _pipelines[name] = {"definition": props, "version": 1, "created": time.time(), "executions": []}
    executions.created(_pipelines[name])
    return name, {"Version": "1"}


def _update(name, old, new, stack_name):
    _check(new)
    pipeline = _pipelines[name]
    _replace(pipeline, new)
    return name, {"Version": str(pipeline["version"])}


def _delete(name, props):
    _pipelines.pop(name, None)


def _check(props):
    """Checks a created or updated pipeline like CodePipeline."""
    stores = [entry["ArtifactStore"] for entry in props.get("ArtifactStores", [])]
    for store in stores or [props["ArtifactStore"]]:
        owner = s3._bucket_owner_account(store["Location"])
        if owner != get_account_id():
            raise declarations.Refused(
                "InvalidStructureException",
                f"Artifact store bucket {store['Location']} does not exist",
            )
    declarations.check(props)


def _replace(pipeline, definition):
    rollback.outdate(pipeline)
    pipeline["definition"] = definition
    pipeline["version"] += 1


def is_asked(scope):
    return asgi.headers_of(scope).get("x-amz-target", "").startswith(_TARGET)


async def answer(scope, receive, send):
    headers = asgi.headers_of(scope)
    set_request_account_id(extract_access_key_id(headers))
    with request_scope(get_account_id(), extract_region(headers)):
        asked = await asgi.read_json(receive)
        action = headers["x-amz-target"].removeprefix(_TARGET)
        name = asked.get("pipelineName") or asked.get("name") or asked.get("pipeline", {}).get("name")
        if action not in _CALLS and action not in ("UpdatePipeline", "RollbackStage"):
            status, value = 400, {"__type": "UnknownOperationException"}
        elif name not in _pipelines:
            status, value = 400, {
                "__type": "PipelineNotFoundException",
                "message": f"Account '{get_account_id()}' does not have a pipeline with name '{name}'",
            }
        elif action == "UpdatePipeline":
            status, value = _saved(_pipelines[name], asked["pipeline"])
        elif action == "RollbackStage":
            status, value = rollback.answer(_pipelines[name], asked)
        else:
            executions.play(_pipelines, name)
            try:
                status, value = 200, _CALLS[action](name, _pipelines[name], asked)
            except executions.Refused as error:
                code, message = error.args
                status, value = 400, {"__type": code, "message": message}
    await asgi.send_json(send, status, value, b"application/x-amz-json-1.1")


def _saved(pipeline, declaration):
    """Converts a definition from the API to the property names of CloudFormation."""
    definition = _raised({key: value for key, value in declaration.items() if key != "version"})
    if "artifactStores" in declaration:
        definition["ArtifactStores"] = [
            {"Region": region, "ArtifactStore": _raised(store)}
            for region, store in declaration["artifactStores"].items()
        ]
    try:
        _check(definition)
    except declarations.Refused as error:
        return 400, {"__type": error.code, "message": error.message}
    _replace(pipeline, definition)
    return 200, {"pipeline": {**declaration, "version": pipeline["version"]}}


def _declaration(pipeline):
    found = _lowered(pipeline["definition"])
    if "artifactStores" in found:
        found["artifactStores"] = {
            entry["region"]: entry["artifactStore"] for entry in found["artifactStores"]
        }
    return {**found, "version": pipeline["version"]}


def _get(name, pipeline, _):
    return {
        "pipeline": _declaration(pipeline),
        "metadata": {
            "pipelineArn": f"arn:aws:codepipeline:{get_region()}:{get_account_id()}:{name}",
            "created": pipeline["created"],
            "updated": pipeline["created"],
        },
    }


def _state(name, pipeline, _):
    latest = pipeline["executions"][:1]
    return {
        "pipelineName": name,
        "pipelineVersion": pipeline["version"],
        "stageStates": [
            {
                "stageName": stage["Name"],
                "actionStates": [
                    {"actionName": action["Name"], **_failed(pipeline, stage, action)}
                    for action in stage["Actions"]
                ],
                **(
                    {
                        "latestExecution": {
                            "pipelineExecutionId": latest[0]["pipelineExecutionId"],
                            "status": latest[0]["status"],
                        }
                    }
                    if latest
                    else {}
                ),
            }
            for stage in pipeline["definition"]["Stages"]
        ],
        "created": pipeline["created"],
        "updated": pipeline["created"],
    }


def _failed(pipeline, stage, action):
    """Returns the error of the latest execution of an action, if it failed."""
    failure = pipeline.get("failure") or {}
    if (failure.get("stage"), failure.get("action")) != (stage["Name"], action["Name"]):
        return {}
    details = {"code": failure.get("code", "PermissionError"), "message": failure.get("message", "")}
    return {"latestExecution": {"status": "Failed", "errorDetails": details}}


def _executions(name, pipeline, _):
    return {"pipelineExecutionSummaries": [executions.shown(one) for one in pipeline["executions"]]}


def _one(pipeline, execution_id):
    for execution in pipeline["executions"]:
        if execution["pipelineExecutionId"] == execution_id:
            return execution
    raise executions.Refused("PipelineExecutionNotFoundException", f"no execution {execution_id}")


def _execution(name, pipeline, asked):
    found = _one(pipeline, asked["pipelineExecutionId"])
    revisions = [
        {"name": "SourceArtifact", "revisionId": one["revisionId"]}
        for one in found.get("sourceRevisions", [])
    ]
    return {"pipelineExecution": {
        "pipelineName": name,
        "pipelineVersion": pipeline["version"],
        "artifactRevisions": revisions,
        **{key: found[key] for key in ("pipelineExecutionId", "status", "trigger", "executionMode")},
    }}


def _actions(name, pipeline, asked):
    execution = _one(pipeline, asked["filter"]["pipelineExecutionId"])
    return {"actionExecutionDetails": execution["_actions"][::-1]}


def _start(name, pipeline, asked):
    return {"pipelineExecutionId": executions.start(pipeline, asked, "StartPipelineExecution")}


_CALLS = {
    "GetPipeline": _get,
    "GetPipelineExecution": _execution,
    "GetPipelineState": _state,
    "ListActionExecutions": _actions,
    "ListPipelineExecutions": _executions,
    "StartPipelineExecution": _start,
}


def _lowered(value, free=False):
    """Converts the property names of CloudFormation to those of the API, except keys of Configuration,
    which are data."""
    if isinstance(value, dict):
        return {
            key if free else key[0].lower() + key[1:]: _lowered(item, key == "Configuration")
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    return value


def _raised(value, free=False):
    """Converts the property names of the API to those of CloudFormation."""
    if isinstance(value, dict):
        return {
            key if free else key[0].upper() + key[1:]: _raised(item, key == "configuration")
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_raised(item) for item in value]
    return value
