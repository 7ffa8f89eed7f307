"""Secrets of AWS Secrets Manager and Parameter Store, with moto in their place."""

import json
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.exceptions
import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event, TokenUnavailable
from s2sauth.secret_sources import ParameterStoreSecret, SecretsManagerSecret, SourceFailed, aws
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.forking import in_child
from tests.support.secrets import Vault

Make = Callable[..., CognitoClientCredentials]
Source = SecretsManagerSecret | ParameterStoreSecret


@pytest.fixture(params=["secret", "parameter"])
def store(request: pytest.FixtureRequest, vault: Vault) -> Callable[..., Source]:
    """Puts a value into one service or the other; gives the source that reads it."""

    def stored(value: str, **arguments: Any) -> Source:
        if request.param == "secret":
            return SecretsManagerSecret(vault.create(value), endpoint_url=vault.url, **arguments)
        vault.put_parameter("/files/client", value)
        return ParameterStoreSecret("/files/client", endpoint_url=vault.url, **arguments)

    return stored


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class TestBoth:
    """What holds for either service."""

    def test_a_text_is_the_secret(self, store: Callable[..., Source]) -> None:
        """As it lies there."""
        source = store("abc")
        source.prepare()
        assert source() == "abc"

    def test_a_key_is_taken_from_a_json_object(self, store: Callable[..., Source]) -> None:
        """Which often holds the client id as well."""
        assert store('{"id": "x", "secret": "abc"}', key="secret")() == "abc"

    @pytest.mark.parametrize(
        ("value", "key", "says"),
        [
            ('{"secret": "abcdef"}', None, "is a JSON object: give the value of the key"),
            ('{"secret": "abcdef"}', "other", "the key other is to be read, and this is a JSON object without it"),
            ('{"secret": ["abcdef"]}', "secret", "key secret: is of type list, not a string"),
            ("abcdef", "secret", "the key secret is to be read, and this is no JSON object"),
            ('"abcdef"', None, "is in quotes"),
            ("abc def", None, "holds white space"),
        ],
        ids=["JSON", "JSON without the key", "list", "text", "quotes", "blank"],
    )
    def test_a_value_that_is_no_secret_is_said_with_its_place(
        self, store: Callable[..., Source], value: str, key: str | None, says: str
    ) -> None:
        """And without the value."""
        with pytest.raises(ConfigurationError, match=says) as caught:
            store(value, key=key)()
        assert "files/client" in str(caught.value)
        assert "abc" not in str(caught.value)

    def test_a_wrong_value_shows_in_no_traceback(self, store: Callable[..., Source], fake: FakeCognito) -> None:
        """The sweep looks at the locals of each frame."""
        for value, key in ((json.dumps({"secret": fake.client_secret}), "other"), (f"{fake.client_secret} x", None)):
            with pytest.raises(ConfigurationError, match="client_secret in"):
                store(value, key=key)()

    def test_nothing_is_logged_at_any_level(
        self, store: Callable[..., Source], caplog: pytest.LogCaptureFixture
    ) -> None:
        """botocore logs each answer at DEBUG; here neither it nor boto3 nor urllib3 says a word, and we do."""
        source = store("hunter2")
        caplog.set_level(1)
        source.prepare()
        assert source() == "hunter2"
        if isinstance(source, SecretsManagerSecret):
            source.again()
        assert [record.name for record in caplog.records] == []

    def test_a_services_error_is_named_by_its_code(self, vault: Vault) -> None:
        """ClientError, its class, would say nothing; the words may hold anything."""
        with pytest.raises(SourceFailed, match=r"^ResourceNotFoundException$"):
            SecretsManagerSecret("missing", endpoint_url=vault.url)()
        with pytest.raises(SourceFailed, match=r"^ParameterNotFound$"):
            ParameterStoreSecret("missing", endpoint_url=vault.url)()

    @pytest.mark.parametrize("kind", [SecretsManagerSecret, ParameterStoreSecret])
    def test_it_gives_up_soon_and_tries_once(self, kind: Callable[..., Source], aws_variables: None) -> None:
        """The last good secret is there meanwhile."""
        source = kind("x")
        source.prepare()
        config = source._boto.client().meta.config
        assert (config.connect_timeout, config.read_timeout) == (1.0, 2.0)
        assert config.retries["total_max_attempts"] == 1
        source._boto.close()

    def test_no_connection_outlives_a_reading(self, store: Callable[..., Source]) -> None:
        """None to freeze, none for a fork to inherit."""
        source = store("abc")
        source()
        assert not source._boto.client()._endpoint.http_session._manager.pools.keys()

    def test_two_readings_at_once_share_connections_until_the_last_one_ends(self, store: Callable[..., Source]) -> None:
        """Two scope sets are renewed at once: the end of one must not close the pool under the other."""
        source = store("abc")
        pools = source._boto.client()._endpoint.http_session._manager.pools
        with source._boto.reading():
            source()
            assert pools.keys()
        assert not pools.keys()

    def test_a_forked_child_makes_its_own_client(self, store: Callable[..., Source]) -> None:
        """Once."""
        source = store("abc")
        assert source() == "abc"
        client = source._boto.client()

        def work() -> tuple[str | list[str], bool, bool]:
            found = source()
            made = source._boto.client()
            source()
            return found, made is not client, source._boto.client() is made

        assert in_child(work) == ("abc", True, True)
        assert source._boto.client() is client

    def test_a_users_client_is_used_as_it_is(self, vault: Vault) -> None:
        """And stays connected."""
        source = SecretsManagerSecret(vault.create("abc"), client=vault.secrets)
        source.prepare()
        assert source() == "abc"
        assert source._boto.client() is vault.secrets
        assert vault.secrets._endpoint.http_session._manager.pools.keys()

    @pytest.mark.parametrize("kind", [SecretsManagerSecret, ParameterStoreSecret])
    @pytest.mark.parametrize("module", ["boto3.session", "botocore.config"])
    def test_without_the_extra_the_error_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, kind: Callable[..., Source], module: str
    ) -> None:
        """When a token is first asked for."""
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError) as caught:
            kind("x").prepare()
        assert str(caught.value) == f"{kind.__name__} needs boto3: pip install 's2sauth[aws]'"  # type: ignore[attr-defined]  # a class

    @pytest.mark.parametrize("kind", [SecretsManagerSecret, ParameterStoreSecret])
    def test_a_region_is_needed(
        self, kind: Callable[..., Source], aws_variables: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """From the argument, the ARN, or as boto3 finds it."""
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        with pytest.raises(ConfigurationError, match=r"makes no client for \w+\('x'\): You must specify a region"):
            kind("x").prepare()
        for source in (kind("x", region="eu-central-1"), kind("arn:aws:ssm:eu-central-1:1:x")):
            source.prepare()
            assert source._boto.client().meta.region_name == "eu-central-1"
            source._boto.close()

    @pytest.mark.parametrize("wrong", ["", None, 7])
    @pytest.mark.parametrize("kind", [SecretsManagerSecret, ParameterStoreSecret])
    def test_a_name_is_needed(self, kind: Callable[..., Source], wrong: object) -> None:
        """Said at once."""
        with pytest.raises(ConfigurationError, match="use the name or the ARN"):
            kind(wrong)

    def test_their_reprs_are_their_names(self) -> None:
        """For logs."""
        assert repr(SecretsManagerSecret("files/client")) == "SecretsManagerSecret('files/client')"
        assert repr(ParameterStoreSecret("/files/client")) == "ParameterStoreSecret('/files/client')"

    def test_a_server_that_does_not_answer_is_given_up(
        self, silent: str, aws_variables: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One request."""
        monkeypatch.setattr(aws, "_READ", 0.1)
        source = SecretsManagerSecret("x", endpoint_url=silent)
        with pytest.raises(botocore.exceptions.ReadTimeoutError):
            source()

    def test_a_caller_waits_no_longer_than_its_deadline(
        self, make: Make, silent: str, aws_variables: None, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However long the service takes; the reading ends by its own limit."""
        monkeypatch.setattr(aws, "_READ", 0.3)
        credentials = make(client_secret=SecretsManagerSecret("x", endpoint_url=silent))
        credentials.httpx_auth("https://api.example.com")  # imports what a flight needs
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                credentials.get_token(timeout=0.5)
            except TokenUnavailable as error:
                errors.append(error)

        caller = threading.Thread(target=ask)
        caller.start()
        clock.wait_for_sleepers(1, 10)
        clock.advance(0.5)
        caller.join(10)
        assert errors


class TestSecretsManager:
    """Its stages."""

    def test_again_gives_each_stage_that_there_is(self, vault: Vault) -> None:
        """What is current first, then what a rotation is about to make current, then what was."""
        name = vault.create("first")
        source = SecretsManagerSecret(name, endpoint_url=vault.url)
        assert source.again() == ["first"]
        vault.put(name, "second")
        assert source.again() == ["second", "first"]
        version = vault.put(name, "third", "AWSPENDING")
        assert (source(), source.again()) == ("second", ["second", "third", "first"])
        vault.promote(name, version)
        assert (source(), source.again()[0]) == ("third", "third")

    def test_another_stage_may_be_the_first(self, vault: Vault) -> None:
        """The others follow in their order."""
        name = vault.create("current")
        vault.put(name, "pending", "AWSPENDING")
        source = SecretsManagerSecret(name, stage="AWSPENDING", endpoint_url=vault.url)
        assert (source(), source.again()) == ("pending", ["pending", "current"])

    def test_of_one_version_nothing_else_is_read(self, vault: Vault) -> None:
        """Somebody meant just that one."""
        name = vault.create("first")
        version = vault.put(name, "pinned", "AWSPENDING")
        source = SecretsManagerSecret(name, version_id=version, endpoint_url=vault.url)
        assert (source(), source.again()) == ("pinned", ["pinned"])

    def test_a_stage_with_something_else_in_it_is_passed_over(self, vault: Vault) -> None:
        """A rotation that was begun wrongly."""
        name = vault.create("current")
        vault.put(name, '{"not": "this"}', "AWSPENDING")
        assert SecretsManagerSecret(name, endpoint_url=vault.url).again() == ["current"]

    def test_what_was_read_before_the_service_went_down_is_given(
        self, vault: Vault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection breaks after the first stage."""
        name = vault.create("current")
        vault.put(name, "pending", "AWSPENDING")
        source = SecretsManagerSecret(name, client=vault.secrets)
        asked: list[str] = []
        get = vault.secrets.get_secret_value

        def breaking(**arguments: str) -> Any:
            asked.append(arguments["VersionStage"])
            if len(asked) > 1:
                raise botocore.exceptions.ConnectionClosedError(endpoint_url=vault.url)
            return get(**arguments)

        monkeypatch.setattr(vault.secrets, "get_secret_value", breaking, raising=False)
        assert source.again() == ["current"]
        assert asked == ["AWSCURRENT", "AWSPENDING"]

    def test_a_binary_secret_is_refused(self, vault: Vault) -> None:
        """It says which secret, and of what type."""
        with pytest.raises(ConfigurationError, match=r"in secret files/client-\d+: is of type bytes, not a string"):
            SecretsManagerSecret(vault.create(b"abc"), endpoint_url=vault.url)()


class TestArn:
    """`COGNITO_CLIENT_SECRET_ARN`."""

    def environ(self, fake: FakeCognito, arn: str) -> dict[str, str]:
        """That of a service."""
        return {**fake.environ, "APP_CLIENT_SECRET": "", "COGNITO_CLIENT_SECRET_ARN": arn}

    def test_of_a_secret(self, fake: FakeCognito, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        """Plain, with a prefix, and in ECS's long form."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", vault.url)
        plain = self.environ(fake, vault.arn(vault.create(fake.client_secret)))
        with CognitoClientCredentials.from_env("X_", {f"X_{k}": v for k, v in plain.items()}) as credentials:
            assert credentials.get_token().access_token
        name = vault.create("another")
        vault.put(name, json.dumps({"secret": fake.client_secret}), "AWSPENDING")
        long = self.environ(fake, f"{vault.arn(name)}:secret:AWSPENDING:")
        with CognitoClientCredentials.from_env(environ=long) as credentials:
            assert credentials.get_token().access_token

    def test_of_a_parameter(self, fake: FakeCognito, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is read again at each renewal, as everywhere."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", vault.url)
        vault.put_parameter("/files/arn", fake.client_secret)
        arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/files/arn"
        with CognitoClientCredentials.from_env(environ=self.environ(fake, arn)) as credentials:
            assert credentials.get_token().access_token

    def test_a_version_is_read_as_it_says(
        self, fake: FakeCognito, vault: Vault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Member, stage and version, as ECS writes them behind the ARN."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", vault.url)
        name = vault.create(json.dumps({"key": fake.client_secret}))
        (version,) = vault.secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
        vault.put(name, json.dumps({"key": "another-of-24-characters"}))
        for words in (f"key:AWSPREVIOUS:{version}", "key:AWSPREVIOUS:", f"key::{version}"):
            with CognitoClientCredentials.from_env(environ=self.environ(fake, f"{vault.arn(name)}:{words}")) as made:
                assert made.get_token().access_token


def test_the_same_reading_without_us_is_logged(vault: Vault, caplog: pytest.LogCaptureFixture) -> None:
    """The control: botocore does log it, on any other thread and before and after our reading."""
    name = vault.create("hunter2")
    caplog.set_level(1)

    def said() -> bool:
        caplog.clear()
        vault.secrets.get_secret_value(SecretId=name)
        return "hunter2" in caplog.text

    class Client:
        """A user's, which looks what is logged while it is asked."""

        def get_secret_value(self, **_: object) -> dict[str, str]:
            here.append(said())
            other = threading.Thread(target=lambda: elsewhere.append(said()))
            other.start()
            other.join()
            return {"SecretString": "abc"}

    here: list[bool] = []
    elsewhere: list[bool] = []
    assert said()
    SecretsManagerSecret("x", client=Client())()
    assert (here, elsewhere) == ([False], [True])
    assert said()


def test_loggers_that_are_no_loggers_yet_are_passed_over() -> None:
    """`logging` keeps places for the parents of those that exist."""

    class Client:
        """A user's, which looks what would be logged while it is asked."""

        def get_secret_value(self, **_: object) -> dict[str, str]:
            record = logging.makeLogRecord({})
            passed.append(bool(logging.getLogger("botocore.of.this.test").filter(record)))
            passed.append(bool(logging.getLogger("s2sauth").filter(record)))
            return {"SecretString": "abc"}

    passed: list[bool] = []
    logging.getLogger("botocore.of.this.test")
    SecretsManagerSecret("x", client=Client())()
    assert passed == [False, True]


def test_last_good_secret_is_used_while_the_service_is_down(
    make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock, events: list[Event]
) -> None:
    """AWS's code is in the event; a process that starts now says it too."""
    name = vault.create(fake.client_secret)
    credentials = make(client_secret=SecretsManagerSecret(name, endpoint_url=vault.url))
    credentials.get_token()
    vault.delete(name)
    clock.advance(4000)
    credentials.get_token()
    failed = [event.error for event in events if event.name == "secret_source_failed"]
    assert failed == ["ResourceNotFoundException"]
    with pytest.raises(TokenUnavailable, match=r"The secret source failed \(ResourceNotFoundException\)"):
        make(client_secret=SecretsManagerSecret(name, endpoint_url=vault.url)).get_token()


def test_a_new_generation_has_a_new_client(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a forked child, whose coverage nobody measures; what it closes before is not its parent's."""
    source = SecretsManagerSecret(vault.create("abc"), endpoint_url=vault.url)
    source._boto.close()
    source.prepare()
    client = source._boto.client()
    monkeypatch.setattr("s2sauth._boto.this_process", lambda: (0, 0))
    source._boto.close()
    assert source() == "abc"
    assert source._boto.client() is not client


def test_a_forked_child_reads_the_secret_for_its_own_flight(
    make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock
) -> None:
    """Also of a parent that was reading it at that moment: its lock may be held for ever here."""
    source = SecretsManagerSecret(vault.create(fake.client_secret), endpoint_url=vault.url)
    credentials = make(client_secret=source)
    credentials.get_token()
    clock.advance(4000)
    with source._boto._readings.lock:
        assert in_child(lambda: len(credentials.get_token().access_token) > 10)
    assert [request.status for request in fake.token_requests] == [200, 200]


def test_the_default_session_is_left_alone(vault: Vault) -> None:
    """boto3's is not for threads."""
    before = boto3.DEFAULT_SESSION
    assert SecretsManagerSecret(vault.create("abc"), endpoint_url=vault.url)() == "abc"
    assert boto3.DEFAULT_SESSION is before
