"""Real programs with several processes: what each pays for tokens, and that none dies, hangs or tells a secret.

Each is started as examples/programs/README.md says, does some hundred calls, and is ended with SIGTERM.
"""

import base64
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from parts.programs import Celery, Gunicorn, Program, Uvicorn, python
from s2sauth.testing import FakeCognito
from tests.support.settled import eventually
from tests.support.tls import authority

CALLS = 100
PATIENCE = 60.0
FILES = {"path": "/files", "scope": "demo/read.file"}

SEND = """
import json
import tasks

results = [tasks.list_files.delay() for _ in range(300)]
print(json.dumps([result.get(timeout=60, interval=0.01) for result in results]))
"""

ASK = """
import json, sys
import s2sauth
import tasks

task = tasks.app.tasks[sys.argv[1]]
try:
    print(json.dumps(task.delay(*sys.argv[2:]).get(timeout=60, interval=0.01)))
except s2sauth.S2SAuthError as error:
    fields = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    bases = [base.__module__.partition(".")[0] + "." + base.__name__ for base in type(error).__mro__]
    print(json.dumps({"text": str(error), "bases": bases, **fields}))
"""

BY_NAME = """
import os
import s2sauth
from celery import Celery

folder = os.environ["CELERY_FOLDER"]
app = Celery("another", broker="filesystem://localhost", backend=f"file://{folder}/results")
messages = f"{folder}/messages"
app.conf.broker_transport_options = {
    "data_folder_in": messages, "data_folder_out": messages, "control_folder": f"{folder}/control"
}
try:
    app.send_task("tasks.list_files").get(timeout=60, interval=0.01)
except s2sauth.TokenUnavailable:
    print("caught")
"""

END = """
import atexit, threading
from web import files


def call(who):
    print(who, files.get("/files").status_code, flush=True)


def after_main():
    threading.main_thread().join()
    call("thread")


atexit.register(call, "handler")
threading.Thread(target=after_main).start()
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a private CA, and a server's certificate of it with its key."""
    folder = tmp_path_factory.mktemp("certificates")
    authority().cert_pem.write_to_path(str(folder / "ca.pem"))
    authority().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return folder


@pytest.fixture
def cognito(certificates: Path) -> Iterator[FakeCognito]:
    """A token endpoint, slow enough that callers meet, and an API; with TLS, in a process that no test slows down."""
    pem = str(certificates / "server.pem")
    with FakeCognito.spawn(certfile=pem, keyfile=pem, latency=0.2) as cognito:
        yield cognito


@pytest.fixture
def environ(cognito: FakeCognito, certificates: Path) -> dict[str, str]:
    """The variables of a program that uses it."""
    return {**cognito.environ, "SSL_CERT_FILE": str(certificates / "ca.pem"), "DJANGO_SECRET_KEY": "of this test"}


def call(program: Program, workers: int) -> list[Any]:
    """The answers to a hundred requests, 32 at a time, and to more until each worker has answered one."""
    answers: list[Any] = []
    until = time.monotonic() + PATIENCE

    def one(_: int) -> httpx.Response:
        # A client each: any worker may take any request. One for all, keeping no connection, sometimes closes one under
        # the thread that reads from it.
        return httpx.get(f"{program.url}/files", timeout=PATIENCE, trust_env=False, verify=False)

    with ThreadPoolExecutor(32) as callers:
        while len(answers) < CALLS or len(processes(answers)) < workers:
            assert time.monotonic() < until, f"{len(processes(answers))} of {workers} workers answered"
            for answer in callers.map(one, range(CALLS)):
                assert answer.status_code == 200, answer.text + program.log()
                answers.append(answer.json())
    return answers


def processes(answers: list[Any]) -> set[int]:
    """Who answered."""
    return {answer["worker"] for answer in answers}


def check(answers: list[Any], cognito: FakeCognito, *, workers: int, tokens: int) -> None:
    """Each answer is right, each of so many workers gave some, and it cost so many tokens."""
    assert [answer for answer in answers if {**answer, **FILES} != answer] == []
    assert len(processes(answers)) == workers
    counts = cognito.counts()
    paid = {name: counts[name] for name in ("token_requests", "tokens_issued", "api_requests", "api_401")}
    assert paid == {
        "token_requests": tokens,
        "tokens_issued": tokens,
        "api_requests": len(answers),
        "api_401": 0,
    }


