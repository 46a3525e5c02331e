"""Stage rollback, as far as it is refused (CodePipeline API Reference, *RollbackStage*): only an
execution of the pipeline's current version can be its target. Nothing is ever rolled back.
"""


def outdate(pipeline):
    """The definition changes: no execution until now is a target of a rollback any more."""
    pipeline["outdated"] = {found["pipelineExecutionId"] for found in pipeline["executions"]}


def answer(pipeline, asked):
    """Status and body of an answer."""
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
