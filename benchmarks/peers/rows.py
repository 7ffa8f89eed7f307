"""The rows of the table: each puts the peer on its stage through something, and gives a cell."""

import asyncio
import ctypes
import gc
import io
import logging
import os
import resource
import select
import signal
import sys
import tempfile
import threading
import time
import timeit
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from .adapters import another, bare
from .stage import Facts, Outcome, Stage, attempt, in_tasks, in_threads, run_all, stage, staged, summary


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure."""

    shown: str
    number: float | None = None
    """What peers are compared by: less is better. None: not compared."""
    red: bool = False
    """Calls failed though a valid token exists, something leaked or hung, or tokens are bought without bound."""
    spread: tuple[float, float] | None = None
    """Least and most of the rounds."""


LACKS = Cell("–")


def _timed(values: list[float], unit: str, digits: int = 0) -> Cell:
    middle = median(values)
    return Cell(f"{middle:,.{digits}f} {unit}", middle, spread=(min(values), max(values)))


def broken(error: Exception) -> Cell:
    """Of a peer that could not be used in that way: its last line, which has the exception's name."""
    print(error, file=sys.stderr)
    return Cell(f"error: {str(error).strip().splitlines()[-1][:60]}", red=True)


def imports(at: Stage, peer: str) -> float:
    """Milliseconds in a fresh interpreter."""
    code = (
        "import time, sys; sys.path.append('benchmarks'); import benchmarks.peers.adapters; b = time.perf_counter(); "
        f"import benchmarks.peers.adapters.{peer}; print(time.perf_counter() - b)"
    )
    return float(at.python(code)) * 1000


def cold_start(at: Stage, peer: str) -> float:
    """From the start of the process to its first authorised answer, the interpreter's own start included."""
    code = (
        "import os, sys; sys.path.append('benchmarks'); "
        f"from benchmarks.peers.adapters.{peer} import Peer; "
        "assert Peer(dict(os.environ)).get(os.environ['FILES_SERVICE_URL'] + '/files') == 200; os._exit(0)"
    )
    began = time.perf_counter()
    at.python(code)
    return (time.perf_counter() - began) * 1000


def interleaved(once: Callable[[Stage, str], float], peers: list[str], *, ci: bool) -> dict[str, Cell]:
    """A row of milliseconds whose rounds go round the peers, so that a slow moment is everybody's."""
    times: dict[str, list[float]] = {peer: [] for peer in peers}
    failed: dict[str, Cell] = {}
    with stage(ci=ci) as at:
        for peer in peers * (2 if ci else 15):
            try:
                times[peer].append(once(at, peer))
            except Exception as error:  # noqa: BLE001  # one cell does not end the table
                failed[peer] = broken(error)
    return {peer: failed.get(peer) or _timed(found, "ms") for peer, found in times.items()}


def _as_it_is(at: Stage) -> None:
    if hasattr(at.adapter, "FAST"):
        at.adapter.FAST = 1  # the clock that it comes with: no row of seconds


def header(at: Stage, way: str = "header") -> Cell:
    """Microseconds for the Authorization header of one more call, as a text."""
    at.tokens(latency=0)
    _as_it_is(at)
    get, number = getattr(at.peer(), way), 300
    get()
    times = [min(timeit.repeat(get, number=number, repeat=5)) / number * 1e6 for _ in range(at.rounds)]
    return _timed(times, "µs", 2)


def hook(at: Stage) -> Cell:
    """The same, put on a request by the hook that an HTTP client is given."""
    return header(at, "hook") if hasattr(at.adapter.Peer, "hook") else LACKS


