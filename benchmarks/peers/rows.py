"""The rows of the table: each takes a world and a peer, and gives a cell."""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from .world import World, world


@dataclass(frozen=True, slots=True)
class Peer:
    """One of those that are compared."""

    name: str
    """The adapter's."""
    due: float | None
    tasks: bool
    hook: bool
    ci: bool

    def life(self, fresh: float) -> float:
        """The life of a token that this peer renews after so many seconds."""
        assert self.due is not None
        return self.due + fresh


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
Row = Callable[[World, Peer], Cell]


def _timed(values: list[float], unit: str, digits: int = 0) -> Cell:
    middle = median(values)
    return Cell(f"{middle:,.{digits}f} {unit}", middle, spread=(min(values), max(values)))


def _rounds(peer: Peer) -> int:
    return 2 if peer.ci else 7


def broken(error: Exception) -> Cell:
    """Of a peer that could not be used in that way: its last line, which has the exception's name."""
    print(error, file=sys.stderr)
    return Cell(f"error: {str(error).strip().splitlines()[-1][:60]}", red=True)


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A row of milliseconds whose rounds go round the peers, so that a slow moment is everybody's."""

    once: Callable[[World, Peer], float]

    def __call__(self, world: World, peers: list[Peer]) -> dict[str, Cell]:
        """The cells by the name of the peer."""
        times: dict[str, list[float]] = {peer.name: [] for peer in peers}
        failed: dict[str, Cell] = {}
        for peer in peers * (2 if peers[0].ci else 15):
            try:
                times[peer.name].append(self.once(world, peer))
            except Exception as error:  # noqa: BLE001  # one cell does not end the table
                failed[peer.name] = broken(error)
        return {name: failed.get(name) or _timed(found, "ms") for name, found in times.items()}


def imports(world: World, peer: Peer) -> float:
    """In a fresh interpreter."""
    code = (
        "import time, sys; sys.path.append('benchmarks'); import benchmarks.peers.adapters; b = time.perf_counter(); "
        f"import benchmarks.peers.adapters.{peer.name}; print(time.perf_counter() - b)"
    )
    return float(world.python(code)) * 1000


def cold_start(world: World, peer: Peer) -> float:
    """From the start of the process to its first authorised answer, the interpreter's own start included."""
    code = (
        "import os, sys; sys.path.append('benchmarks'); "
        f"from benchmarks.peers.adapters.{peer.name} import Peer; "
        "assert Peer(dict(os.environ)).get(os.environ['FILES_SERVICE_URL'] + '/files') == 200; os._exit(0)"
    )
    began = time.perf_counter()
    world.python(code)
    return (time.perf_counter() - began) * 1000


def header(world: World, peer: Peer) -> Cell:
    """The Authorization header of one more call, as a text."""
    world.fresh(latency=0)
    return _timed(world.run(peer.name, "hot", rounds=_rounds(peer), way="header"), "µs", 2)


def hook(world: World, peer: Peer) -> Cell:
    """The same, put on a request by the hook that an HTTP client is given."""
    if not peer.hook:
        return LACKS
    world.fresh(latency=0)
    return _timed(world.run(peer.name, "hot", rounds=_rounds(peer), way="hook"), "µs", 2)


def _stampede(kind: str, *, tasks: bool) -> Row:
    def row(world: World, peer: Peer) -> Cell:
        if (tasks and not peer.tasks) or (kind == "renewal" and peer.due is None):
            return LACKS
        warm = 2.7 if kind == "renewal" else 0
        world.fresh(life=peer.life(1) if warm else 3600, latency=0.1)

        def ready() -> None:
            world.fake.clear_records()
            if kind == "dead":
                world.fake.fail(503)

        number = 10 if peer.ci else (200 if tasks else 50)
        facts = world.run(peer.name, "stampede", {"ready": ready}, number=number, tasks=tasks, warm=warm)
        bought = world.requests
        shown = f"{bought}; {facts['p99']:.1f} s"
        if kind != "dead" and facts["failed"]:
            shown += f"; {facts['failed']} failed"
        if facts["stuck"]:
            shown += f"; {facts['stuck']} stuck"
        return Cell(shown, bought, red=bool(facts["stuck"] or (kind != "dead" and facts["failed"])))

    return row


def expiries(world: World, peer: Peer) -> Cell:
    """Eight threads while a token comes due every 1.5 s."""
    if peer.due is None:
        return LACKS
    world.fresh(life=peer.life(1.5), latency=0.3)
    facts = world.run(peer.name, "load", seconds=2 if peer.ci else 6, callers=8, timeline={})
    bad = facts["failed"] + facts["stuck"]
    return Cell(f"{bad}; {facts['slow']} slow; {world.requests} tokens", bad, red=bad > 0)


