"""The programs under examples/programs, each run by its own server, with the commands of their README."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from .install import ROOT, environment
from .server import Server

PROGRAMS = ROOT / "examples" / "programs"
_STOP = 30.0  # seconds; they take 1 s, on a busy machine 5


class Program(Server):
    """`with Gunicorn("web:app", environ) as program:`; `options` go to the server's command."""

    cwd = PROGRAMS

    def __init__(self, program: str, environ: Mapping[str, str], *options: str) -> None:
        super().__init__()
        self.program = program
        self.options = options
        self._environ = environ

    def environ(self) -> Mapping[str, str]:
        return {"LOG_LEVEL": "DEBUG", "PYTHONDONTWRITEBYTECODE": "1", **self._environ}

    def send(self, number: signal.Signals) -> None:
        """Send the server's main process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for its end. Its exit status, and all that it wrote."""
        assert self._process is not None
        return self._process.wait(_STOP), self.log()

    def left_running(self) -> bool:
        """Whether a process that it started is still there."""
        assert self._process is not None
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return True


class Gunicorn(Program):
    """A WSGI application under gunicorn."""

    def command(self) -> Sequence[str | os.PathLike[str]]:
        bind = ["--bind", f"127.0.0.1:{self.port}", "--log-level", "debug"]
        return [environment("programs", s2sauth=True) / "gunicorn", *bind, *self.options, self.program]


class Uvicorn(Program):
    """An ASGI application under uvicorn."""

    def command(self) -> Sequence[str | os.PathLike[str]]:
        bind = ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "debug"]
        return [environment("programs", s2sauth=True) / "uvicorn", *bind, *self.options, self.program]


class UWSGI(Program):
    """A WSGI application under uWSGI, which forks its workers in C code."""

    def command(self) -> Sequence[str | os.PathLike[str]]:
        place = ["--http-socket", f"127.0.0.1:{self.port}", "--die-on-term"]
        workers = ["--master", "--processes", "2"]
        uwsgi = environment("programs", s2sauth=True) / "uwsgi"
        return [uwsgi, *place, *workers, *self.options, "--module", self.program]

    def ready(self) -> bool:
        # A request would take a worker's first call away from the test.
        return "spawned uWSGI worker 2" in self.log()


class Celery(Program):
    """Celery's worker, and scripts that send it tasks."""

    def command(self) -> Sequence[str | os.PathLike[str]]:
        return [
            environment("programs", s2sauth=True) / "celery",
            "--app",
            self.program,
            "worker",
            "--loglevel",
            "debug",
            *self.options,
        ]

    def environ(self) -> Mapping[str, str]:
        return {**super().environ(), "CELERY_FOLDER": str(self.folder)}

    def ready(self) -> bool:
        return " ready." in self.log()

    def client(self, script: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a script that sends tasks and waits for their results."""
        return python("-c", script, *arguments, environ=self.environ())


def python(*arguments: str, environ: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start Python where the programs are, with what they import; its output is to be read."""
    return subprocess.Popen(
        [environment("programs", s2sauth=True) / "python", *arguments],
        cwd=PROGRAMS,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
