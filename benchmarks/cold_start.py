"""From a fresh process to the first authorised answer, in an environment with the runtime dependencies only."""

import os
import shutil
import ssl
import subprocess
import time
from operator import truediv
from pathlib import Path
from statistics import median

import httpx
from _support import Report, cognito_over_tls, command, progress

import s2sauth
from parts.install import environment as installed

STARTS, MOST_STARTS = 21, 63
SHORT_STARTS = 9

_CALL = "status = client.get('/files').status_code; print(status, flush=True)"
FIRST_ANSWER = {
    "s2sauth": f"""
import os, httpx
from s2sauth import CognitoClientCredentials
url = os.environ['FILES_SERVICE_URL']
credentials = CognitoClientCredentials.from_env()
client = httpx.Client(base_url=url, auth=credentials.httpx_auth(url))
{_CALL}
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


def start(python: str, code: str, environ: dict[str, str]) -> float:
    """Seconds from starting the process to its first line."""
    began = time.perf_counter()
    with subprocess.Popen([python, "-c", code], env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took = time.perf_counter() - began
    if line.strip() != b"200":
        raise RuntimeError(f"the first answer was {line!r}")
    return took


def starts(python: str, codes: dict[str, str], environ: dict[str, str], least: int) -> dict[str, list[float]]:
    """Milliseconds of interleaved starts, by name; a first one of each is not counted.

    Goes on until each has come close to its minimum three times: on a busy machine the first ones may all be slow.
    """
    took: dict[str, list[float]] = {name: [] for name in codes}
    for n in range(MOST_STARTS * least // STARTS + 1):
        for name, code in codes.items():
            milliseconds = start(python, code, environ) * 1000
            if n:
                took[name].append(milliseconds)
        if n >= least and all(sorted(one)[2] < 1.02 * min(one) for one in took.values()):
            break
    return took


def token(environ: dict[str, str]) -> str:
    """One that the API takes."""
    trust = ssl.create_default_context(cafile=environ["SSL_CERT_FILE"])
    with s2sauth.CognitoClientCredentials.from_env(
        environ=environ, http_client=lambda: httpx.Client(verify=trust)
    ) as credentials:
        return credentials.get_token().access_token


def figures(report: Report) -> None:
    """The table."""
    python = environment()
    with cognito_over_tls() as (_, environ):
        environ.update(PATH=os.environ["PATH"], STATIC_TOKEN=token(environ))
        least = SHORT_STARTS if report.ci else STARTS
        progress(f"imports: {least} interleaved starts or more")
        importing = starts(python, IMPORTS, environ, least)
        progress(f"first answers: {least} interleaved starts or more")
        took = starts(python, FIRST_ANSWER, environ, least)
    imports, first = ({name: min(one) for name, one in times.items()} for times in (importing, took))
    report.row("import s2sauth, httpx", s2sauth=imports["s2sauth"], floor=imports["floor"], unit="ms")
    report.row("  more than import httpx alone", s2sauth=imports["s2sauth"] - imports["floor"], unit="ms")
    # Start by start: minima of a machine whose clock changes differ by a quarter from run to run.
    ratio = median(map(truediv, importing["s2sauth"], importing["floor"]))
    report.row("  of import httpx alone", s2sauth=ratio, at_most=1.30, unit="x")
    report.row(
        "process start to first authorised answer",
        s2sauth=first["s2sauth"],
        hand_written=first["hand-written"],
        floor=first["static header"],
        unit="ms",
    )
    ratio = median(map(truediv, took["s2sauth"], took["hand-written"]))
    most = 1.30 if report.ci else 1.05  # where two cores are one, the CA files are not read side by side
    report.row("  of the hand-written", s2sauth=ratio, at_most=most, unit="x")
    medians = ", ".join(f"{name} {median(one):.0f} ms" for name, one in took.items())
    number = len(took["s2sauth"])
    report.note(f"Minima of {number} interleaved starts (medians: {medians}); TLS with a private CA.")


if __name__ == "__main__":
    command("Cold start: from a fresh process to the first authorised answer", figures)
