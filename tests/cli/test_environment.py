"""No environment makes a command end in a traceback, in an undocumented exit code, or show a secret or a password."""

import contextlib
import errno
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s2sauth import CognitoClientCredentials, RenewalPolicy
from s2sauth.testing import FakeCognito
from tests.cli.conftest import OUTPUT, Run, main
from tests.cli.test_doctor import found, statuses

PYTHON = [sys.executable, "-m", "s2sauth"]
PASSWORD = "hunter2"
CODES = {0, 1, 2, 3}
SHARED = [HealthCheck.function_scoped_fixture]
"""Of the fixtures, all examples use the same."""
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:billing-AbCdEf"


def inherited() -> dict[str, str]:
    """What a process needs to run, and nothing of what these tests set."""
    kept = ("PATH", "HOME", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START", "S2SAUTH_EDITABLE")
    return {name: os.environ[name] for name in kept if name in os.environ}


def process(fake: FakeCognito, variables: dict[str, str], *argv: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in such an environment; an interpreter takes half a second to start."""
    environ = {**inherited(), **fake.environ, **variables}
    return subprocess.run([*PYTHON, *argv], env=environ, capture_output=True, check=False, timeout=60)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with files that are of no use as certificates."""
    (tmp_path / "empty").touch()
    (tmp_path / "garbage").write_bytes(bytes(range(256)))
    (tmp_path / "folder").mkdir()
    if hasattr(os, "mkfifo"):  # Windows has none
        os.mkfifo(tmp_path / "pipe")
    return tmp_path


SEEN_BY_A_PROCESS: dict[str, dict[str, str]] = {
    "C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "COGNITO_SCOPES": "demo/\udcff"},
    "UTF-8 mode": {"LANG": "C", "PYTHONUTF8": "1", "COGNITO_SCOPES": "demo/é"},
    "output in ASCII": {"PYTHONIOENCODING": "ascii:strict", "APP_CLIENT_ID": "é"},
    "output in UTF-16": {"PYTHONIOENCODING": "utf-16"},
    "warnings are errors": {"PYTHONWARNINGS": "error"},
    "development mode": {"PYTHONDEVMODE": "1"},
    "terminal": {"COLUMNS": "-1", "TERM": "\x1b", "FORCE_COLOR": "1", "NO_COLOR": ""},
    "no home": {"HOME": "", "XDG_CONFIG_HOME": "\n", "NETRC": "/nowhere", "TMPDIR": "/nowhere"},
    "OpenSSL": {"OPENSSL_CONF": "{place}/garbage"},
}
"""What acts on the interpreter or its libraries before a command runs."""


@pytest.mark.parametrize("variables", SEEN_BY_A_PROCESS.values(), ids=SEEN_BY_A_PROCESS)
def test_a_process_ends_with_words_and_a_documented_code(
    variables: dict[str, str], fake: FakeCognito, place: Path
) -> None:
    """In whatever encoding. An interpreter takes half a second to start."""
    variables = {name: value.format(place=place) for name, value in variables.items()}
    ran = process(fake, variables, "doctor", fake.api_url)
    assert ran.returncode in CODES
    assert b"Traceback" not in ran.stdout + ran.stderr
    assert b"settings" in ran.stdout.replace(b"\0", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in a folder")
@pytest.mark.parametrize("command", ["doctor", "token", "call"])
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSLKEYLOGFILE"])
def test_a_pipe_that_no_program_uses_is_not_waited_for(
    variable: str, command: str, fake: FakeCognito, place: Path
) -> None:
    """OpenSSL would wait for ever. A process, for it would hang this one."""
    argv = ("call", "GET", "https://127.0.0.1:1/") if command == "call" else (command,)
    ran = process(fake, {variable: str(place / "pipe")}, *argv)
    assert ran.returncode in CODES
    assert variable in (ran.stdout + ran.stderr).decode()


TLS = {
    "no such file": ("SSL_CERT_FILE", "{place}/none", "Name a PEM file"),
    "folder": ("SSL_CERT_FILE", "{place}/folder", "Name a PEM file"),
    "empty": ("SSL_CERT_FILE", "{place}/empty", "Name a PEM file"),
    "garbage": ("SSL_CERT_FILE", "{place}/garbage", "Name a PEM file"),
    "no UTF-8": ("SSL_CERT_FILE", "{place}/\udcff", "Name a PEM file"),
    "too long": ("SSL_CERT_FILE", "/" + "x" * 5000, "Name a PEM file"),
    "a pipe": ("SSL_CERT_FILE", "{place}/pipe", "is a pipe or a device"),
    "a device": ("SSL_CERT_FILE", "/dev/null", "is a pipe or a device"),
    "key log in no folder": (
        "SSLKEYLOGFILE",
        "{place}/none/keys",
        "cannot be written",
    ),
    "key log is a folder": (
        "SSLKEYLOGFILE",
        "{place}/folder",
        "cannot be written",
    ),
    "key log is a pipe": ("SSLKEYLOGFILE", "{place}/pipe", "no program reads"),
}


@pytest.mark.parametrize(("variable", "value", "advice"), TLS.values(), ids=TLS)
def test_a_variable_of_tls_that_cannot_be_used_is_named(
    variable: str, value: str, advice: str, run: Run, place: Path, fake: FakeCognito, bare: pytest.MonkeyPatch
) -> None:
    """With what to do, and not its value."""
    bare.setenv(variable, value.format(place=place))
    ran = run("doctor", "--json", "--domain", "https://127.0.0.1:1", "https://127.0.0.1:1")
    assert ran.code == 2
    for check in ("settings" if statuses(ran)["settings"] == "fail" else "tls", "api tls"):
        assert statuses(ran)[check] == "fail"
        assert found(ran, check).startswith(f"{variable}: ")
        assert advice in found(ran, check)
    assert str(place) not in ran.out


def test_key_log_on_a_pipe_that_a_program_reads(
    run: Run, place: Path, fake: FakeCognito, bare: pytest.MonkeyPatch
) -> None:
    """As Wireshark does: it is used."""
    bare.setenv("SSLKEYLOGFILE", str(place / "pipe"))
    reader = os.open(place / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("doctor", fake.api_url).code == 0
    finally:
        os.close(reader)


def test_certificates_of_certifi_that_are_gone(run: Run, bare: pytest.MonkeyPatch, fake: FakeCognito) -> None:
    """An installation that is broken: no variable is at fault."""
    bare.setattr("certifi.where", lambda: "/nowhere")
    ran = run("doctor", "--json", "--domain", "https://127.0.0.1:1")
    assert ran.code == 2
    assert "certifi" in found(ran, "tls")


STARVED = """
import os, resource, sys
from s2sauth._cli import main
cold, spare, *argv = sys.argv[1:]
if cold == "warm":
    main(["doctor", "--json", argv[-1]])
    print("=====", flush=True)
lowest = os.dup(0)
os.close(lowest)
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + int(spare), hard))
code = main(argv)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))  # a measurement of coverage is written at the end
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.fault(205)
@pytest.mark.parametrize("command", [("doctor",), ("token",), ("call", "GET")], ids=lambda command: command[0])
@pytest.mark.parametrize(("start", "spare"), [("cold", 0), ("cold", 1), ("warm", 0)])
def test_too_many_open_files_are_named(
    start: str, spare: int, command: tuple[str, ...], fake: FakeCognito, tmp_path: Path
) -> None:
    """Before a command is imported, and after. An interpreter takes half a second to start."""
    (tmp_path / "secret").write_text(fake.client_secret, encoding="ascii")
    url = () if command == ("token",) else (fake.api_url,)
    ran = subprocess.run(
        [sys.executable, "-c", STARVED, start, str(spare), *command, *url],
        env={**inherited(), **fake.environ}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    out = ran.stdout.partition("=====")[2] if start == "warm" else ran.stdout
    assert ran.returncode in CODES
    assert "Traceback" not in out + ran.stderr
    if spare == 0:
        assert ran.returncode in (1, 3)
        assert "too many open files" in (out + ran.stderr).lower()


def no_more(*_: object, **__: object) -> None:
    """As `open()` if there are too many open files."""
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.parametrize("starved", ["httpx.Client", "httpx.create_ssl_context"])
def test_too_many_open_files_are_no_fault_of_a_variable(starved: str, run: Run, bare: pytest.MonkeyPatch) -> None:
    """Neither of a proxy variable nor of one of TLS; both are set."""
    bare.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    bare.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    bare.setattr(starved, no_more)
    ran = run("doctor", "--json", "https://localhost:1/")
    if starved == "httpx.Client":
        assert (ran.code, ran.json["error"]["exit_code"]) == (1, 1)
    assert "Too many open files. Raise the limit" in ran.out
    assert "/nowhere" not in ran.out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&-"])
def test_closed_streams(closed: str, fake: FakeCognito) -> None:
    """The exit code is the same. An interpreter takes half a second to start."""
    script = f'exec "$@" {closed}'
    ran = subprocess.run(
        ["sh", "-c", script, "sh", *PYTHON, "doctor"],
        env={**inherited(), **fake.environ}, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0
    assert ran.stderr == b""


@pytest.mark.parametrize("argv", [("call", "--help"), ("nothing",)])
def test_help_on_a_stream_without_its_characters(argv: tuple[str, ...]) -> None:
    """An escape stands for them. An interpreter takes half a second to start."""
    environ = {**inherited(), "PYTHONIOENCODING": "ascii:strict"}
    ran = subprocess.run([*PYTHON, *argv], env=environ, capture_output=True, check=False, timeout=60)
    assert ran.returncode == (0 if "--help" in argv else 2)
    assert b"Traceback" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_help_on_a_full_disk() -> None:
    """It is told, and is a failure. An interpreter takes half a second to start."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123  # a device
        ran = subprocess.run(
            [*PYTHON, "--help"], env=inherited(), stdout=full, stderr=subprocess.PIPE, check=False, timeout=60
        )
    assert ran.returncode == 1
    assert ran.stderr == b"s2sauth: the output cannot be written: No space left on device\n"


ODD = st.sampled_from(
    [
        "", " ", "\t\n", "\x1b[31m", "\x7f", "é", "\udcff\udcfe", "\u202e", "'", '"', "$NAME", "${NAME}", "<name>",
        "/nowhere", "/", "/dev/null", "x" * 10_000, "0", "-1", "true", ",", "#", "%", "%zz", "a=b", "://", "[", "[::1]",
    ]
) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)  # fmt: skip
PROXY = (
    st.builds(
        lambda *parts: "".join(parts).replace("PASSWORD", PASSWORD),
        st.sampled_from(["http://", "https://", "socks://", "socks5://", "socks5h://", "ftp://", "HTTP://", "", "//"]),
        st.sampled_from(["", "u:PASSWORD@", "u:PA#PASSWORD@", "PASSWORD:12#PASSWORD@", "PASSWORD:12/x@", "u:\udcff@"]),
        st.sampled_from(["127.0.0.1", "[::1]", "localhost", "", "a..b", "a" * 64, "é.test", "\udcff", "a b", "$X"]),
        st.sampled_from(["", ":", ":1", ":9", ":0", ":99999", ":-1", ":x", ":${PORT}", ":" + "9" * 5000]),
    )
    | ODD
)
NO_PROXY = st.lists(
    ODD
    | st.sampled_from(
        ["*", "localhost", "127.0.0.1", "127.0.0.0/8", "::1", "[::1]", "fd07::/64", ".localhost", "https://", "é"]
    ),
    max_size=3,
).map(",".join)
PROXIES = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), PROXY),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), NO_PROXY),
    "REQUEST_METHOD": st.just("GET"),
}
VARIABLES = {
    **PROXIES,
    "COGNITO_CLIENT_SECRET_ARN": st.just(ARN) | ODD,
    "SSLKEYLOGFILE": ODD.map(lambda name: f"/nowhere/{name}") | st.sampled_from(["/", "/dev/null", "keys", "é"]),
    **dict.fromkeys(
        [
            "SSL_CERT_FILE", "SSL_CERT_DIR", "HOME", "XDG_CONFIG_HOME", "NETRC", "LANG", "LC_ALL", "NO_COLOR",
            "FORCE_COLOR", "COLUMNS", "TERM", "TMPDIR", "COGNITO_DOMAIN", "COGNITO_TOKEN_URL", "APP_CLIENT_ID",
            "COGNITO_CLIENT_ID", "APP_CLIENT_SECRET", "COGNITO_CLIENT_SECRET", "COGNITO_SCOPES",
            "COGNITO_CLIENT_SECRET_FILE", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_MAX_ATTEMPTS", "AWS_CA_BUNDLE",
            "AWS_LAMBDA_FUNCTION_NAME", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT",
        ],
        ODD,
    ),
}  # fmt: skip


