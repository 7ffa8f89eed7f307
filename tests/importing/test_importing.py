"""`import s2sauth` and the constructor import nothing to speak of, and a flight imports nothing at all."""

import json
import os
import subprocess
import sys
import textwrap
from contextlib import nullcontext
from pathlib import Path

import pytest

from parts.valkey import Valkey
from s2sauth.testing import FakeCognito
from tests.support.extension import Extension
from tests.support.families import FAMILIES
from tests.support.secrets import Vault
from tests.support.stores import AWS

SCRIPT = """
import _thread, json, os, sys, threading
from s2sauth import CognitoClientCredentials, RenewalPolicy, S2SAuthError

heavy = {"httpx", "httpcore", "pydantic", "cachetools", "asyncio", "trio", "ssl"}
heavy |= {"cryptography", "sqlite3", "redis", "boto3"}
after_import = sorted(heavy & set(sys.modules))
credentials = CognitoClientCredentials.from_env(
    policy=RenewalPolicy(attempts=2, deadline=5), store=STORE, client_secret=SECRET
)
after_construction = sorted(heavy & set(sys.modules))
known_here = threading.get_ident()
imported = []


class Spy:
    def find_spec(self, name, path=None, target=None):
        if threading.get_ident() != known_here:
            imported.append(name)


sys.meta_path.insert(0, Spy())
before = []
start = _thread.start_new_thread


def start_noting(function, arguments):
    before[:] = before or [set(sys.modules)]
    return start(function, arguments)


def names(frame):
    while frame is not None:
        yield frame.f_code.co_name
        frame = frame.f_back


_thread.start_new_thread = start_noting
PREPARE
try:
    credentials.get_token()
    while any(name == "_fly" for frame in sys._current_frames().values() for name in names(frame)):
        pass
    result = "token"
except S2SAuthError as error:
    result = type(error).__name__
new = sorted(set(sys.modules) - before[0])
print(json.dumps([after_import, after_construction, imported, new, result]))
"""


