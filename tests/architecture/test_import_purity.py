"""What `import s2sauth` and the constructor do not do. Each case is a process of its own."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

WATCH = """
import _thread, json, os, sys, threading

seen = {"calls": [], "environment": []}
PATHS = tuple(path for path in sys.path if path)

def audit(event, args):
    if event == "open":
        name = str(args[0])
        if not (name.startswith(PATHS) and name.endswith((".py", ".pyc", ".so"))):
            seen["calls"].append(f"open {name}")
    elif event.startswith(("socket.", "subprocess.", "os.fork", "os.exec", "os.posix_spawn", "os.system")):
        seen["calls"].append(event)

def spy(name):
    plain = getattr(os._Environ, name)
    def read(self, *args):
        seen["environment"].append(str(args[0]) if args else name)
        return plain(self, *args)
    setattr(os._Environ, name, read)

def seen_starting(start):
    def started(*args):
        seen["calls"].append("thread")
        return start(*args)
    return started

def descriptors():
    return sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else []

spy("__getitem__"), spy("__iter__"), spy("__contains__"), spy("copy")
_thread.start_new_thread = seen_starting(_thread.start_new_thread)
threading.Thread.start = seen_starting(threading.Thread.start)
before = descriptors()
modules = set(sys.modules)
sys.addaudithook(audit)
{code}
found = dict(seen, modules=sorted(set(sys.modules) - modules), descriptors=descriptors() == before)
print(json.dumps(found))
"""

CONSTRUCT = """
from s2sauth import CognitoClientCredentials, RenewalPolicy
credentials = CognitoClientCredentials(
    domain="demo.auth.eu-central-1.amazoncognito.com", client_id="id", client_secret="secret", scopes="demo/read.file",
    policy=RenewalPolicy(deadline=5.0),
)
repr(credentials)
"""

HTTP = {"anyio", "h11", "h2", "httpcore", "httpx", "httpx2", "requests", "urllib3"}
LOOPS = {"asyncio", "gevent", "trio", "uvloop"}
OTHERS = {"boto3", "botocore", "cachetools", "pydantic", "pydantic_core", "pydantic_settings"}
HEAVY = {"concurrent.futures", "email", "http.client", "multiprocessing", "socket", "ssl", "subprocess"}
OWN_OPTIONAL = {"opentelemetry", "s2sauth.otel", "s2sauth.settings", "s2sauth.testing"}


def watch(code: str) -> dict[str, Any]:
    """What a fresh interpreter saw while it ran `code`."""
    command = [sys.executable, "-I", "-c", WATCH.replace("{code}", code)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("code", ["import s2sauth", CONSTRUCT], ids=["import", "constructor"])
class TestNothingHappens:
    """`import s2sauth`, and the constructor after it."""

    def test_no_library_is_imported(self, code: str) -> None:
        """Neither an HTTP library nor an event loop nor anything that costs milliseconds: they come with their use."""
        assert not set(watch(code)["modules"]) & (HTTP | LOOPS | OTHERS | HEAVY | OWN_OPTIONAL)

    def test_no_thread_starts_and_no_descriptor_stays_open(self, code: str) -> None:
        """No thread, socket, process or file, so a fork or a snapshot right after it has nothing to inherit."""
        found = watch(code)
        assert found["calls"] == []
        assert found["descriptors"]

    def test_the_environment_is_not_read(self, code: str) -> None:
        """Variables are read by from_env() and by a flight, when their values count."""
        assert watch(code)["environment"] == []


@pytest.mark.parametrize(
    ("code", "sign"),
    [
        ("import asyncio", "asyncio"),
        ("import socket; socket.socket()", "socket.__new__"),
        ("import _thread; _thread.start_new_thread(int, ())", "thread"),
        ("import threading; threading.Thread(target=int).start()", "thread"),
        ("open('/etc/hostname')", "open /etc/hostname"),
        ("os.environ.get('HOME')", "HOME"),
        ("os.getenv('HOME')", "HOME"),
        ("'HOME' in os.environ", "HOME"),
        ("dict(os.environ)", "__iter__"),
    ],
)
def test_the_watch_sees_what_it_is_there_for(code: str, sign: str) -> None:
    """Each thing that must not happen, done on purpose, is seen."""
    found = watch(code)
    assert sign in found["calls"] + found["environment"] + found["modules"]