def stampede(at: Stage, kind: str, *, tasks: bool) -> Cell:
    """Many callers at once: cold, when a renewal is due, or with an endpoint that is dead."""
    if (tasks and not at.tasks) or (kind == "renewal" and at.adapter.DUE is None):
        return LACKS
    warm = 2.7 if kind == "renewal" else 0
    number = 10 if at.ci else (200 if tasks else 50)
    at.tokens(life=at.adapter.DUE + 1 if warm else 3600, latency=0.1)
    peer = at.peer()

    def ready() -> None:
        at.fake.clear_records()
        if kind == "dead":
            at.fake.fail(503)

    async def awaiting() -> Facts:
        if warm:
            await peer.aget(at.api())
            await asyncio.sleep(warm)
        ready()
        return await in_tasks(lambda: peer.aget(at.api()), number)

    if tasks:
        facts = asyncio.run(awaiting())
    else:
        if warm:
            peer.get(at.api())
            time.sleep(warm)
        ready()
        facts = in_threads(lambda: peer.get(at.api()), number)
    bought, failed = at.requests, facts["failed"] if kind != "dead" else 0
    shown = f"{bought}; {facts['p99']:.1f} s"
    shown += f"; {failed} failed" * bool(failed) + f"; {facts['stuck']} stuck" * bool(facts["stuck"])
    return Cell(shown, bought, red=bool(facts["stuck"] or failed))


def load(at: Stage, seconds: float, timeline: Mapping[float, Callable[[], object]]) -> Facts:
    """Eight threads call, 20 ms apart in each; `timeline` has seconds after the start and what then happens."""
    peer = at.peer()
    peer.get(at.api())
    outcomes: list[Outcome] = []
    began = time.monotonic()

    def run() -> None:
        while time.monotonic() < began + seconds:
            outcomes.append(attempt(lambda: peer.get(at.api())))
            time.sleep(0.02)

    def meanwhile() -> None:
        for after, happens in timeline.items():
            time.sleep(max(0.0, began + after - time.monotonic()))
            happens()

    alive = run_all([run] * 8, seconds + 10, meanwhile)
    facts = summary(list(outcomes), len(outcomes) + alive)
    slow = sum(taken > 0.1 for _, taken, _ in outcomes)
    return {"calls": len(outcomes), "slow": slow, "bad": facts["failed"] + facts["stuck"]}


def expiries(at: Stage) -> Cell:
    """Calls while a token comes due every 1.5 s."""
    if at.adapter.DUE is None:
        return LACKS
    at.tokens(life=at.adapter.DUE + 1.5, latency=0.3)
    facts = load(at, 2 if at.ci else 6, {})
    return Cell(f"{facts['bad']}; {facts['slow']} slow; {at.requests} tokens", facts["bad"], red=facts["bad"] > 0)


def outage(at: Stage) -> Cell:
    """The token comes due 1 s after it was got, the endpoint answers 503 from 0.2 s to 3.2 s, and the token is good
    throughout."""
    if at.adapter.DUE is None:
        return LACKS
    at.tokens(life=at.adapter.DUE + 1, latency=0.02)
    timeline = {0.2: lambda: at.fake.fail(503), (2.0 if at.ci else 3.2): at.fake.recover}
    facts = load(at, 2.5 if at.ci else 5, timeline)
    return Cell(f"{facts['bad']} of {facts['calls']}", facts["bad"], red=facts["bad"] > 0)


def revocation(at: Stage) -> Cell:
    """Three calls after the token was revoked, 2 s old with 10 s before its renewal: s2sauth leaves younger ones be."""
    at.tokens(life=3600 if at.adapter.DUE is None else at.adapter.DUE + 10)
    if hasattr(at.adapter, "RENEW_AT"):
        at.adapter.RENEW_AT = 0.75  # the default: a renewal that happens to fall into the wait would be another matter
    peer = at.peer()
    peer.get(at.api())
    time.sleep(2)
    at.fake.revoke()
    good = [attempt(lambda: peer.get(at.api()))[0] for _ in range(3)]
    return Cell("yes" if good[0] else "later" if good[-1] else "no", -float(sum(good)))