def some_of(variables: dict[str, st.SearchStrategy[str]]) -> st.SearchStrategy[dict[str, str]]:
    """One to four of them, with values."""
    names = st.sets(st.sampled_from(sorted(variables)), min_size=1, max_size=4)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: variables[name] for name in sorted(chosen)}))


@pytest.fixture(scope="module")
def here() -> Iterator[FakeCognito]:
    """One for all examples."""
    with FakeCognito() as fake:
        yield fake


@contextlib.contextmanager
def world(fake: FakeCognito, variables: dict[str, str]) -> Iterator[None]:
    """The variables and no others, one attempt for each token."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for name in [*os.environ]:
            patch.delenv(name)
        safe = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "PATH": os.defpath}
        for name, value in {**inherited(), **safe, **fake.environ, **variables}.items():
            patch.setenv(name, value)
        patch.chdir(folder)  # a key log is written wherever its variable says
        patch.setattr("s2sauth._cli._settings.CognitoClientCredentials", Impatient)
        yield


class Impatient:
    """The credentials of a command, which ask once: the pauses between attempts are no subject here."""

    @staticmethod
    def from_env(*args: Any, **named: Any) -> CognitoClientCredentials:
        """With a policy of one attempt."""
        return CognitoClientCredentials.from_env(*args, policy=RenewalPolicy(attempts=1), **named)


def said(*argv: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(argv)
    return code, out.getvalue(), err.getvalue()


@pytest.mark.fault(168)
@pytest.mark.parametrize("command", ["doctor", "call"])
@pytest.mark.usefixtures("offline")
@settings(max_examples=60, derandomize=True, suppress_health_check=SHARED)
@given(variables=some_of(VARIABLES))
def test_no_environment_makes_a_traceback(command: str, variables: dict[str, str], here: FakeCognito) -> None:
    """A documented code, one valid document, no secret. Some seconds, for each example makes several clients."""
    argv = ("doctor", here.api_url) if command == "doctor" else ("call", "GET", here.api_url)
    with world(here, variables):
        code, out, err = said(*argv, "--json")
    assert code in CODES
    assert list(OUTPUT.iter_errors(json.loads(out))) == []
    assert "Traceback" not in out + err
    assert PASSWORD not in out + err
    for name in ("APP_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        if len(variables.get(name, "")) > 7:  # short ones are parts of words
            assert variables[name] not in json.dumps(json.loads(out), ensure_ascii=False) + err
    assert here.client_secret not in out + err


@pytest.mark.fault(168)
@pytest.mark.usefixtures("offline")
@settings(max_examples=100, derandomize=True, suppress_health_check=SHARED)
@given(
    variables=st.dictionaries(
        st.sampled_from(sorted(n for n in VARIABLES if n.lower().endswith("_proxy"))), PROXY | NO_PROXY
    )
)
def test_no_proxy_variable_makes_a_traceback(variables: dict[str, str], here: FakeCognito) -> None:
    """As above, where the token endpoint and the API are on other machines, which no request reaches."""
    for argv in (("doctor", "https://api.invalid/"), ("token",)):
        with world(here, variables):
            code, out, err = said(*argv, "--domain", "auth.invalid", "--json")
        assert code in {2, 3}
        assert list(OUTPUT.iter_errors(json.loads(out))) == []
        assert PASSWORD not in out + err


@pytest.mark.usefixtures("offline")
@settings(max_examples=60, derandomize=True, suppress_health_check=SHARED)
@given(variables=some_of(PROXIES))
def test_doctor_agrees_with_token(variables: dict[str, str], here: FakeCognito) -> None:
    """It gets a token where `token` does, and nowhere else."""
    with world(here, variables):
        code, _, _ = said("token")
        _, out, _ = said("doctor", "--json")
    checks = {check["name"]: check["status"] for check in json.loads(out)["checks"]}
    assert (checks["token"] == "pass") is (code == 0)
