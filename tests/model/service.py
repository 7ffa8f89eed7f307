"""What the model is made of: the endpoint and its true time, the client's objects and clocks, and the judging."""

import os
import sys
import threading
from typing import Any

from s2sauth import CognitoClientCredentials, CredentialsClosed
from s2sauth.testing import FakeCognito, ManualClock
from tests.model.crowd import JOB_ID, Crowd, Job, Stage
from tests.model.ledger import TINY, Key, Ledger, Moment
from tests.model.wire import http_client
from tests.support.settled import eventually
from tests.support.worlds import WORLDS

LAMBDA = "AWS_LAMBDA_FUNCTION_NAME"
MOST_WAITING = 10
READ, WRITE, ALL = "demo/read.file", "demo/write.file", ""
METADATA = ({}, {"tenant": "b"})
KEYS: tuple[Key, ...] = (
    (0, READ, ""),
    (0, WRITE, ""),
    (0, ALL, ""),
    (1, READ, '{"tenant":"b"}'),
    (1, WRITE, '{"tenant":"b"}'),
)


class TrueTime:
    """The time that the endpoint and the API go by."""

    def __init__(self, wall: float) -> None:
        self.seconds = wall

    def wall(self) -> float:
        return self.seconds


class Service:
    """A service's credentials, its callers, and all that they depend on."""

    def __init__(self) -> None:
        super().__init__()  # a state machine has its own
        self._switching = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)  # threads change places often, in the middle of everything
        self.clock = ManualClock()
        self.true = TrueTime(self.clock.wall())
        self.fake = FakeCognito(clock=self.true, expires_in=300).start()
        self.ledger = Ledger(lambda: Moment(self.clock.wall(), self.clock.boottime()), self._accepted)
        self.stage = Stage(self.clock, self.fake, self.true.wall, self.ledger)
        self.crowd = Crowd(self.stage)
        self.known: list[str] | None = [self.fake.client_secret]
        """What the secret source gives; None: it fails."""
        self.owners = 0
        self.offset = 0.0
        self.keys: list[Key] = []
        self.views: list[CognitoClientCredentials] = []
        self.looked_at = 0
        self.seen: dict[str, list[int]] = {}
        for metadata in METADATA:
            self.open(metadata)

    def open(self, metadata: dict[str, str], at: int | None = None) -> None:
        owner, self.owners = self.owners, self.owners + 1
        credentials = CognitoClientCredentials(
            domain=self.fake.domain,
            client_id=self.fake.client_id,
            client_secret=self._secrets,
            scopes=READ,
            client_metadata=metadata or None,
            http_client=http_client(self.ledger, owner, self.true.wall),
            clock=self.clock,
        )
        self.crowd.objects.append(credentials)
        of_it = [key for key in KEYS if key[0] == METADATA.index(metadata)]
        views = [credentials if key[1] == READ else credentials.with_scopes(*key[1].split()) for key in of_it]
        own = [(owner, *key[1:]) for key in of_it]
        if at is None:
            self.keys += own
            self.views += views
        else:
            self.keys[at : at + len(own)] = own
            self.views[at : at + len(views)] = views

    def _secrets(self) -> list[str]:
        if self.known is None:
            raise OSError("no way to the secrets")
        return self.known

    def _accepted(self, token: str) -> bool:
        return any(
            request.status != 401
            for request in self.fake.api_requests
            if request.header("authorization") == f"Bearer {token}"
        )

    def job(self, key: int, path: str | None = None, timeout: float | None = None) -> Job:
        return Job(self.stage, self.views[key], self.keys[key], path, timeout)

    # Time

    def let_pass(self, seconds: float) -> None:
        self._move(seconds)
        self.after_time()

    def _move(self, seconds: float) -> None:
        self.true.seconds += seconds
        self.clock.advance(seconds)

    def after_time(self) -> None:
        """Those whose time has come end. Tasks wait by their loop's timer: the next caller to come frees them."""
        self.crowd.settle()
        self.look()
        if any(flight.left(self.stage.now()) <= 0 for flight in self.crowd.flights()):
            for key in range(len(self.keys)):
                self.job(key, timeout=0).now()
        eventually(self._nobody_is_late)
        self.crowd.settle()
        self.look()

    def _nobody_is_late(self) -> bool:
        now = self.clock.boottime()
        return all(
            call.ended or now < call.began + call.patience - TINY or call.patience == 0
            for call in list(self.stage.calls)
        )

    # A forked child

    def be_the_child(self, key: int, path: str | None) -> tuple[list[str], list[Any]]:
        self.clock._changed = threading.Condition()
        self.clock._sleepers.clear()
        self.stage.jobs.clear()
        self.stage.calls.clear()
        self.stage.wrong.clear()
        self.ledger.forget_flights()
        threading.Thread(target=self._pass_the_childs_pauses, daemon=True).start()
        job = self.job(key, path)
        job.number = "of a child"  # its records are none of the parent's
        job.now()
        handed = [(token, at, self._reasons(job.key, token)) for token, at in job.handed]
        return self.stage.wrong + self.ledger.wrong, handed

    def _pass_the_childs_pauses(self) -> None:
        while True:
            self.clock.wait_for_sleepers(2, 60)  # the caller, and its flight between two attempts
            self._move(0.1)

    # What must hold

    def look(self) -> None:
        """Judge what happened since the last look; the clock has not moved since it did."""
        wrong = self.ledger.wrong + self.stage.wrong
        records = self.fake.api_requests
        for record in records[self.looked_at :]:
            job = self.stage.every.get(record.header(JOB_ID) or "")
            if job is not None:
                wrong += self._wrong_with(job, record, (record.header("authorization") or "").removeprefix("Bearer "))
        self.looked_at = len(records)
        assert not wrong, "\n".join(wrong)

    def _wrong_with(self, job: Job, record: Any, token: str) -> list[str]:
        wrong = []
        if not self.ledger.book(job.key).issued(token):
            wrong.append(f"{job}: sent a token that was not issued for {job.key}")
        if record.dead and not self._excused(job.key, token):
            wrong.append(f"{job}: sent a dead token")
        statuses = self.seen.setdefault(job.number, [])
        statuses.append(record.status)
        if len(statuses) > 2 or (len(statuses) == 2 and statuses[0] != 401):
            wrong.append(f"{job}: sent {len(statuses)} times, answered {statuses}")
        return wrong

    def _excused(self, key: Key, token: str) -> bool:
        """Whether the client could not know that this token was dead."""
        issued = self.fake._pool.find(token)
        assert issued is not None
        end = issued.expires_at - self.offset + TINY
        return any(fooled or believed_end > end for fooled, believed_end in self._reasons(key, token))

    def _reasons(self, key: Key, token: str) -> list[tuple[bool, float]]:
        """For each time that this token was issued: were all clocks wrong since, and how long it seemed to live."""
        now = self.stage.now()
        return [
            (note.age(now) < self.true.wall() - note.asked_true - TINY, note.asked_true + note.life)
            for note in self.ledger.book(key).issued(token)
            if note.usable_left(now) > -TINY
        ]

    # The end

    def make_room(self) -> None:
        if len(self.stage.jobs) > MOST_WAITING:
            self._let_all_end()

    def _let_all_end(self) -> None:
        """Nothing is held back, and time passes until nobody waits."""
        self.fake.release()
        self.crowd.settle()
        for _ in range(200):
            if not self.stage.jobs and not self.ledger.trips:
                break
            self.run_on()
            self.crowd.settle()
            if not self.clock._sleepers:
                eventually(lambda: not self.stage.jobs)  # tasks, by their loop's timer
        assert not self.stage.jobs, "they never end"
        self.crowd.join()
        self.look()

    def end(self) -> None:
        """Close all there is."""
        os.environ.pop(LAMBDA, None)
        self.fake.release()
        for credentials in self.crowd.objects:
            credentials.close()
        self.fake.close()
        sys.setswitchinterval(self._switching)

    def recovers(self) -> None:
        os.environ.pop(LAMBDA, None)
        self.fake.recover()
        self.fake.recover_api()
        self.fake.set_expires_in(300)
        self.learn()
        self._let_all_end()
        self.let_pass(61)
        for key in range(len(self.keys)):
            job = self.job(key)
            self.crowd.start(WORLDS[0], [job])
            self._let_all_end()
            if isinstance(job.outcome, CredentialsClosed):
                assert job.owner in self.stage.closed
            else:
                assert not isinstance(job.outcome, BaseException), f"no recovery: {job.outcome!r}"
        for credentials in self.crowd.objects:
            credentials.close()
        eventually(lambda: not self.ledger.trips)