def outage(world: World, peer: Peer) -> Cell:
    """Eight threads; the token comes due 1 s after it was got, the endpoint answers 503 from 0.2 s to 3.2 s, and the
    token is good throughout."""
    if peer.due is None:
        return LACKS
    world.fresh(life=peer.life(1), latency=0.02)
    steps = {"0.2": "fail", ("2.0" if peer.ci else "3.2"): "recover"}
    does = {"fail": lambda: world.fake.fail(503), "recover": world.fake.recover}
    facts = world.run(peer.name, "load", does, seconds=2.5 if peer.ci else 5, callers=8, timeline=steps)
    bad = facts["failed"] + facts["stuck"]
    return Cell(f"{bad} of {facts['calls']}", bad, red=bad > 0)


def revocation(world: World, peer: Peer) -> Cell:
    """Three calls after the token was revoked, 2 s old with 10 s before its renewal: s2sauth leaves younger ones be."""
    world.fresh(life=3600 if peer.due is None else peer.life(10))

    def revoke() -> None:
        time.sleep(2)
        world.fake.revoke()

    answers = world.run(peer.name, "revocation", {"revoke": revoke})
    healed = answers[-1] == "200"
    return Cell("yes" if answers[0] == "200" else "later" if healed else "no", answers.count("200") * -1.0)


def always_401(world: World, peer: Peer) -> Cell:
    """Tokens bought for 20 calls."""
    world.fresh(latency=0)
    world.run(peer.name, "always_401", {"refuse": lambda: world.fake.api_answer(401)}, calls=20)
    return Cell(str(world.requests), world.requests, red=world.requests >= 20)


def _loops(*, both: bool) -> Row:
    def row(world: World, peer: Peer) -> Cell:
        if not peer.tasks or peer.due is None:
            return LACKS
        world.fresh(life=peer.life(0.2) if not both else 3600)
        expire = {"expire": lambda: time.sleep(2.4)}
        facts = world.run(peer.name, "loops", expire, number=10, both=both)
        bad = facts["failed"] + facts["stuck"]
        what = "hangs" if facts["stuck"] else ", ".join(facts["why"])
        return Cell(f"{bad} of {20 if both else 10}: {what}" if bad else "ok", bad, red=bad > 0)

    return row


def fork(world: World, peer: Peer) -> Cell:
    """The child's fetch."""
    world.fresh(latency=0.5)
    outcome = world.run(peer.name, "fork", {"in flight": world.fake.wait_for_token_requests})
    return Cell(outcome, float(outcome != "ok"), red=outcome != "ok")


def _origin(kind: str) -> Row:
    def row(world: World, peer: Peer) -> Cell:
        world.fresh()
        to = world.foreign.api_url
        seen: list[int] = []

        def redirect() -> None:
            seen.append(sum(one.header("authorization") is not None for one in world.foreign.api_requests))
            world.foreign.clear_records()
            world.fake.api_answer(302, headers=[("Location", to + "/files")])

        world.run(peer.name, "origins", {"redirect": redirect}, foreign=to)
        later = sum(one.header("authorization") is not None for one in world.foreign.api_requests)
        leaked = seen[0] if kind == "foreign" else later
        return Cell("leaks" if leaked else "no", float(leaked > 0), red=leaked > 0)

    return row


def moved(world: World, peer: Peer) -> Cell:
    """The token endpoint answers 307 to another host."""
    world.fresh()
    world.fake.redirect(world.foreign.token_url, 307)
    world.run(peer.name, "bad_answers", kinds=["307"], secrets=[world.fake.client_secret])
    secret = world.fake.client_secret
    reached = world.foreign.token_requests
    told = any(secret.encode() in one.body or one.header("authorization") for one in reached)
    return Cell("secret leaks" if told else "follows" if reached else "no", float(bool(reached)), red=told)


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
_CACHE: dict[str, Any] = {}


def _bad(world: World, peer: Peer) -> Any:
    if peer.name not in _CACHE:
        world.fresh(latency=0)
        steps = {kind: (lambda value=value: world.fake.answer_json(value)) for kind, value in ANSWERS.items()}
        secrets = [world.fake.client_secret, TOKEN]
        _CACHE[peer.name] = world.run(peer.name, "bad_answers", steps, limit=150, kinds=list(ANSWERS), secrets=secrets)
    return _CACHE[peer.name]


