"""Simulates pipeline executions as far as the tests need them: their triggers, source versions, stages,
and results. The actions do no work.

The source action of a real pipeline runs some time after the start. In the emulator, it runs when a
client reads the pipeline. Until then, an execution without a source revision uses the newest version.
"""

import contextvars
import json
import re
import time
import uuid

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import eventbridge, s3

_version = contextvars.ContextVar("version", default=None)


class Refused(Exception):
    """A rejected StartPipelineExecution, with an error code and a message."""


def install(pipelines):
    """Makes S3 events start pipelines. `pipelines` contains the account and region's pipelines by name."""
    fire, dispatch, invoke = s3._fire_s3_event, eventbridge._dispatch_event, eventbridge._invoke_target

    def fired(*arguments, version_id=None, **named):
        _version.set(version_id)
        return fire(*arguments, version_id=version_id, **named)

    def dispatched(event, *rest):
        """Adds the version, which ministack omits (Amazon S3, *EventBridge event message structure*)."""
        if event.get("Source") == "aws.s3" and _version.get():
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = _version.get()
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *rest)

    def invoked(target, event, rule, view=None):
        arn = parse_arn(target["Arn"])
        if arn.service != "codepipeline":
            return invoke(target, event, rule, view)
        given = {}
        if "InputTransformer" in target:
            try:
                given = json.loads(
                    eventbridge._apply_input_transformer(target["InputTransformer"], rule, view)
                )
            except ValueError:
                return None
        with request_scope(arn.account_id, arn.region):
            if arn.resource in pipelines:
                try:
                    start(pipelines[arn.resource], given, "CloudWatchEvent")
                except Refused:
                    pass
        return None

    s3._fire_s3_event = fired
    eventbridge._dispatch_event = dispatched
    eventbridge._invoke_target = invoked


def new(status, trigger):
    now = time.time()
    return {
        "pipelineExecutionId": str(uuid.uuid4()),
        "status": status,
        "startTime": now,
        "lastUpdateTime": now,
        "trigger": {"triggerType": trigger},
        "executionMode": "SUPERSEDED",
        "_actions": [],
    }


def shown(execution):
    return {name: value for name, value in execution.items() if not name.startswith("_")}


def start(pipeline, given, trigger):
    """Starts an execution with the input of StartPipelineExecution, and returns its ID."""
    definition = pipeline["definition"]
    sources = {action["Name"] for action in definition["Stages"][0]["Actions"]}
    revisions = {}
    for revision in given.get("sourceRevisions", []):
        if revision["actionName"] not in sources:
            raise Refused("ValidationException", f"no source action {revision['actionName']}")
        revisions[revision["actionName"]] = revision["revisionValue"]
    variables = {one["Name"]: one.get("DefaultValue") for one in definition.get("Variables", [])}
    for variable in given.get("variables", []):
        if variable["name"] not in variables:
            raise Refused("ValidationException", f"no pipeline variable {variable['name']}")
        variables[variable["name"]] = variable["value"]
    execution = new("InProgress", trigger)
    execution["_waiting"] = (revisions, variables)
    pipeline["executions"].insert(0, execution)
    return execution["pipelineExecutionId"]


def created(pipeline):
    """Starts a new pipeline (*Start a pipeline*). If there is no source object, no execution appears."""
    if all(_newest(action) for action in pipeline["definition"]["Stages"][0]["Actions"]):
        start(pipeline, {}, "CreatePipeline")


def play(pipelines, name):
    """Runs the waiting executions, the oldest first, until they end or wait for an approval."""
    for execution in reversed(pipelines[name]["executions"]):
        if "_waiting" in execution:
            _run(pipelines, pipelines[name]["definition"], execution, *execution.pop("_waiting"))


def _run(pipelines, definition, execution, revisions, variables):
    values = {f"variables.{name}": value for name, value in variables.items()}
    for stage in definition["Stages"]:
        result = _before_entry(stage, values)
        if result == "SKIP":
            continue
        if result:
            return _end(execution, "Failed")
        for action in sorted(stage["Actions"], key=lambda action: action.get("RunOrder", 1)):
            status, message, code = _act(pipelines, action, execution, revisions, values)
            execution["_actions"].append(_detail(execution, stage, action, status, message, code))
            if status == "Failed":
                return _end(execution, "Failed")
            if status == "InProgress":
                return None
    return _end(execution, "Succeeded")


def _end(execution, status):
    execution["status"] = status
    execution["lastUpdateTime"] = time.time()


def _before_entry(stage, values):
    """Returns the result of the stage's condition, or None if the stage can be entered."""
    for condition in stage.get("BeforeEntry", {}).get("Conditions", []):
        for rule in condition["Rules"]:
            asked = rule["Configuration"]
            value, wanted = _resolved(asked["Variable"], values), asked["Value"]
            passes = {
                "EQ": value == wanted,
                "NE": value != wanted,
                "CONTAINS": wanted in value,
                "MATCHES": re.fullmatch(wanted, value) is not None,
            }[asked["Operator"]]
            if not passes:
                return condition["Result"]
    return None


def _act(pipelines, action, execution, revisions, values):
    kind = (action["ActionTypeId"]["Category"], action["ActionTypeId"]["Provider"])
    configuration = action.get("Configuration", {})
    if kind == ("Source", "S3"):
        version = revisions.get(action["Name"]) or _newest(action)
        if not version:
            return "Failed", "The object does not exist.", "ConfigurationError"
        execution.setdefault("sourceRevisions", []).append(
            {"actionName": action["Name"], "revisionId": version}
        )
        values[f"{action.get('Namespace')}.VersionId"] = version
    elif kind == ("Approval", "Manual"):
        return "InProgress", "", ""
    elif kind == ("Deploy", "S3"):
        extract = configuration.get("Extract")
        if extract not in ("true", "false") or extract == "false" and not configuration.get("ObjectKey"):
            return "Failed", "The configuration of the action is not valid.", "ConfigurationError"
    elif kind == ("Invoke", "CodePipeline"):
        given = {
            "sourceRevisions": json.loads(_resolved(configuration.get("SourceRevisions", "[]"), values)),
            "variables": json.loads(_resolved(configuration.get("Variables", "[]"), values)),
        }
        try:
            start(pipelines[configuration["PipelineName"]], given, "StartPipelineExecution")
        except (KeyError, Refused) as error:
            return "Failed", str(error), "JobFailed"
    return "Succeeded", "", ""


def _detail(execution, stage, action, status, message, code):
    now = time.time()
    return {
        "pipelineExecutionId": execution["pipelineExecutionId"],
        "actionExecutionId": str(uuid.uuid4()),
        "stageName": stage["Name"],
        "actionName": action["Name"],
        "startTime": now,
        "lastUpdateTime": now,
        "status": status,
        "output": {
            "executionResult": {
                "externalExecutionSummary": message,
                **({"errorDetails": {"code": code, "message": message}} if code else {}),
            }
        },
    }


def _resolved(text, values):
    return re.sub(r"#\{([^}]+)\}", lambda found: values[found.group(1)], text)


def _newest(action):
    """Returns the version ID that an S3 source action uses, or None if the object does not exist."""
    configuration = action.get("Configuration", {})
    bucket = s3._buckets.get(configuration.get("S3Bucket"), {})
    found = bucket.get("objects", {}).get(configuration.get("S3ObjectKey"))
    return found and found.get("version_id")