def always_401(at: Stage) -> Cell:
    """Tokens bought for 20 calls to an API that refuses every token."""
    at.tokens(latency=0)
    peer = at.peer()
    at.fake.api_answer(401)
    for _ in range(20):
        attempt(lambda: peer.get(at.api()))
    return Cell(str(at.requests), at.requests, red=at.requests >= 20)


def loops(at: Stage, *, both: bool) -> Cell:
    """The same object in a second event loop, or in two at once, with a token to get in each."""
    if not at.tasks or at.adapter.DUE is None:
        return LACKS
    number = 10
    at.tokens(life=3600 if both else at.adapter.DUE + 0.2)
    peer = at.peer()
    found: list[Facts] = []

    def run() -> None:
        found.append(asyncio.run(in_tasks(lambda: peer.aget(at.api()), number, 8)))

    if both:
        run_all([run] * 2, 10)
    else:
        asyncio.run(in_tasks(lambda: peer.aget(at.api()), number))
        time.sleep(2.4)
        run()
    expected = 2 if both else 1
    stuck = sum(one["stuck"] for one in found) + number * (expected - len(found))
    bad = stuck + sum(one["failed"] for one in found)
    what = "hangs" if stuck else ", ".join(sorted({why for one in found for why in one["why"]}))
    return Cell(f"{bad} of {number * expected}: {what}" if bad else "ok", bad, red=bad > 0)


def fork(at: Stage) -> Cell:
    """A child forked while a thread gets a token: whether it gets one too, within 4 s."""
    at.tokens(latency=0.5)
    peer = at.peer()
    threading.Thread(target=lambda: attempt(peer.header), daemon=True).start()
    at.fake.wait_for_token_requests()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        good, _, why = attempt(peer.header)
        os.write(writing, b"ok" if good else why.encode())
        os._exit(0)
    outcome = os.read(reading, 200).decode() if select.select([reading], [], [], 4)[0] else "hangs"
    os.kill(child, signal.SIGKILL)
    return Cell(outcome, float(outcome != "ok"), red=outcome != "ok")


def origins(at: Stage) -> list[Cell]:
    """A call to another host, then one that the API redirects there, with a token in hand."""

    def leaked() -> Cell:
        found = any(one.header("authorization") is not None for one in at.foreign.api_requests)
        at.foreign.clear_records()
        return Cell("leaks" if found else "no", float(found), red=found)

    elsewhere = at.foreign.api_url + "/files"
    peer = at.peer()
    peer.get(at.api())
    attempt(lambda: peer.get(elsewhere))
    cells = [leaked()]
    at.fake.api_answer(302, headers=[("Location", elsewhere)])
    attempt(lambda: peer.get(at.api()))
    return [*cells, leaked()]


TOKEN = "sentinel-token-4711"
ANSWERS: dict[str, Any] = {
    "no access_token": {"token_type": "Bearer", "expires_in": 3600},
    "empty access_token": {"access_token": "", "token_type": "Bearer", "expires_in": 3600},
    "access_token null": {"access_token": None, "token_type": "Bearer", "expires_in": 3600},
    "access_token a number": {"access_token": 4711, "token_type": "Bearer", "expires_in": 3600},
    "line break in the token": {"access_token": TOKEN + "\r\nX: 1", "token_type": "Bearer", "expires_in": 3600},
    "another token_type": {"access_token": TOKEN, "token_type": "mac", "expires_in": 3600},
    "expires_in negative": {"access_token": TOKEN, "token_type": "Bearer", "expires_in": -1},
    "expires_in a text": {"access_token": TOKEN, "token_type": "Bearer", "expires_in": "soon"},
    "a list": [TOKEN],
    "HTML with 200": b"<html>maintenance</html>",
    "cut JSON": b'{"access_token": "' + TOKEN.encode(),
    "an error with 200": {"error": "invalid_client"},
}