def check_log(log: str, cognito: FakeCognito) -> None:
    """It went down to DEBUG, and holds no trouble, no secret and no token."""
    assert "s2sauth" in log
    assert re.findall(r".*(?:WARNING|ERROR|CRITICAL|Traceback|TIMEOUT|exited).*", log) == []
    check_secrecy(log, cognito)


def check_secrecy(text: str, cognito: FakeCognito) -> None:
    """Nothing that lets anybody in is in the text."""
    basic = base64.b64encode(f"{cognito.client_id}:{cognito.client_secret}".encode()).decode()
    tokens = {call.header("authorization") for call in cognito.api_requests}
    sent = {value.removeprefix("Bearer ") for value in tokens if value is not None}
    assert [what for what in (cognito.client_secret, basic, *sent) if what in text] == []


def check_end(program: Program, cognito: FakeCognito) -> None:
    """SIGTERM ends it and all its workers, with status 0, and nothing in its log is out of order."""
    program.send(signal.SIGTERM)
    status, log = program.end()
    assert status == 0, log
    eventually(lambda: not program.left_running())  # the last of them ends by itself: multiprocessing's tracker
    check_log(log, cognito)


def output(process: subprocess.Popen[str]) -> str:
    """What it writes until it ends, well."""
    with process:
        told, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told + errors
    return told


def test_each_worker_of_a_preloaded_gunicorn_pays_one_token(cognito: FakeCognito, environ: dict[str, str]) -> None:
    """Object, hook and client were made before the fork, the token was not. Starts five processes: some seconds."""
    with Gunicorn("web:app", environ, "--preload", "--workers", "4") as program:
        answers = call(program, workers=4)
        check(answers, cognito, workers=4, tokens=4)
        check_end(program, cognito)


def test_token_fetched_before_the_fork_serves_all_workers_of_gunicorn(
    cognito: FakeCognito, environ: dict[str, str]
) -> None:
    """One token for four workers. Starts five processes: some seconds."""
    with Gunicorn("warm:app", environ, "--preload", "--workers", "4") as program:
        answers = call(program, workers=4)
        check(answers, cognito, workers=4, tokens=1)
        check_end(program, cognito)


@pytest.mark.parametrize(("program", "tokens"), [("web:app", "one each"), ("warm:app", "one in all")])
def test_workers_that_take_the_place_of_others_get_tokens_like_them(
    cognito: FakeCognito, environ: dict[str, str], program: str, tokens: str
) -> None:
    """Forked hours after the start as well, they have what the main process had. Starts a dozen processes: seconds."""
    recycled = ("--preload", "--workers", "2", "--max-requests", "50")
    with Gunicorn(program, environ, *recycled) as running:
        answers = call(running, workers=6)
        workers = len(processes(answers))
        check(answers, cognito, workers=workers, tokens=workers if tokens == "one each" else 1)
        check_end(running, cognito)


def test_each_worker_of_uvicorn_pays_one_token(cognito: FakeCognito, environ: dict[str, str]) -> None:
    """Its workers are spawned, each imports the application. Starts three processes: some seconds."""
    with Uvicorn("web_async:app", environ, "--workers", "2") as program:
        answers = call(program, workers=2)
        check(answers, cognito, workers=2, tokens=2)
        check_end(program, cognito)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--worker-class", "gevent"), id="imported by each worker"),
        pytest.param(("--config", "patched.py"), id="patched and preloaded"),
    ],
)
def test_greenlets_of_a_gunicorn_worker_share_one_token(
    cognito: FakeCognito, environ: dict[str, str], options: tuple[str, ...]
) -> None:
    """The application is the one for threads. Starts three processes: some seconds."""
    with Gunicorn("web:app", environ, "--workers", "2", *options) as program:
        answers = call(program, workers=2)
        check(answers, cognito, workers=2, tokens=2)
        check_end(program, cognito)


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["imported by each worker", "preloaded"])
def test_each_worker_of_a_django_site_pays_one_token(
    cognito: FakeCognito, environ: dict[str, str], preload: tuple[str, ...]
) -> None:
    """Four threads in each of two workers share it. Starts three processes: some seconds."""
    options = ("--workers", "2", "--threads", "4", *preload)
    with Gunicorn("shop.wsgi:application", environ, *options) as program:
        answers = call(program, workers=2)
        check(answers, cognito, workers=2, tokens=2)
        check_end(program, cognito)


