"""The model: one service's life with its credentials, in any order, and what must hold after every step.

Callers are threads, asyncio tasks and trio tasks. There are five keys: three scope sets of one credentials object, two
of another that differs in its client metadata alone. Requests go through the real hook to the fake's API, so "on the
wire" is what the API received. The fake tells time by a clock of its own, the true one; the client's may be wrong.

After every step:

- No dead token reached the API, unless every clock of the client missed a part of the token's life (the wall clock was
  set back *and* the boot clock stood still), or the answer itself claimed a longer life than the token had. Nor was
  one handed out whose age, by the larger of what the two clocks say, was past its use.
- No token reached the API, or a caller, but one that was issued for the caller's own key.
- One flight at a time for a key; two only when one has outlived its deadline.
- Every token request has its reason in the design's table: the schedule, the pause after a failure, the budget of
  forced renewals (tests/model/ledger.py). A step of the client's clock counts as time, as it does for the client.
- Every call ended once its deadline was over by the injected clock, and soon by the machine's.
- Nobody was refused while a token was in hand; only errors of ours came out; after `close()` only CredentialsClosed.
- No request reached the API more than twice, and the second time only after a 401.

At the end the endpoint recovers, and every key gets a live token within a minute.

What the model cannot blame: which of two reasons a flight had, when there were two; chance is drawn once per example
and is never below a tenth; a caller's task that waits by its loop's own timer is given real time to notice.
"""

import os

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.model.ledger import LEAST_CHANCE, TINY
from tests.model.service import KEYS, LAMBDA, METADATA, READ, Service
from tests.support.forking import in_child
from tests.support.worlds import WORLDS, World

OUTAGES = ["503", "503 later", "429", "429 soon", "429 late", "throttled", "garbage", "reset", "refuse"]
REFUSALS = ["html", "empty", "list", "redirect", "invalid_client", "invalid_scope", "dead"]

keys = st.sampled_from(range(len(KEYS)))
worlds = st.sampled_from(WORLDS)
some = st.sampled_from([1, 1, 2, 4])
times = st.sampled_from([1, 2, 5, None])
seconds = st.sampled_from([0.04, 0.3, 1.0, 2.5, 5.0, 9.0, 31.0, 61.0, 200.0, 230.0, 300.0, 3000.0]) | st.floats(0, 400)