def bad_answers(world: World, peer: Peer) -> Cell:
    """How many of twelve were handed out as a header."""
    outcomes: dict[str, str] = _bad(world, peer)["outcomes"]
    handed = [kind for kind, found in outcomes.items() if found.startswith("handed out")]
    hung = sum(found == "hangs" for found in outcomes.values())
    return Cell(f"{len(handed)}" + (f"; {hung} hang" if hung else ""), len(handed), red=hung > 0)


def leaks(world: World, peer: Peer) -> Cell:
    """Where the secret or a token could be read."""
    found = _bad(world, peer)["leaks"]
    return Cell(", ".join(found) or "no", len(found), red=bool(found))


def fleet(world: World, peer: Peer) -> Cell:
    """Tokens for 20 processes that start together; s2sauth with a store in a file."""
    number = 4 if peer.ci else 20
    world.fresh(latency=0.1)
    with tempfile.TemporaryDirectory(prefix="s2sauth-") as folder:
        store = f"sqlite:///{Path(folder, 'tokens.db')}"
        served = world.run(peer.name, "fleet", processes=number, store=store)
    return Cell(
        f"{world.requests}" + (f"; {number - served} failed" if served < number else ""),
        world.requests,
        red=served < number,
    )


SCOPE_SETS = 10_000


def _with_scopes(peer: Peer, work: str, *, rounds: int, number: int) -> list[float]:
    names = ["demo/first", "demo/second", *(f"demo/{n}" for n in range(max(SCOPE_SETS, rounds * number)))]
    with world(names) as place:
        place.environ["COGNITO_SCOPES"] = "demo/first"
        found: list[float] = place.run(peer.name, work, limit=300, rounds=rounds, number=number)
        return found


def memory(world: World, peer: Peer) -> Cell:
    """KiB of resident memory for each object that gets and keeps a token, with all that it needs for the next one."""
    del world  # one with other scopes is needed
    if peer.name == "hand_lines":
        return LACKS
    return _timed(_with_scopes(peer, "clients", rounds=_rounds(peer), number=4 if peer.ci else 12), "KiB")


def scope_sets(world: World, peer: Peer) -> Cell:
    """MiB for 10,000 scope sets. s2sauth, which is bounded, gets all of them; others keep each, and get a part."""
    del world
    if peer.name == "hand_lines":
        return LACKS
    rounds = _rounds(peer)
    if peer.name == "s2s":
        number = 300 if peer.ci else SCOPE_SETS // 20
        sizes = _with_scopes(peer, "scope_sets", rounds=2 if peer.ci else 20, number=number)
        last = [one / 1024 for one in sizes[-rounds:]]
        cell = _timed(last, "MiB", 1)
        return replace(cell, shown=f"{cell.shown}; 256 kept")
    number = 10 if peer.ci else 30
    sizes = _with_scopes(peer, "scope_sets", rounds=rounds + 1, number=number)
    each = [(after - before) / number for before, after in pairwise(sizes)]
    cell = _timed([max(0.0, one) * SCOPE_SETS / 1024 for one in each], "MiB", 0)
    return replace(cell, shown=f"≈ {cell.shown}")


ROWS: dict[str, Row | Interleaved] = {
    "Import": Interleaved(imports),
    "Cold start to the first authorised answer": Interleaved(cold_start),
    "A call's header, token in hand": header,
    "A client's hook on a request, token in hand": hook,
    "50 threads, cold: token requests; p99": _stampede("cold", tasks=False),
    "50 threads, renewal due": _stampede("renewal", tasks=False),
    "50 threads, endpoint answers 503": _stampede("dead", tasks=False),
    "200 tasks, cold": _stampede("cold", tasks=True),
    "200 tasks, renewal due": _stampede("renewal", tasks=True),
    "200 tasks, endpoint answers 503": _stampede("dead", tasks=True),
    "Calls through renewals: failed; over 100 ms": expiries,
    "Endpoint down 3 s, token good: failed calls": outage,
    "Token revoked: the next call gets 200": revocation,
    "API always says 401: tokens for 20 calls": always_401,
    "A second event loop": _loops(both=False),
    "Two event loops at once": _loops(both=True),
    "Child forked while a token is fetched": fork,
    "Token sent to a foreign host": _origin("foreign"),
    "Token sent on after a redirect": _origin("redirect"),
    "Token endpoint redirects with 307": moved,
    "Bad answers handed out, of twelve": bad_answers,
    "Secret or token in repr, error or log": leaks,
    "20 processes start: token requests": fleet,
    "Memory per object with its token": memory,
    "Memory for 10,000 scope sets": scope_sets,
}
