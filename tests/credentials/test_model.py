"""Whatever happens in whatever order, the promises hold: a state machine drives one object through its life."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from s2sauth import AccessToken, CognitoClientCredentials, TokenUnavailable
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import plain_client
from tests.support.settled import settled

LIFE = 300.0


class Life(RuleBasedStateMachine):
    """Calls, rejections, time, steps of the wall clock, and an endpoint that comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(random=0.0)
        self.fake = FakeCognito(clock=self.clock, expires_in=LIFE).start()
        self.credentials = CognitoClientCredentials.from_env(
            environ=self.fake.environ, clock=self.clock, http_client=plain_client
        )
        self.up = True
        self.true_time = 0.0
        self.stepped = 0.0
        self.down_since: float | None = None
        self.up_since = 0.0
        self.born: dict[str, float] = {}
        self.token: AccessToken | None = None
        self.asked = 0

    def teardown(self) -> None:
        self.credentials.close()
        self.fake.close()

    @initialize()
    def begin(self) -> None:
        self.get()

    @rule()
    def get(self) -> None:
        """A call: never a dead token; an error only if the endpoint was down just now, and no token was left."""
        self._serve()

    @precondition(lambda self: self.token is not None)
    @rule()
    def rejected(self) -> None:
        """An API answers 401 to the token in hand."""
        self._serve(rejected=self.token)

    @precondition(lambda self: self.token is not None)
    @rule()
    def invalidate(self) -> None:
        """Somebody distrusts it."""
        assert self.token is not None
        self.credentials.invalidate(self.token)

    def _serve(self, rejected: AccessToken | None = None) -> None:
        try:
            token = self.credentials.get_token(rejected=rejected)
        except TokenUnavailable:
            assert not self.up or self.true_time - self.up_since < 31, "down longer than the longest pause"
            if self.token is not None:
                assert self.true_time - self.born[self.token.access_token] >= LIFE * 0.9 or self.stepped
            return
        settled(self.credentials)
        born = self.born.setdefault(token.access_token, self.true_time)
        assert self.true_time - born < LIFE, "a dead token was served"
        self.token = token

    @rule(seconds=st.floats(0, LIFE))
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        self.true_time += seconds

    @rule(seconds=st.floats(0, 2 * LIFE))
    def suspend(self, seconds: float) -> None:
        """The machine sleeps."""
        self.clock.suspend(seconds)
        self.true_time += seconds

    @rule(seconds=st.floats(-1000, 1000))
    def step(self, seconds: float) -> None:
        """NTP corrects the wall clock."""
        self.clock.step_wall(seconds)
        self.stepped += abs(seconds)

    @precondition(lambda self: self.up)
    @rule()
    def break_down(self) -> None:
        """The endpoint refuses connections."""
        self.fake.refuse()
        self.up = False

    @precondition(lambda self: not self.up)
    @rule()
    def recover(self) -> None:
        """It is back."""
        self.fake.recover()
        self.up = True
        self.up_since = self.true_time

    @invariant()
    def nobody_pays_for_a_storm(self) -> None:
        """Tokens are renewed on schedule, or by force once in an interval; a step of the clock may cost one each."""
        state = self.credentials.state()
        intervals = (self.true_time + self.stepped) / 60
        schedule = (self.true_time + self.stepped) / (LIFE * 0.75)
        assert state.tokens_billed <= 2 + intervals + schedule


Life.TestCase.settings = settings(max_examples=30, stateful_step_count=25)
TestLife = Life.TestCase
