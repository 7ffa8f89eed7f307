"""The wheel as its users install it, alone and with each extra alone."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from parts.install import ROOT, environment, s2sauth_source

SEALED = {"s2sauth._sharing": "cryptography", "s2sauth.stores._sealed": "cryptography"}
HTTPX2 = {"s2sauth._hooks.httpx2": "httpx2"}
OTEL = {"s2sauth.otel": "opentelemetry"}
WITHOUT = {
    "none": {**SEALED, **HTTPX2, **OTEL},
    "aws": {**SEALED, **HTTPX2, **OTEL},
    "dynamodb": {**HTTPX2, **OTEL},
    "httpx2": {**SEALED, **OTEL},
    "otel": {**SEALED, **HTTPX2},
    "redis": {**HTTPX2, **OTEL},
    "store": {**HTTPX2, **OTEL},
}
"""For each extra: our modules that are for another one, and the package that they want."""

IMPORT_ALL = """
import importlib, json, pkgutil
import s2sauth

wanting = {}
for module in pkgutil.walk_packages(s2sauth.__path__, "s2sauth."):
    try:
        if module.name != "s2sauth.__main__":  # which is the command
            importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        wanting[module.name] = error.name
for name in s2sauth.__all__:
    getattr(s2sauth, name)
for name in sorted(wanting):
    print(name, wanting[name].replace("httpcore2", "httpx2"))
"""

ENTRY_POINTS = """
import importlib.metadata

for point in sorted(importlib.metadata.distribution("s2sauth").entry_points, key=lambda point: point.group):
    print(point.group, point.value)
"""

USE = """
import contextlib, sys, tempfile
from s2sauth import CognitoClientCredentials, ConfigurationError, S2SAuthError
from s2sauth.testing import FakeCognito

PARAMETER = "arn:aws:ssm:eu-central-1:123456789012:parameter/files/secret"
nowhere = "127.0.0.1:9"
folder = tempfile.mkdtemp(dir=sys.argv[1])
stores = {
    "store": f"sqlite:///{folder}/tokens.db",
    "redis": f"redis://{nowhere}",
    "dynamodb": f"dynamodb://tokens?region=eu-central-1&endpoint_url=http://{nowhere}",
}


def use(extra, cognito):
    environ = cognito.environ
    if extra == "aws":
        environ["COGNITO_CLIENT_SECRET_ARN"] = PARAMETER
        del environ["APP_CLIENT_SECRET"]
    with CognitoClientCredentials.from_env(environ=environ, store=stores.get(extra)) as credentials:
        if extra == "httpx2":
            credentials.httpx2_auth(cognito.api_url)
        credentials.get_token(timeout=5)


with FakeCognito() as cognito:
    for extra in ("none", "aws", "dynamodb", "httpx2", "redis", "store"):
        try:
            use(extra, cognito)
        except ImportError as error:
            print(extra, "missing", error)
        except S2SAuthError:
            print(extra, "used")  # as far as it goes without a server
        else:
            print(extra, "used")
"""
USABLE = {
    "none": {"none"},
    "aws": {"none", "aws"},
    "dynamodb": {"none", "aws", "dynamodb", "store"},  # boto3 and cryptography
    "httpx2": {"none", "httpx2"},
    "otel": {"none"},
    "redis": {"none", "redis", "store"},
    "store": {"none", "store"},
}
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nobody is there: nothing leaves this machine
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
}


def environment_of(extra: str) -> Path:
    """The Python that has this extra alone."""
    return environment(f"extra-{extra}", s2sauth=True) / "python"


def output(extra: str, *arguments: str | Path) -> list[str]:
    """What Python prints in the environment that has this extra alone; every warning is an error."""
    done = subprocess.run(
        [environment_of(extra), "-W", "error", *arguments],
        env=ENVIRON,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("extra", WITHOUT)
def test_pip_finds_all_that_the_extra_asks_for(extra: str, tmp_path: Path) -> None:
    """What is cut out of requirements/extras.txt is enough: pip, without an index, misses nothing. Takes a second."""
    what = str(s2sauth_source()[0]) + ("" if extra == "none" else f"[{extra}]")
    offline = ["-m", "pip", "--disable-pip-version-check", "install", "-qq", "--no-index", "--dry-run", what]
    done = subprocess.run([environment_of(extra), *offline], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("extra", WITHOUT)
def test_every_module_is_imported_without_a_warning(extra: str) -> None:
    """But for those of the other extras, which nothing imports before it is asked for. Takes a second."""
    assert dict(line.split() for line in output(extra, "-c", IMPORT_ALL)) == WITHOUT[extra]


@pytest.mark.parametrize("extra", WITHOUT)
def test_what_is_not_installed_is_named_with_the_way_to_install_it(extra: str, tmp_path: Path) -> None:
    """All else can be used. Takes seconds: it tries them in turn."""
    told = dict(line.split(" ", 1) for line in output(extra, "-c", USE, tmp_path))
    assert {name for name, what in told.items() if what == "used"} == USABLE[extra]
    assert [what for name, what in told.items() if what != "used" and f"s2sauth[{name}]" not in what] == []


def test_there_is_an_environment_for_every_extra() -> None:
    """An extra that is added is tested."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(WITHOUT) - {"none"} == set(project["optional-dependencies"])


def test_wheel_says_what_it_is() -> None:
    """Its metadata: the license by its name, the types, and the command and the plugin."""
    (metadata,) = output("none", "-c", "import importlib.metadata as m; print(ascii(str(m.metadata('s2sauth'))))")
    assert output("none", "-c", ENTRY_POINTS) == ["console_scripts s2sauth._cli:main", "pytest11 pytest_s2sauth"]
    assert "License-Expression: MIT" in metadata
    assert "Classifier: Typing :: Typed" in metadata