def first_header(at: Stage, look: Callable[[str, str], object]) -> str:
    """What a new object hands out, or the name of its error; `look` is told what can be read where."""
    peer, found = at.peer(), ["hangs"]

    def run() -> None:
        try:
            found[0] = f"handed out {peer.header()[:60]!r}"
        except Exception as error:  # noqa: BLE001  # any peer's
            found[0] = type(error).__name__
            look("exception", repr(error) + "".join(traceback.format_exception(error)))

    outcome = "hangs" if run_all([run], 9) else found[0]
    for thing in [peer, *(one for one in vars(peer).values() if not isinstance(one, dict))]:
        look("repr", repr(thing) + str(thing))
    if getattr(sys.modules.get("hand_written"), "forget", None):
        sys.modules["hand_written"].forget()
    return outcome


def nobody_looks(*_: str) -> None:
    """For a row about something else."""


def moved(at: Stage) -> Cell:
    """The token endpoint answers 307 to another host."""
    at.fake.redirect(at.foreign.token_url, 307)
    first_header(at, nobody_looks)
    reached, secret = at.foreign.token_requests, at.fake.client_secret
    told = any(secret.encode() in one.body or one.header("authorization") for one in reached)
    return Cell("secret leaks" if told else "follows" if reached else "no", float(bool(reached)), red=told)


def bad_answers(at: Stage) -> list[Cell]:
    """How many of twelve were handed out as a header; where the secret or a token could be read."""
    at.tokens(latency=0)
    log = io.StringIO()
    logging.basicConfig(level=logging.DEBUG, stream=log, force=True)
    secrets = {at.fake.client_secret: "secret", TOKEN: "token"}
    leaks: set[str] = set()
    outcomes: list[str] = []

    def look(where: str, text: str) -> None:
        leaks.update(f"{where}: {kind}" for one, kind in secrets.items() if one in text)

    for answer in ANSWERS.values():
        at.fake.answer_json(answer)
        outcomes.append(first_header(at, look))
    look("log", log.getvalue())
    handed, hung = sum(one.startswith("handed out") for one in outcomes), outcomes.count("hangs")
    return [
        Cell(f"{handed}" + (f"; {hung} hang" if hung else ""), handed, red=hung > 0),
        Cell(", ".join(sorted(leaks)) or "no", len(leaks), red=bool(leaks)),
    ]


def fleet(at: Stage) -> Cell:
    """Tokens for 20 processes that start together, and live on as a service does; s2sauth with a store in a file."""
    number = 4 if at.ci else 20
    at.tokens(latency=0.1)
    with tempfile.TemporaryDirectory(prefix="s2sauth-") as folder:
        if hasattr(at.adapter, "STORE"):
            at.adapter.STORE = f"sqlite:///{Path(folder, 'tokens.db')}"
        (begins, start), (told, telling), (ends, end) = (os.pipe() for _ in range(3))
        children: list[int] = []
        for _ in range(number):
            children.append(os.fork())
            if children[-1] == 0:
                os.close(start)
                os.close(end)
                os.read(begins, 1)  # until the parent closes its end
                good = attempt(lambda: at.peer().get(at.api()))[0]
                os.write(telling, b"1" if good else b"0")
                os.read(ends, 1)
                os._exit(0)
        os.close(start)
        served = sum(os.read(told, 1) == b"1" for _ in range(number))
        os.close(end)
        for child in children:
            os.waitpid(child, 0)
    failed = number - served
    return Cell(f"{at.requests}" + (f"; {failed} failed" if failed else ""), at.requests, red=failed > 0)


SCOPE_SETS = 10_000
SCOPES = ("demo/first", "demo/second", *(f"demo/{n}" for n in range(SCOPE_SETS)))


def held() -> float:
    """KiB of this process's memory, after what is free has gone back."""
    gc.collect()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc's
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1024


def memory(at: Stage) -> Cell:
    """KiB of resident memory for each object that gets and keeps a token, with all that it needs for the next one.

    The imports are done, and the first ones made.
    """
    if at.name == "hand_lines":
        return LACKS
    _as_it_is(at)
    number, kept = 4 if at.ci else 12, list[Any]()

    def grown() -> float:
        before = held()
        for _ in range(number):
            peer = at.peer(f"demo/{len(kept)}")
            peer.header()
            kept.append(bare(peer, at.name))
        return (held() - before) / number

    return _timed([grown() for _ in range(at.rounds + 1)][1:], "KiB")