def run(
    fake: FakeCognito, prepare: str = "", store: str | None = None, secret: str = "None", **environ: str
) -> list[object]:
    """What the script prints, run in a fresh interpreter with this endpoint."""
    script = textwrap.dedent(SCRIPT).replace("PREPARE", prepare).replace("STORE", repr(store))
    script = script.replace("=SECRET", f"={secret}")
    done = subprocess.run(
        [sys.executable, "-c", script], env={**fake.environ, **environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout)
    return found


KNOBS = {
    "token": ("token", lambda fake: None),
    "refused": ("InvalidClient", lambda fake: fake.answer_json({"error": "invalid_client"}, 400)),
    "503": ("TokenUnavailable", lambda fake: fake.fail(503)),
    "429 with a date": (
        "TokenUnavailable",
        lambda fake: fake.fail(429, headers=[("Retry-After", "Fri, 01 Jan 2100 00:00:00 GMT")]),
    ),
    "refused connection": ("TokenUnavailable", lambda fake: fake.refuse()),
    "reset": ("TokenUnavailable", lambda fake: fake.reset()),
    "garbage": ("TokenUnavailable", lambda fake: fake.answer(b"garbage")),
    "no json": ("TokenResponseInvalid", lambda fake: fake.answer_json(b"\xff\xfe")),
    "warning": ("token", lambda fake: fake.omit_expires_in()),
    "redirect": ("TokenRequestRefused", lambda fake: fake.redirect("https://elsewhere.example/")),
    "gzip": ("TokenResponseInvalid", lambda fake: fake.answer_json({}, headers=[("Content-Encoding", "gzip")])),
}


@pytest.mark.fault(164)
@pytest.mark.parametrize(("result", "knob"), KNOBS.values(), ids=KNOBS)
def test_flight_never_imports(fake: FakeCognito, result: str, knob: object) -> None:
    """Whatever the answer: a fork during a threaded import hangs the child. A fresh interpreter each, about 0.4 s."""
    knob(fake)  # type: ignore[operator]  # a function of the table
    after_import, after_construction, imported, new, got = run(fake)
    assert got == result
    assert imported == []
    assert new == []
    assert after_import == []
    assert after_construction == []


def test_flight_through_a_proxy_never_imports(fake: FakeCognito) -> None:
    """The variables are honoured, and what that takes is there already."""
    url = fake.domain  # stands for the proxy, and refuses: it is none
    _, _, imported, new, got = run(fake, HTTPS_PROXY=url, ALL_PROXY=url, COGNITO_DOMAIN="auth.example.com")
    assert (imported, new, got) == ([], [], "TokenUnavailable")
    assert fake.counts()["token_connections"] > 0


PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/files/importing"
NOWHERE = "http://127.0.0.1:9"
NOWHERE_TLS = "https://127.0.0.1:9"
STORES = {
    "file": "sqlite:///{folder}/tokens.db",
    "no folder yet": "sqlite:///{folder}/missing/tokens.db",
    "no file": "sqlite:///{folder}/missing/missing/tokens.db",
    "file for all": "sqlite:////tmp/tokens.db",
    "server": "redis://127.0.0.1:{valkey}",
    "no server": "redis://127.0.0.1:9",
    "no server, TLS": "rediss://127.0.0.1:9",
    "no table": "dynamodb://tokens?region=eu-central-1&endpoint_url=http://127.0.0.1:9",
    "no table, TLS": "dynamodb://tokens?region=eu-central-1&endpoint_url=https://127.0.0.1:9",
}


@pytest.mark.parametrize("store", STORES.values(), ids=STORES)
def test_flight_with_a_store_never_imports(fake: FakeCognito, store: str, tmp_path: Path) -> None:
    """Nor do the threads of its operations. A fresh interpreter each, about 0.6 s, and a server."""
    with Valkey() if "{valkey}" in store else nullcontext() as valkey:
        url = store.format(folder=tmp_path, valkey=valkey and valkey.port)
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        after_import, after_construction, imported, new, got = run(fake, store=url, **keys)
    assert (after_import, after_construction) == ([], [])
    assert (imported, new, got) == ([], [], "token")


SECRETS = {
    "file": ("token", {"COGNITO_CLIENT_SECRET_FILE": "{file}"}),
    "no file": ("TokenUnavailable", {"COGNITO_CLIENT_SECRET_FILE": "{file}.missing"}),
    "secret": ("token", {"COGNITO_CLIENT_SECRET_ARN": "{secret}"}),
    "pending secret": ("token", {"COGNITO_CLIENT_SECRET_ARN": "{pending}"}),
    "missing secret": ("TokenUnavailable", {"COGNITO_CLIENT_SECRET_ARN": "{secret}-missing"}),
    "parameter": ("token", {"COGNITO_CLIENT_SECRET_ARN": PARAMETER}),
    "no server": ("TokenUnavailable", {"COGNITO_CLIENT_SECRET_ARN": PARAMETER, "AWS_ENDPOINT_URL": NOWHERE}),
    "no server, TLS": ("TokenUnavailable", {"COGNITO_CLIENT_SECRET_ARN": PARAMETER, "AWS_ENDPOINT_URL": NOWHERE_TLS}),
}


@pytest.mark.parametrize(("result", "variables"), SECRETS.values(), ids=SECRETS)
def test_flight_with_a_secret_from_elsewhere_never_imports(
    fake: FakeCognito, vault: Vault, result: str, variables: dict[str, str], tmp_path: Path
) -> None:
    """Nor does import or construction. A fresh interpreter each, with boto3 about a second."""
    (tmp_path / "client").write_text(fake.client_secret)
    name = vault.create("wrong" if "{pending}" in variables.values() else fake.client_secret)
    vault.put(name, fake.client_secret, "AWSPENDING")
    vault.put_parameter("/files/importing", fake.client_secret)
    arn = vault.arn(name)
    named = {key: text.format(file=tmp_path / "client", secret=arn, pending=arn) for key, text in variables.items()}
    aws = {**AWS, "AWS_ENDPOINT_URL": vault.url, "APP_CLIENT_SECRET": ""}
    after_import, after_construction, imported, new, got = run(fake, **{**aws, **named})
    assert (after_import, after_construction) == ([], [])
    assert (imported, new, got) == ([], [], result)


@pytest.mark.parametrize("result", ["token", "TokenUnavailable"])
def test_flight_with_the_lambda_extension_never_imports(fake: FakeCognito, result: str) -> None:
    """Whether it is there or not."""
    with Extension() as extension:
        extension.put("x", "wrong")
        extension.put("x", fake.client_secret, "AWSPENDING")
        environ = extension.environ if result == "token" else {"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": "9"}
        source = "__import__('s2sauth.secret_sources').secret_sources.LambdaExtensionSecret('x')"
        _, _, imported, new, got = run(fake, secret=source, **environ)
    assert (imported, new, got) == ([], [], result)


@pytest.mark.parametrize("family", FAMILIES)
def test_first_flight_after_a_hook_never_imports(fake: FakeCognito, family: str) -> None:
    """What a flight needs was imported when the hook was made."""
    _, _, imported, new, got = run(fake, f'credentials.{family}_auth("https://api.example.com")')
    assert (imported, new, got) == ([], [], "token")


def test_package_has_no_thread_of_its_own() -> None:
    """Importing it and building an object starts none."""
    code = (
        "import threading, s2sauth;"
        "s2sauth.CognitoClientCredentials(domain='auth.example.com', client_id='a', client_secret='b');"
        "assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_process_ends_at_once_with_a_flight_under_way(fake: FakeCognito) -> None:
    """A daemon thread holds up no exit: no traceback, code 0, under two seconds."""
    fake.gate()
    script = (
        "import s2sauth, time\n"
        "c = s2sauth.CognitoClientCredentials.from_env()\n"
        "try: c.get_token(timeout=0.05)\n"
        "except s2sauth.TokenUnavailable: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=fake.environ, capture_output=True, text=True, timeout=10, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_token_may_be_asked_for_at_exit(fake: FakeCognito) -> None:
    """In an atexit handler, when newer Pythons start no thread any more: the caller flies, and never hangs."""
    script = (
        "import atexit, s2sauth\n"
        "c = s2sauth.CognitoClientCredentials.from_env()\n"
        "c.httpx_auth('https://api.example.com')\n"
        "atexit.register(lambda: print(len(c.get_token().access_token) > 10))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=fake.environ, capture_output=True, text=True, timeout=10, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "True", "")


INTERRUPTED = """
import sys
import s2sauth

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "httpx":
            sys.meta_path.remove(self)
            try:
                credentials.get_token()
            except s2sauth.ConfigurationError as error:
                print("Make the hook first" in str(error))

credentials = s2sauth.CognitoClientCredentials.from_env()
sys.meta_path.insert(0, Interrupting())
print(len(credentials.get_token().access_token) > 10)
"""


def test_a_handler_that_interrupts_the_first_import_is_told(fake: FakeCognito) -> None:
    """A half-imported HTTP library raises something odd; this says what to do, and the interrupted caller goes on.

    A finder of modules stands for the signal. A fresh interpreter, half a second.
    """
    command = [sys.executable, "-c", INTERRUPTED]
    environ = {**os.environ, **fake.environ}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["True", "True"], "")
