"""Starts the emulator of the tests (tests/emulator) for the demo, with enforced policies."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import botocore.config
import botocore.session

_FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "emulator"
_REGION = "us-east-1"
# The emulator runs on this machine, so requests bypass any proxies in the environment.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Emulator:
    """A running emulator. It stops at the end of the `with` block."""

    # The only valid secret key. The access key ID is the account ID.
    SECRET = "test"

    def __init__(self, log):
        self._log = log
        self.url = None

    def __enter__(self):
        for _ in range(3):
            # Another process may use the free port in the meantime.
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            self._process = subprocess.Popen(
                [sys.executable, str(_FOLDER), str(port)],
                env={"AUTH": "true", "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(self._log.parent)},
                stdin=subprocess.PIPE,
                stdout=self._log.open("ab"),
                stderr=subprocess.STDOUT,
            )
            if self._is_ready():
                return self
            self._end()
        raise SystemExit(f"the emulator did not start:\n{self._log.read_text()}")

    def __exit__(self, *_):
        self._end()

    def _end(self):
        # The emulator exits when its standard input is closed.
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _is_ready(self):
        until = time.monotonic() + 60
        while time.monotonic() < until and self._process.poll() is None:
            try:
                _DIRECT.open(f"{self.url}/_ministack/health", timeout=5).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def account(self, account):
        """Returns a function that creates a client of the account's root user for a service."""
        return self._clients(account, self.SECRET, None)

    def session(self, credentials):
        """Returns a function that creates a client with the credentials of AssumeRole."""
        return self._clients(
            credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"]
        )

    def session_of_service(self, role, service):
        """Like `session`, for a role that an AWS service assumes. Its trust policy must allow this."""
        asked = json.dumps({"role": role, "service": service}).encode()
        request = urllib.request.Request(f"{self.url}/_test/sessions", data=asked, method="POST")
        try:
            with _DIRECT.open(request, timeout=30) as answer:
                return self.session(json.load(answer))
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{service} cannot assume {role}: {error.read().decode()}")

    def _clients(self, key, secret, token):
        session = botocore.session.Session()
        # Ignore the developer's AWS configuration.
        session.set_config_variable("config_file", os.devnull)
        session.set_config_variable("credentials_file", os.devnull)
        # Path-style addresses, because buckets have no host names in the emulator.
        config = botocore.config.Config(
            s3={"addressing_style": "path"}, retries={"max_attempts": 1}, proxies={}
        )

        def client(service):
            return session.create_client(
                service,
                region_name=_REGION,
                endpoint_url=self.url,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=config,
            )

        return client
