"""Eight threads call an API while the secret in Secrets Manager is replaced."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event, InvalidClient
from s2sauth.secret_sources import LambdaExtensionSecret, ManagedSecret, SecretsManagerSecret, SecretSource
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
        self,
        make: Make,
        fake: FakeCognito,
        vault: Vault,
        clock: ManualClock,
        source: SecretSource | None = None,
        **arguments: Any,
    ) -> None:
        self.fake = fake
        self.vault = vault
        self.clock = clock
        self.name = vault.create(fake.managed_secret if "client_id" in arguments else fake.client_secret)
        self.calls = [0] * THREADS
        self.failed: list[object] = []
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._over = False
        source = source or SecretsManagerSecret(self.name, endpoint_url=vault.url)
        credentials = make(client_secret=source, on_event=self._note, **arguments)
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


WEEK = 7 * 86400.0


@pytest.fixture
def managed(make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock) -> Load:
    """Credentials that have the name of a secret that Cognito manages, and no client id."""
    return Load(make, fake, vault, clock, client_id=None)


@pytest.mark.fault(179)
@pytest.mark.parametrize("keep_old", [True, False], ids=["the old one stays good", "the old one is gone at once"])
def test_cognito_rotates_at_once_and_every_week(managed: Load, keep_old: bool) -> None:  # a parameter of a test
    """No call fails, and no token request: each renewal reads the secret anew."""
    with managed.running():
        managed.renew()
        managed.vault.rotate(managed.name, managed.fake, keep_old=keep_old)
        managed.renew()
        for _ in range(4):
            managed.renew(seconds=WEEK)
            managed.vault.rotate(managed.name, managed.fake, keep_old=keep_old)
            managed.renew()
    assert managed.failed == []
    assert set(managed.statuses) == {200}
    assert managed.about_secrets() == ["secret_changed"] * 5


@pytest.mark.fault(179)
@pytest.mark.parametrize("keep_old", [True, False], ids=["the old one stays good", "the old one is gone at once"])
def test_rotation_between_the_reading_and_the_request(
    make: Make,
    fake: FakeCognito,
    vault: Vault,
    clock: ManualClock,
    keep_old: bool,  # a parameter of a test
) -> None:
    """The secret is read again, and the flight succeeds."""

    class Source:
        """Reads as `SecretsManagerSecret` does, and then the secret is rotated, if it is time."""

        def __init__(self) -> None:
            self.due = False

        def __call__(self) -> str | ManagedSecret:
            found = reader()
            if self.due:
                self.due = False
                vault.rotate(load.name, fake, keep_old=keep_old)
            return found

        def again(self) -> list[str | ManagedSecret]:
            return reader.again()

        client_id_from = "files/client"

    source = Source()
    load = Load(make, fake, vault, clock, source, client_id=None)
    reader = SecretsManagerSecret(load.name, endpoint_url=vault.url)
    with load.running():
        source.due = True
        load.renew()
        load.renew()
    assert load.failed == []
    assert load.statuses == ([200, 200, 200] if keep_old else [200, 400, 200, 200])
    assert load.count("renewal_failed") == 0


@pytest.mark.fault(179)
def test_old_secret_gone_before_cognito_has_stored_the_new_one(managed: Load) -> None:
    """One renewal fails, no call does; it is healed with the next one."""
    with managed.running():
        managed.fake.rotate_secret()
        managed.renew(outcome="renewal_failed")
        managed.vault.put(managed.name, managed.fake.managed_secret)
        managed.renew(seconds=10.0)
    assert managed.failed == []
    assert managed.statuses == [200, 400, 200]
    assert managed.count("renewal_failed") == 1


@pytest.mark.fault(179)
def test_rotation_while_the_extension_keeps_the_old_one(
    make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked past its cache."""
    with Extension() as extension:
        for name, value in extension.environ.items():
            monkeypatch.setenv(name, value)
        extension.put("x", fake.managed_secret)
        load = Load(make, fake, vault, clock, LambdaExtensionSecret("x"), client_id=None)
        with load.running():
            fake.rotate_secret()
            extension.put("x", fake.managed_secret)
            load.renew()
            load.renew()
    assert load.failed == []
    assert load.statuses == [200, 400, 200, 200]


@pytest.mark.fault(179)
def test_processes_that_start_in_each_step_of_a_rotation(
    make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock
) -> None:
    """All get a token where the old secret stays good; otherwise those that start before the new one is stored wait."""
    name = vault.create(fake.managed_secret)

    def started() -> CognitoClientCredentials:
        return make(client_id=None, client_secret=SecretsManagerSecret(name, endpoint_url=vault.url))

    assert started().get_token().access_token
    new = fake.rotate_secret(keep_old=True)
    assert started().get_token().access_token
    vault.put(name, fake.managed_secret)
    assert started().get_token().access_token
    fake.rotate_secret(new)
    assert started().get_token().access_token
    assert [request.status for request in fake.token_requests] == [200] * 4
    fake.rotate_secret()
    early = started()
    with pytest.raises(InvalidClient):
        early.get_token()
    vault.put(name, fake.managed_secret)
    clock.advance(5)
    assert early.get_token().access_token
    assert started().get_token().access_token
