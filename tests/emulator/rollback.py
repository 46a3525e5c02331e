"""Returns the errors of a stage rollback (CodePipeline API Reference, *RollbackStage*). The target must
be an execution of the pipeline's current version. The emulator never rolls back.
"""


def outdate(pipeline):
    """Makes all previous executions invalid as targets, because the definition has changed."""
    pipeline["outdated"] = {found["pipelineExecutionId"] for found in pipeline["executions"]}


def answer(pipeline, asked):
    """Returns the status and body of a response."""
    if asked["stageName"] not in [stage["Name"] for stage in pipeline["definition"]["Stages"]]:
        return _refused("StageNotFoundException", f"Stage {asked['stageName']} not found")
    target = asked["targetPipelineExecutionId"]
    found = [one for one in pipeline["executions"] if one["pipelineExecutionId"] == target]
    if not found:
        return _refused("PipelineExecutionNotFoundException", f"Execution {target} not found")
    if target in pipeline.get("outdated", ()):
        return _refused(
            "PipelineExecutionOutdatedException",
            "The specified pipeline execution is outdated and cannot be used as a target pipeline "
            "execution for rollback.",
        )
    if found[0]["status"] != "Succeeded":
        return _refused("UnableToRollbackStageException", "The target execution did not succeed")
    return 200, {"pipelineExecutionId": target}


def _refused(code, message):
    return 400, {"__type": code, "message": message}