def test_each_celery_worker_process_pays_one_token(cognito: FakeCognito, environ: dict[str, str]) -> None:
    """Celery imports the tasks, then forks. Takes ten seconds, of which Celery needs seven to end, with any task."""
    with Celery("tasks", environ, "--concurrency", "2") as program:
        answers = json.loads(output(program.client(SEND)))
        check(answers, cognito, workers=2, tokens=2)
        check_end(program, cognito)


def test_failed_celery_task_brings_the_error_with_its_fields(cognito: FakeCognito, environ: dict[str, str]) -> None:
    """As JSON, Celery's default: the caller's `except` sees what the task raised. A task that says so is tried again.

    Takes ten seconds: Celery starts, imports itself in three clients, and waits before it tries again.
    """
    with Celery("tasks", environ, "--concurrency", "2") as program:
        refused = json.loads(output(program.client(ASK, "tasks.token_scopes", "demo/delete.file")))
        cognito.fail(503)
        unavailable = json.loads(output(program.client(ASK, "tasks.list_files")))
        named = output(program.client(BY_NAME))
        patient = program.client(ASK, "tasks.list_files_at_last")
        eventually(lambda: "Retry in" in program.log(), PATIENCE)
        cognito.recover()
        answer = json.loads(output(patient))
        log = program.log()

    assert refused["bases"][0] == "s2sauth.InvalidScope"
    assert (refused["error"], refused["status"]) == ("invalid_scope", 400)
    assert refused["request_id"]
    assert unavailable["bases"][0] == "s2sauth.TokenUnavailable"
    assert named == "caught\n"
    assert "503" in unavailable["text"]
    assert {**answer, **FILES} == answer
    assert re.findall(r"raised unexpected: (\w+)\(", log) == ["InvalidScope", "TokenUnavailable", "TokenUnavailable"]
    check_secrecy(log, cognito)


SERVERS = {
    "gunicorn": lambda environ: Gunicorn("web:app", environ, "--preload", "--workers", "2"),
    "gunicorn with threads": lambda environ: Gunicorn("web:app", environ, "--workers", "2", "--threads", "4"),
    "uvicorn": lambda environ: Uvicorn("web_async:app", environ, "--workers", "2"),
}


@pytest.mark.parametrize("server", SERVERS)
def test_caller_that_waits_for_its_token_at_sigterm_is_answered(
    cognito: FakeCognito, environ: dict[str, str], server: str
) -> None:
    """A rolling deployment loses no request. Starts three processes: some seconds."""
    cognito.gate()
    with SERVERS[server](environ) as program, ThreadPoolExecutor(1) as caller:
        answer = caller.submit(httpx.get, f"{program.url}/files", timeout=PATIENCE, trust_env=False)
        cognito.wait_for_token_requests(1, PATIENCE)
        program.send(signal.SIGTERM)
        eventually(lambda: bool(re.search("Handling signal: term|Waiting for connections to close", program.log())))
        cognito.release()
        assert answer.result().status_code == 200, program.log()
        status, log = program.end()
    assert status == 0, log
    check_log(log, cognito)


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_each_process_of_a_pool_pays_one_token(cognito: FakeCognito, environ: dict[str, str], method: str) -> None:
    """The same lines of code for every start method. Starts up to six processes: a second or two."""
    answers = [json.loads(line) for line in output(python("pool.py", method, environ=environ)).splitlines()]
    used = len(processes(answers))
    assert 1 <= used <= 4
    check(answers, cognito, workers=used, tokens=used)


def test_calls_at_the_end_of_the_process_are_answered(cognito: FakeCognito, environ: dict[str, str]) -> None:
    """Threads that main left behind ask for the first token, handlers of `atexit` use it."""
    assert output(python("-c", END, environ=environ)).splitlines() == ["thread 200", "handler 200"]
    assert cognito.counts()["token_requests"] == 1
