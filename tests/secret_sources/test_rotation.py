"""Eight threads call an API while the secret in Secrets Manager is replaced."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event
from s2sauth.secret_sources import LambdaExtensionSecret, SecretsManagerSecret, SecretSource
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.extension import Extension
from tests.support.fixtures import NO_TLS
from tests.support.secrets import Vault

Make = Callable[..., CognitoClientCredentials]
THREADS = 8
PATIENCE = 10.0


class Load:
    """Callers, what they got, and the events; `renew` lets a token come near its end."""

    def __init__(
        self, make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock, source: SecretSource | None = None
    ) -> None:
        self.fake = fake
        self.vault = vault
        self.clock = clock
        self.name = vault.create(fake.client_secret)
        self.calls = [0] * THREADS
        self.failed: list[object] = []
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._over = False
        source = source or SecretsManagerSecret(self.name, endpoint_url=vault.url)
        credentials = make(client_secret=source, on_event=self._note)
        self._hook = credentials.httpx_auth(fake.api_url)

    def _note(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def _call(self, number: int) -> None:
        with httpx.Client(auth=self._hook, verify=NO_TLS, trust_env=False) as client:
            while not self._over:
                try:
                    status = client.get(f"{self.fake.api_url}/files").status_code
                except Exception as error:
                    status = 0
                    self.failed.append(error)
                if status != 200:
                    self.failed.append(status)
                with self._changed:
                    self.calls[number] += 1
                    self._changed.notify_all()

    @contextmanager
    def running(self) -> Iterator[None]:
        """All threads call, from the first token on."""
        threads = [threading.Thread(target=self._call, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            self.everybody_calls()
            yield
            self.everybody_calls()
        finally:
            self._over = True
            for thread in threads:
                thread.join(PATIENCE)

    def everybody_calls(self) -> None:
        """Each thread completes a call that it began from here on."""
        with self._changed:
            wanted = [calls + 2 for calls in self.calls]
            assert self._changed.wait_for(
                lambda: all(had >= want for had, want in zip(self.calls, wanted, strict=True)), PATIENCE
            )

    def count(self, name: str) -> int:
        """How often this happened."""
        return [event.name for event in self.events].count(name)

    def about_secrets(self) -> list[str]:
        """Those of the events, in order."""
        return [event.name for event in self.events if event.name.startswith("secret")]

    def renew(self, *, outcome: str = "renewed", seconds: float = 2880.0) -> None:
        """Let the token in hand get so much older: a flight begins, and ends so, while everybody calls."""
        with self._changed:
            before = self.count(outcome)
        self.clock.advance(seconds)
        with self._changed:
            assert self._changed.wait_for(lambda: self.count(outcome) > before, PATIENCE), self.events
        self.everybody_calls()

    @property
    def statuses(self) -> list[int]:
        """Those of the token requests."""
        return [request.status for request in self.fake.token_requests]


@pytest.fixture
def load(make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock) -> Load:
    """Credentials whose secret is in Secrets Manager."""
    return Load(make, fake, vault, clock)


@pytest.mark.fault(122)
def test_rotation_by_the_book_fails_no_call(load: Load) -> None:
    """Create the new one, store it as pending, make it current, delete the old one: each renewal at its first try."""
    with load.running():
        load.renew()
        new = load.fake.rotate_secret(keep_old=True)
        load.renew()
        version = load.vault.put(load.name, new, "AWSPENDING")
        load.renew()
        load.vault.promote(load.name, version)
        load.renew()
        load.fake.rotate_secret(new)
        load.renew()
    assert load.failed == []
    assert load.statuses == [200] * 6
    assert load.about_secrets() == ["secret_changed"]


@pytest.mark.fault(122)
def test_old_secret_deleted_while_a_cache_still_gives_it(
    make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Lambda extension keeps a secret for minutes: it is asked past its cache, and one event says so."""
    with Extension() as extension:
        for name, value in extension.environ.items():
            monkeypatch.setenv(name, value)
        extension.put("x", fake.client_secret)
        load = Load(make, fake, vault, clock, LambdaExtensionSecret("x"))
        with load.running():
            extension.put("x", fake.rotate_secret())
            load.renew()
            load.renew()
    assert load.failed == []
    assert load.statuses == [200, 400, 200, 200]
    assert load.about_secrets() == ["secret_refused", "secret_changed"]


@pytest.mark.fault(122)
def test_old_secret_deleted_before_the_new_one_is_current(load: Load) -> None:
    """The pending one is found and used, no renewal fails; each says that the current one is wrong, until it is not."""
    with load.running():
        version = load.vault.put(load.name, new := load.fake.rotate_secret(keep_old=True), "AWSPENDING")
        load.fake.rotate_secret(new)
        load.renew()
        load.renew()
        load.vault.promote(load.name, version)
        load.renew()
    assert load.failed == []
    assert load.statuses == [200, 400, 200, 400, 200, 200]
    assert load.count("renewal_failed") == 0
    assert load.about_secrets() == ["secret_refused", "secret_changed", "secret_refused"]


@pytest.mark.fault(122)
def test_old_secret_deleted_before_the_new_one_is_stored(load: Load) -> None:
    """One renewal fails, with the reason in its event; it is healed with the next one, and no call failed."""
    with load.running():
        new = load.fake.rotate_secret()
        load.renew(outcome="renewal_failed")
        load.vault.put(load.name, new)
        load.renew(seconds=10.0)
    assert load.failed == []
    assert load.statuses == [200, 400, 200]
    failed = [event.error for event in load.events if event.name == "renewal_failed"]
    assert failed == ["invalid_client"]
    assert load.about_secrets() == ["secret_changed"]


@pytest.mark.fault(122)
def test_wrong_value_made_current_by_mistake(load: Load) -> None:
    """The last good one goes on to be used, and is found as AWSPREVIOUS by a process that starts now."""
    with load.running():
        load.vault.put(load.name, "stored-by-mistake")
        load.renew()
    assert load.failed == []
    assert load.statuses == [200, 400, 200]
    assert load.about_secrets() == ["secret_refused"]


@pytest.mark.fault(122)
def test_new_process_finds_the_previous_secret(make: Make, fake: FakeCognito, vault: Vault) -> None:
    """A wrong value was made current; it knows no last good one."""
    name = vault.create(fake.client_secret)
    vault.put(name, "stored-by-mistake")
    credentials = make(client_secret=SecretsManagerSecret(name, endpoint_url=vault.url))
    assert credentials.get_token().access_token
    assert [request.status for request in fake.token_requests] == [400, 200]
