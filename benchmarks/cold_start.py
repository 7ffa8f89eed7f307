"""From a fresh process to the first authorised answer, in an environment with the runtime dependencies only.

It shows where the milliseconds go as well: the process says when it came past each mark, on the clock that all share.
"""

import os
import shutil
import subprocess
import time
from itertools import pairwise
from operator import truediv
from pathlib import Path
from statistics import median

from _support import Report, cognito_over_tls, command, progress, trusting

import s2sauth
from parts.install import environment as installed

STARTS, MOST_STARTS = 21, 63
SHORT_STARTS = 9

MARKS = (
    "the interpreter's start",
    "import httpx",
    "import httpcore, by the first client or the hook",
    "import s2sauth",
    "from_env(): settings are checked",
    "httpx_auth(): imports what a flight needs; the CA file is read ahead on a thread",
    "httpx.Client(): the CA file is read for the caller's client",
    "the first token: thread, client, TCP, TLS, request",
    "the first call of the API: TCP, TLS, request",
)
OURS = ("import s2sauth", "from_env", "httpx_auth")
_CALL = "status = client.get('/files').status_code; print(status, flush=True)"
FIRST_ANSWER = {
    "s2sauth": f"""
import time
marks = [time.perf_counter()]
mark = lambda: marks.append(time.perf_counter())
import httpx
mark()
import httpcore
mark()
import os, s2sauth
mark()
url = os.environ['FILES_SERVICE_URL']
credentials = s2sauth.CognitoClientCredentials.from_env()
mark()
auth = credentials.httpx_auth(url)
mark()
client = httpx.Client(base_url=url, auth=auth)
mark()
credentials.get_token()
mark()
{_CALL}
mark()
print(*marks)
""",
    "hand-written": f"""
import os, httpx
import hand_written
client = httpx.Client(base_url=os.environ['FILES_SERVICE_URL'], headers=hand_written.headers())
{_CALL}
""",
    "static header": f"""
import os, httpx
headers = {{'Authorization': 'Bearer ' + os.environ['STATIC_TOKEN']}}
client = httpx.Client(base_url=os.environ['FILES_SERVICE_URL'], headers=headers)
{_CALL}
""",
}
IMPORTS = {
    "s2sauth": "import s2sauth, httpx; print(200, flush=True)",
    "floor": "import httpx; print(200, flush=True)",
}


def environment() -> str:
    """The interpreter of an environment with requirements/start.txt and the s2sauth that runs here, made if needed."""
    progress("an environment with the runtime dependencies only")
    python = str(installed("start") / "python")
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout.strip())
    shutil.rmtree(packages / "s2sauth", ignore_errors=True)
    shutil.copytree(Path(s2sauth.__file__).parent, packages / "s2sauth", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(__file__).with_name("hand_written.py"), packages)
    subprocess.run([python, "-m", "compileall", "-q", str(packages)], check=True)
    return python


def start(python: str, code: str, environ: dict[str, str]) -> tuple[float, list[float]]:
    """Milliseconds from starting the process to its first line, and to each moment that it says besides."""
    began = time.perf_counter()
    with subprocess.Popen([python, "-c", code], env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took = time.perf_counter() - began
        marks = [(float(mark) - began) * 1000 for mark in process.stdout.read().split()]
    if line.strip() != b"200":
        raise RuntimeError(f"the first answer was {line!r}")
    return took * 1000, marks


def starts(
    python: str, codes: dict[str, str], environ: dict[str, str], least: int
) -> tuple[dict[str, list[float]], list[list[float]]]:
    """Milliseconds of interleaved starts, by name, and the marks of s2sauth's; a first one of each is not counted.

    Goes on until each has come close to its minimum three times: on a busy machine the first ones may all be slow.
    """
    took: dict[str, list[float]] = {name: [] for name in codes}
    marked: list[list[float]] = []
    for n in range(MOST_STARTS * least // STARTS + 1):
        for name, code in codes.items():
            milliseconds, marks = start(python, code, environ)
            if n:
                took[name].append(milliseconds)
                marked += [marks] if marks else []
        if n >= least and all(sorted(one)[2] < 1.02 * min(one) for one in took.values()):
            break
    return took, marked


def parts(report: Report, marked: list[list[float]]) -> None:
    """Where the milliseconds of each start went."""
    times = {"the start": [0.0] * len(marked)} | dict(zip(MARKS, map(list, zip(*marked, strict=True)), strict=True))
    report.parts("a cold start, up to the first authorised answer", times, "ms")
    steps = {
        name: [b - a for a, b in zip(low, high, strict=True)] for (_, low), (name, high) in pairwise(times.items())
    }
    ours = [sum(each) for each in zip(*(step for name, step in steps.items() if name.startswith(OURS)), strict=True)]
    what = "of it ours: import, from_env(), httpx_auth()"
    report.row(what, median(ours), spread=(min(ours), max(ours)), unit="ms")
    share = median(one / marks[-1] for one, marks in zip(ours, marked, strict=True))
    report.row("  of the whole", share, at_most=0.2, unit="x")


def figures(report: Report) -> None:
    """The table."""
    python = environment()
    with cognito_over_tls() as (_, environ):
        with trusting(environ) as credentials:
            environ.update(PATH=os.environ["PATH"], STATIC_TOKEN=credentials.get_token().access_token)
        least = SHORT_STARTS if report.ci else STARTS
        progress(f"imports: {least} interleaved starts or more")
        importing, _ = starts(python, IMPORTS, environ, least)
        progress(f"first answers: {least} interleaved starts or more")
        took, marked = starts(python, FIRST_ANSWER, environ, least)
    ours, floor = (min(importing[name]) for name in ("s2sauth", "floor"))
    report.row("import s2sauth, httpx", ours, floor=floor, unit="ms")
    report.row("  more than import httpx alone", ours - floor, unit="ms")
    # Start by start: minima of a machine whose clock changes differ by a quarter from run to run.
    ratio = median(map(truediv, importing["s2sauth"], importing["floor"]))
    report.row("  of import httpx alone", ratio, at_most=1.30, unit="x")
    ours, theirs, floor = (min(took[name]) for name in FIRST_ANSWER)
    report.row("process start to first authorised answer", ours, hand_written=theirs, floor=floor, unit="ms")
    ratio = median(map(truediv, took["s2sauth"], took["hand-written"]))
    most = 1.30 if report.ci else 1.05  # where two cores are one, the CA files are not read side by side
    report.row("  of the hand-written", ratio, at_most=most, unit="x")
    parts(report, marked)
    medians = ", ".join(f"{name} {median(one):.0f} ms" for name, one in took.items())
    number = len(marked)
    report.note(f"Minima of {number} interleaved starts (medians: {medians}); TLS with a private CA.")
    report.note(f"Parts of a cold start: medians of these {number} starts.")


if __name__ == "__main__":
    command("Cold start: from a fresh process to the first authorised answer, and where that time goes", figures)
