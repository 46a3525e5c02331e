"""Runs the AWS emulator of the tests: ministack with additions for the templates and the tests.

usage: python tests/emulator PORT
       AUTH=true python tests/emulator PORT    enforces policies; the secret key is `test`

The emulator listens on 127.0.0.1. It exits when its standard input is closed, so it never outlives the
tests.
"""

import os
import sys
import threading

os.environ.update(
    BIND_HOST="127.0.0.1",
    GATEWAY_PORT=sys.argv[1],
    MINISTACK_REGION="us-east-1",
    LOG_LEVEL="WARNING",
)
sys.argv = sys.argv[:1]

from ministack import app  # noqa: E402

import cloudformation  # noqa: E402
import codepipeline  # noqa: E402
import control  # noqa: E402
import enforcement  # noqa: E402
import keypolicies  # noqa: E402
import policies  # noqa: E402
import propertyvalues  # noqa: E402
import replicakey  # noqa: E402
import resources  # noqa: E402


def end_with_parent():
    while os.read(0, 1):
        pass
    os._exit(0)


def with_our_services(inner):
    """Returns an ASGI application that handles the added services and passes the rest to ministack."""

    async def outer(scope, receive, send):
        if scope["type"] == "http":
            for service in (control, codepipeline):
                if service.is_asked(scope):
                    return await service.answer(scope, receive, send)
        return await inner(scope, receive, send)

    return outer


for module in (
    codepipeline,
    keypolicies,
    replicakey,
    resources,
    policies,
    enforcement,
    cloudformation,
    propertyvalues,
):
    module.install()
app.app = with_our_services(app.app)
threading.Thread(target=end_with_parent, daemon=True).start()
app.main()