def scope_sets(at: Stage) -> Cell:
    """MiB for 10,000 scope sets. s2sauth, which is bounded, gets all of them; others keep each, and get a part."""
    if at.name == "hand_lines":
        return LACKS
    rounds, number = at.rounds + 1, 10 if at.ci else 30
    if at.name == "s2s":
        rounds, number = (2, 300) if at.ci else (20, SCOPE_SETS // 20)
    sizes, _ = sizes_of(at, rounds, number)
    if at.name == "s2s":
        cell = _timed([one / 1024 for one in sizes[-at.rounds :]], "MiB", 1)
        return replace(cell, shown=f"{cell.shown}; 256 kept")
    each = [(after - before) / number for before, after in pairwise(sizes)]
    cell = _timed([max(0.0, one) * SCOPE_SETS / 1024 for one in each], "MiB", 0)
    return replace(cell, shown=f"≈ {cell.shown}")


def sizes_of(at: Stage, rounds: int, number: int) -> tuple[list[float], list[object]]:
    """KiB that have come since the first token, after each round of so many further scope sets; and what was kept."""
    _as_it_is(at)
    environ = dict(os.environ)
    peer = at.peer("demo/first")
    peer.header()
    another(at.name, peer, environ, "demo/second")
    before, sizes, kept = held(), list[float](), list[object]()
    for n in range(rounds):
        kept += [another(at.name, peer, environ, f"demo/{n * number + one}") for one in range(number)]
        sizes.append(held() - before)
    return sizes, kept


TIMED = {"Import": imports, "Cold start to the first authorised answer": cold_start}
"""Rows whose rounds go round the peers."""
ROWS: dict[tuple[str, ...], Callable[[Stage], Cell | list[Cell]]] = {
    ("A call's header, token in hand",): header,
    ("A client's hook on a request, token in hand",): hook,
    ("50 threads, cold: token requests; p99",): partial(stampede, kind="cold", tasks=False),
    ("50 threads, renewal due",): partial(stampede, kind="renewal", tasks=False),
    ("50 threads, endpoint answers 503",): partial(stampede, kind="dead", tasks=False),
    ("200 tasks, cold",): partial(stampede, kind="cold", tasks=True),
    ("200 tasks, renewal due",): partial(stampede, kind="renewal", tasks=True),
    ("200 tasks, endpoint answers 503",): partial(stampede, kind="dead", tasks=True),
    ("Calls through renewals: failed; over 100 ms",): expiries,
    ("Endpoint down 3 s, token good: failed calls",): outage,
    ("Token revoked: the next call gets 200",): revocation,
    ("API always says 401: tokens for 20 calls",): always_401,
    ("A second event loop",): partial(loops, both=False),
    ("Two event loops at once",): partial(loops, both=True),
    ("Child forked while a token is fetched",): fork,
    ("Token sent to a foreign host", "Token sent on after a redirect"): origins,
    ("Token endpoint redirects with 307",): moved,
    ("Bad answers handed out, of twelve", "Secret or token in repr, error or log"): bad_answers,
    ("20 processes start: token requests",): fleet,
    ("Memory per object with its token",): memory,
    ("Memory for 10,000 scope sets",): scope_sets,
}


def cells(names: tuple[str, ...], peer: str, *, ci: bool) -> list[Cell]:
    """Those of one peer in these rows, which one work gives."""
    row = ROWS[names]
    scopes = SCOPES if row in (memory, scope_sets) else ()
    try:
        found = staged(row, peer, ci=ci, limit=300 if scopes else 150, scopes=scopes)
    except Exception as error:  # noqa: BLE001  # one cell does not end the table
        return [broken(error)] * len(names)
    return found if isinstance(found, list) else [found]