class Life(Service, RuleBasedStateMachine):
    """See the module."""

    # Callers

    @initialize(chance=st.sampled_from([LEAST_CHANCE, 0.5, 0.99]), offset=st.sampled_from([0.0, 0.0, 600.0, -600.0]))
    def begin(self, chance: float, offset: float) -> None:
        """Chance, and how wrong the server's clock is."""
        self.clock.set_random(chance)
        self.offset = offset
        self.fake.set_clock_offset(offset)

    @rule(world=worlds, key=keys, n=some, path=st.sampled_from(["/x", "/x", "/files"]))
    def send(self, world: World, key: int, n: int, path: str) -> None:
        """So many callers send a request to the API."""
        self.make_room()
        self.crowd.start(world, [self.job(key, path) for _ in range(n)])
        self.look()

    @rule(world=worlds, key=keys, n=some, timeout=st.sampled_from([None, None, 0, 0.05, 0.3]))
    def ask(self, world: World, key: int, n: int, timeout: float | None) -> None:
        """So many callers ask for a token."""
        self.make_room()
        self.crowd.start(world, [self.job(key, timeout=timeout) for _ in range(n)])
        self.look()

    @rule(
        key=keys,
        calls=st.lists(
            st.tuples(seconds, worlds, st.sampled_from([None, "/x", "/x", "/files"])), min_size=3, max_size=8
        ),
    )
    def traffic(self, key: int, calls: list[tuple[float, World, str | None]]) -> None:
        """Calls one after another, with time between them."""
        for seconds, world, path in calls:
            self.make_room()
            self.crowd.start(world, [self.job(key, path)])
            self.look()
            self.let_pass(seconds)

    @rule(
        key=keys,
        gaps=st.lists(st.sampled_from([5.0, 31.0, 31.0, 45.0, 61.0, 125.0]), min_size=3, max_size=8),
        world=worlds,
    )
    def rejected(self, key: int, gaps: list[float], world: World) -> None:
        """The same, while the API rejects every token."""
        self.fake.api_answer(401)
        self.traffic(key, [(seconds, world, "/x") for seconds in gaps])
        self.fake.recover_api()

    @rule(
        key=keys,
        kind=st.sampled_from(OUTAGES),
        left=st.sampled_from([60.0, 20.0, 3.0]),
        gaps=st.lists(st.sampled_from([0.04, 0.3, 1.0, 2.5, 5.0, 9.0]), min_size=3, max_size=8),
        world=worlds,
    )
    def outage(self, key: int, kind: str, left: float, gaps: list[float], world: World) -> None:
        """The same, while the endpoint is down, from when the token is good for so many seconds."""
        self.traffic(key, [(0.0, world, None)])
        token = self.ledger.book(self.keys[key]).token
        if token is not None:
            self.let_pass(max(0.0, token.usable_left(self.stage.now()) - left))
        self.answers(kind, None)
        self.traffic(key, [(seconds, world, None) for seconds in gaps])
        self.fake.recover()

    @rule(key=keys, then=st.sampled_from(["release", "close", "fork"]), after=st.sampled_from([1.0, 5.0]), world=worlds)
    def in_flight(self, key: int, then: str, after: float, world: World) -> None:
        """Two callers wait for an answer that is late; then something happens; then the token comes to its end."""
        self.fake.recover()
        self.release()
        token = self.ledger.book(self.keys[key]).token
        self.let_pass(61.0 if token is None else max(61.0, token.usable_left(self.stage.now())))
        self.hold(1)
        self.ask(world, key, 2, None)
        self.let_pass(after)
        if then == "close":
            self.close(0 if key < 3 else 1, then_new=True)
        elif then == "fork":
            self.fork(key, None)
        self.release()
        token = self.ledger.book(self.keys[key]).token
        if token is not None:
            self.let_pass(max(0.0, token.usable_left(self.stage.now()) + 0.2))
        self.send(world, key, 1, "/x")

    @rule(worlds=st.tuples(worlds, worlds), n=some, path=st.sampled_from([None, "/x"]))
    def rush(self, worlds: tuple[World, World], n: int, path: str | None) -> None:
        """Callers of every key, in two worlds at once."""
        self.make_room()
        for world in worlds:
            self.crowd.start(
                world, [self.job(key, path) for key in range(len(self.keys)) for _ in range(n)], wait=False
            )
        self.crowd.settle()
        self.look()

    @rule(which=st.integers(0, 20))
    def cancel(self, which: int) -> None:
        """One of the tasks that wait is cancelled."""
        self.crowd.cancel(which)
        self.look()

    @rule(key=keys)
    def invalidate(self, key: int) -> None:
        """Somebody distrusts the latest token."""
        token = self.ledger.book(self.keys[key]).token
        if token is not None:
            self.views[key].invalidate(token.value)

    @rule(key=keys, path=st.sampled_from([None, "/x"]))
    def fork(self, key: int, path: str | None) -> None:
        """A forked child asks, or sends, and reports; whatever waits in the parent goes on waiting."""
        if not (self.fake._endpoint._gate.is_set() or self.fake._endpoint._to_hold == 0):
            return  # the child's own request would be held back, too
        wrong, handed = in_child(lambda: self.be_the_child(key, path))
        for token, at, reasons in handed:
            issued = self.fake._pool.find(token)
            assert issued is not None
            end = issued.expires_at - self.offset
            if end <= at - TINY and not any(fooled or believed_end > end + TINY for fooled, believed_end in reasons):
                wrong.append("the child had a dead token")
            if self.keys[key][1] and not set(issued.scopes) <= set(self.keys[key][1].split()):
                wrong.append("the child had a token of another key")
        assert not wrong, "\n".join(wrong)
        self.look()

    # Time

    @rule(seconds=seconds)
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.let_pass(seconds)

    @rule()
    def run_on(self) -> None:
        """Time passes until somebody's wait or pause is over."""
        due = [sleeper.due for sleeper in self.clock._sleepers]
        if due:
            self.let_pass(max(0.0, min(due) - self.clock.boottime()))

    @rule(seconds=seconds)
    def suspend(self, seconds: float) -> None:
        """The machine sleeps."""
        self.true.seconds += seconds
        self.clock.suspend(seconds)
        self.after_time()

    @rule(
        seconds=st.sampled_from([-86400.0, -3600.0, -100.0, -5.0, 5.0, 100.0, 3600.0, 86400.0]) | st.floats(-400, 400)
    )
    def step(self, seconds: float) -> None:
        """NTP corrects the wall clock, or spoils it."""
        self.clock.step_wall(seconds)
        self.after_time()

    @rule(seconds=seconds)
    def restore(self, seconds: float) -> None:
        """A snapshot is restored: time has passed that only the wall clock saw."""
        self.true.seconds += seconds
        self.clock.step_wall(seconds)
        self.after_time()

    # The endpoint

    @rule(
        kind=st.sampled_from(OUTAGES + REFUSALS),
        times=times,
    )
    def answers(self, kind: str, times: int | None) -> None:
        """The endpoint answers otherwise from now on."""
        fake, later = self.fake, {"429 soon": "2", "429 late": "20", "503 later": "1"}.get(kind)
        headers = () if later is None else (("Retry-After", later),)
        match kind:
            case "503" | "503 later":
                fake.fail(503, times=times, headers=headers)
            case "429" | "429 soon" | "429 late":
                fake.fail(429, times=times, headers=headers)
            case "throttled":
                fake.answer_json({"__type": "TooManyRequestsException"}, 400, times=times)
            case "html":
                fake.fail(403, times=times, body=b"<html>blocked</html>")
            case "garbage":
                fake.answer(b"\x16\x03\x01 this is no HTTP\r\n\r\n", times=times)
            case "empty":
                fake.fail(200, times=times)
            case "list":
                fake.answer_json([], times=times)
            case "redirect":
                fake.redirect(fake.api_url, times=times)
            case "dead":
                fake.answer_json({"access_token": "e30.e30.e30", "token_type": "Bearer", "expires_in": 0}, times=times)
            case "reset":
                fake.reset(times=times)
            case "refuse":
                fake.refuse()
            case _:
                fake.answer_json({"error": kind}, 400, times=times)

    @rule()
    def recover(self) -> None:
        """It answers as Cognito does."""
        self.fake.recover()

    @rule(life=st.sampled_from([5, 60, 300, 300, 3600, 86400]))
    def life(self, life: int) -> None:
        """Tokens live so long from now on."""
        self.fake.set_expires_in(life)

    @rule(kind=st.sampled_from(["no exp", "no iat", "no Date", "no expires_in", "repeated", "narrowed"]))
    def tokens(self, kind: str) -> None:
        """Tokens, and what comes with them, are odd from now on."""
        match kind:
            case "no exp":
                self.fake.set_claims({"exp": None})
            case "no iat":
                self.fake.set_claims({"iat": None})
            case "no Date":
                self.fake.omit_date()
            case "no expires_in":
                self.fake.omit_expires_in()
            case "repeated":
                self.fake.repeat_tokens()
            case _:
                self.fake.narrow_scopes([READ])

    @rule(times=times)
    def hold(self, times: int | None) -> None:
        """Its answers are held back."""
        self.fake.gate(times=times)

    @rule()
    def release(self) -> None:
        """What was held back arrives, however late."""
        self.fake.release()
        self.crowd.settle()
        self.look()

    @rule(kind=st.sampled_from(["401", "401", "Basic", "403", "500", "revoke", "well"]), times=times)
    def api(self, kind: str, times: int | None) -> None:
        """The API answers otherwise from now on."""
        match kind:
            case "revoke":
                self.fake.revoke()
            case "well":
                self.fake.recover_api()
            case "Basic":
                self.fake.api_answer(401, headers=[("WWW-Authenticate", 'Basic realm="x"')], times=times)
            case _:
                self.fake.api_answer(int(kind), times=times)

    # The client

    @rule(which=st.integers(0, 1), then_new=st.booleans())
    def close(self, which: int, then_new: bool) -> None:
        """One of the objects is closed, and perhaps another one made in its place."""
        at = 0 if which == 0 else 3
        owner = self.keys[at][0]
        self.stage.closed.add(owner)
        self.views[at].close()
        if then_new:
            self.open(METADATA[which], at)
        self.crowd.settle()
        self.look()
        assert not [job for job in self.stage.jobs if job.owner == owner], "somebody waits for what was closed"

    @rule(keep_old=st.booleans(), told=st.sampled_from(["new", "both", "old", "nothing"]))
    def rotate(self, keep_old: bool, told: str) -> None:
        """The app client gets another secret; the source says so, says both, knows the old one only, or fails."""
        old = self.fake.client_secret
        new = self.fake.rotate_secret(keep_old=keep_old)
        self.known = {"new": [new], "both": [old, new], "old": [old], "nothing": None}[told]

    @rule()
    def learn(self) -> None:
        """The source knows the newest secret."""
        self.known = [self.fake.client_secret]

    @rule(on=st.booleans())
    def in_lambda(self, on: bool) -> None:
        """Threads stand still between calls, says the environment."""
        os.environ.pop(LAMBDA, None)
        if on:
            os.environ[LAMBDA] = "function"

    def teardown(self) -> None:
        """Everything recovers."""
        try:
            self.recovers()
        finally:
            self.end()
