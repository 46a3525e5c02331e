"""Requests that tests can send to the emulator in addition to AWS calls. They cause failures and delays
of resources, add pipeline executions and credentials for services, and share keys.

POST /_test/failures    {"account", "type", "name", "operation", "reason"}; also {"after", "times"}
                        if not only the first operation fails
POST /_test/pace        {"account", "seconds"}          delay for each resource
POST /_test/propagation {"account", "role", "times"}    CodePipeline does not know the role for the next
                        `times` saves of pipelines in the account
POST /_test/executions  {"account", "region", "pipeline", "status"}; for a failed execution also
                        {"stage", "action", "message", "code"}, or {"stage", "action", "failure"}
                        with a failure from `failures.json`; with a null status, the execution does
                        not appear in the history
POST /_test/sessions    {"role", "service"}             credentials for the service
POST /_test/shares      {"account", "region", "key", "policy"}  AWS RAM shares a key
"""

import json
import pathlib
import threading

import asgi

# The errors of AWS for failed actions, by kind of failure.
_known = json.loads((pathlib.Path(__file__).parent / "failures.json").read_text())
_lock = threading.Lock()
_failures = []
_unknown_roles = {}
_pace = {}


def is_asked(scope):
    return scope["path"].startswith("/_test/")


async def answer(scope, receive, send):
    asked = await asgi.read_json(receive)
    what = scope["path"].removeprefix("/_test/")
    if what == "failures":
        with _lock:
            _failures.append(asked)
    elif what == "propagation":
        with _lock:
            _unknown_roles[asked["account"], asked["role"]] = asked["times"]
    elif what == "pace":
        _pace[asked["account"]] = asked["seconds"]
    elif what == "executions":
        import codepipeline

        failure = _known.get(asked.get("failure"), {}) | {
            name: asked[name] for name in ("stage", "action", "message", "code") if name in asked
        }
        codepipeline.add_execution(
            asked["account"], asked["region"], asked["pipeline"], asked.get("status"), failure
        )
    elif what == "shares":
        import keypolicies

        keypolicies.share(asked["account"], asked["region"], asked["key"], asked["policy"])
    elif what == "sessions":
        import enforcement

        found = enforcement.session_of_service(asked["role"], asked["service"])
        return await asgi.send_json(send, 200 if found else 403, found or asked)
    else:
        return await asgi.send_json(send, 404, {"unknown": what})
    await asgi.send_json(send, 200, {})


def pace(account):
    """Returns the delay in seconds for each resource of the account."""
    return _pace.get(account, 0)


def is_unknown(account, role):
    """Returns whether the role has not propagated to CodePipeline yet, and decrements the counter."""
    with _lock:
        left = _unknown_roles.get((account, role), 0)
        _unknown_roles[account, role] = max(left - 1, 0)
        return left > 0


def failure(account, resource_type, name, operation):
    """Returns the reason for which this operation must fail, or None, and decrements the counter."""
    with _lock:
        for wanted in _failures:
            if (
                wanted["account"] == account
                and wanted["type"] == resource_type
                and wanted["operation"] == operation
                and wanted.get("name", "") in name
                and wanted.get("times", 1) > 0
            ):
                if wanted.get("after", 0) > 0:
                    wanted["after"] -= 1
                    continue
                wanted["times"] = wanted.get("times", 1) - 1
                return wanted["reason"]
    return None
