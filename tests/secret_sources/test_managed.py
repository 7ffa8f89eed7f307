"""Secrets that Cognito manages: the JSON that it keeps in Secrets Manager, with moto in its place."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic
import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event, InvalidClient, TokenUnavailable
from s2sauth.secret_sources import (
    FileSecret,
    LambdaExtensionSecret,
    ManagedSecret,
    ParameterStoreSecret,
    SecretsManagerSecret,
    read_secrets,
)
from s2sauth.settings import CognitoSettings
from s2sauth.testing import FakeCognito, ManualClock, MemoryStore
from tests.support.extension import Extension
from tests.support.fixtures import plain_client
from tests.support.secrets import Vault

Make = Callable[..., CognitoClientCredentials]
Environ = dict[str, str]


@pytest.fixture
def name(vault: Vault, fake: FakeCognito) -> str:
    """The name of the secret that Cognito keeps."""
    return vault.create(fake.managed_secret)


@pytest.fixture
def arn(vault: Vault, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its ARN; boto3 finds moto."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", vault.url)
    return vault.arn(name)


@pytest.fixture
def managed(make: Make, vault: Vault, name: str) -> CognitoClientCredentials:
    """Credentials that know the secret's name, and no client id."""
    return make(client_id=None, client_secret=SecretsManagerSecret(name, endpoint_url=vault.url))


def environ_with(fake: FakeCognito, arn: str, prefix: str = "") -> Environ:
    """The environment of a service that has the domain and the ARN."""
    return {f"{prefix}COGNITO_DOMAIN": fake.domain, f"{prefix}COGNITO_CLIENT_SECRET_ARN": arn}


def changed(fake: FakeCognito, **members: object) -> str:
    """The JSON with other members; None leaves one out."""
    found = {**json.loads(fake.managed_secret), **members}
    return json.dumps({name: value for name, value in found.items() if value is not None})


class TestArn:
    """`COGNITO_CLIENT_SECRET_ARN` is all that is needed beside the domain."""

    @pytest.mark.fault(179)
    @pytest.mark.parametrize("ending", ["", ":clientSecretValue::", ":::"])
    @pytest.mark.parametrize("form", [":secret:", ":secret/"])
    @pytest.mark.parametrize("prefix", ["", "BILLING_"])
    def test_arn_is_enough(self, fake: FakeCognito, arn: str, prefix: str, form: str, ending: str) -> None:
        """In the form of Secrets Manager and in that of Cognito's API model, also as ECS writes it."""
        environ = environ_with(fake, arn.replace(":secret:", form) + ending, prefix)
        with CognitoClientCredentials.from_env(prefix, environ) as credentials:
            assert f"<CognitoClientCredentials of {arn} at" in repr(credentials)
            assert credentials.get_token().access_token
            assert f"<CognitoClientCredentials of {fake.client_id} at" in repr(credentials)

    @pytest.mark.fault(179)
    def test_client_id_that_is_set_must_match(self, fake: FakeCognito, arn: str) -> None:
        """The error names both ids, before anything is sent."""
        environ = environ_with(fake, arn)
        with CognitoClientCredentials.from_env(environ={**environ, "APP_CLIENT_ID": fake.client_id}) as credentials:
            assert credentials.get_token().access_token
        sent = len(fake.token_requests)
        with (
            CognitoClientCredentials.from_env(environ={**environ, "APP_CLIENT_ID": "another"}) as credentials,
            pytest.raises(ConfigurationError) as caught,
        ):
            credentials.get_token()
        assert f"client_secret in secret {arn}: belongs to the app client {fake.client_id}" in str(caught.value)
        assert "these credentials are for another" in str(caught.value)
        assert len(fake.token_requests) == sent

    def test_explicit_source_names_the_client_as_well(self, fake: FakeCognito, arn: str) -> None:
        """Where the environment has no client id."""
        for form in (arn, arn.replace(":secret:", ":secret/")):
            source = SecretsManagerSecret(form, key="clientSecretValue")
            environ = {"COGNITO_DOMAIN": fake.domain}
            with CognitoClientCredentials.from_env(environ=environ, client_secret=source) as credentials:
                assert credentials.get_token().access_token

    @pytest.mark.parametrize(
        "other",
        [
            "arn:aws:ssm:eu-central-1:123456789012:parameter/files/client",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:files-AbCdEf:client_secret::",
        ],
        ids=["parameter", "key"],
    )
    def test_what_cannot_name_the_client_needs_its_id(self, fake: FakeCognito, other: str) -> None:
        """Said when the object is built."""
        with pytest.raises(ConfigurationError, match="APP_CLIENT_ID or COGNITO_CLIENT_ID: is not set"):
            CognitoClientCredentials.from_env(environ=environ_with(fake, other))

    def test_wrong_arn_is_one_mistake(self, fake: FakeCognito) -> None:
        """With the right one, perhaps nothing else is missing."""
        with pytest.raises(ConfigurationError) as caught:
            CognitoClientCredentials.from_env(environ=environ_with(fake, "arn:aws:iam::123456789012:role/x"))
        (line,) = str(caught.value).splitlines()
        assert line.startswith("COGNITO_CLIENT_SECRET_ARN: is no ARN of a secret")

    @pytest.mark.fault(179)
    def test_settings_need_the_arn_alone(self, fake: FakeCognito, arn: str, clock: ManualClock) -> None:
        """And say so where there is none."""
        settings = CognitoSettings(domain=fake.domain, client_secret_arn=arn)
        with settings.credentials(clock=clock, http_client=plain_client) as credentials:
            assert credentials.get_token().access_token
        with pytest.raises(pydantic.ValidationError, match="client_id\n  Field required, unless client_secret_arn"):
            CognitoSettings(domain=fake.domain, client_secret_file="/run/secrets/client")

    def test_cognitos_own_api_takes_it_too(self, fake: FakeCognito, arn: str) -> None:
        """GetClientToken, which needs no domain."""
        environ = {
            "COGNITO_API": "get_client_token",
            "COGNITO_TOKEN_URL": fake.domain,
            "COGNITO_CLIENT_SECRET_ARN": arn,
        }
        with CognitoClientCredentials.from_env(environ=environ) as credentials:
            assert credentials.get_token().access_token


class TestContent:
    """What may lie in the secret."""

    @pytest.mark.parametrize(
        "members",
        [
            {"createdBy": "cognito", "version": 2, "more": {"a": [1]}},
            {"userPoolId": None},
            {"userPoolId": 7},
            {"userPoolId": "eu-west-1_Another12"},
        ],
        ids=["more members", "no pool", "pool of a wrong type", "another pool"],
    )
    def test_what_else_is_there_does_not_matter(
        self, make: Make, fake: FakeCognito, vault: Vault, members: dict[str, object]
    ) -> None:
        """The pool is for messages: Cognito itself says whether the client is its own."""
        source = SecretsManagerSecret(vault.create(changed(fake, **members)), endpoint_url=vault.url)
        assert make(client_id=None, client_secret=source).get_token().access_token

    @pytest.mark.fault(179)
    @pytest.mark.parametrize(
        ("members", "says"),
        [
            ({"clientSecretValue": None}, "key clientSecretValue is to be read, and this is a JSON object without it"),
            ({"clientSecretValue": 7}, "key clientSecretValue: is of type int, not a string"),
            ({"clientSecretValue": ""}, "key clientSecretValue: is empty"),
            ({"userPoolClientId": None}, "client_id: is not given, and the secret files/client-"),
            ({"userPoolClientId": ["x"]}, "client_id in secret files/client-"),
            ({"userPoolClientId": ""}, "client_id in secret files/client-"),
            ({"userPoolClientId": "a b"}, "client_id in secret files/client-"),
            ({"userPoolClientId": "x" * 129}, "client_id in secret files/client-"),
            ({"userPoolClientId": "another"}, "belongs to the app client another"),
        ],
        ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
    )
    def test_what_is_wrong_is_said(
        self, make: Make, fake: FakeCognito, vault: Vault, members: dict[str, object], says: str
    ) -> None:
        """With the secret's name, and no value; no frame holds one."""
        source = SecretsManagerSecret(vault.create(changed(fake, **members)), endpoint_url=vault.url)
        given = fake.client_id if members.get("userPoolClientId") == "another" else None
        with pytest.raises(ConfigurationError) as caught:
            make(client_id=given, client_secret=source).get_token()
        assert says in str(caught.value)
        assert "files/client-" in str(caught.value)
        assert fake.token_requests == []

    @pytest.mark.parametrize("members", [{"userPoolClientId": None}, {}], ids=["no client", "all"])
    def test_secret_without_its_client_is_good_for_a_given_one(
        self, make: Make, fake: FakeCognito, vault: Vault, members: dict[str, object]
    ) -> None:
        """It contradicts nothing."""
        source = SecretsManagerSecret(vault.create(changed(fake, **members)), endpoint_url=vault.url)
        assert make(client_secret=source).get_token().access_token

    def test_plain_text_is_good_for_a_given_client_only(self, make: Make, fake: FakeCognito, vault: Vault) -> None:
        """Without an id, the message says what Cognito would have written."""
        source = SecretsManagerSecret(vault.create(fake.client_secret), endpoint_url=vault.url)
        assert make(client_secret=source).get_token().access_token
        with pytest.raises(
            ConfigurationError, match="a JSON object with userPoolId, userPoolClientId and clientSecretV"
        ):
            make(client_id=None, client_secret=source).get_token()

    def test_binary_is_refused(self, make: Make, fake: FakeCognito, vault: Vault) -> None:
        """Cognito writes text."""
        source = SecretsManagerSecret(vault.create(fake.managed_secret.encode()), endpoint_url=vault.url)
        with pytest.raises(ConfigurationError, match="is of type bytes, not a string"):
            make(client_id=None, client_secret=source).get_token()

    def test_id_that_no_app_client_has_is_refused(self, make: Make, fake: FakeCognito, vault: Vault) -> None:
        """As in the constructor's argument, for the real Cognito only."""
        name = vault.create(changed(fake, userPoolClientId="not-an:id"))
        source = SecretsManagerSecret(name, endpoint_url=vault.url)
        there = {"domain": "demo.auth.eu-central-1.amazoncognito.com", "client_secret": source, "client_id": None}
        with pytest.raises(
            ConfigurationError, match=r"client_id in secret \S+: contains a character that no id of Cogn"
        ):
            make(**there).get_token()

    def test_literal_json_is_refused_with_the_better_way(self, make: Make, fake: FakeCognito) -> None:
        """As ECS puts it into a variable: nothing would notice the next rotation."""
        with pytest.raises(ConfigurationError) as caught:
            CognitoClientCredentials.from_env(environ={**fake.environ, "APP_CLIENT_SECRET": fake.managed_secret})
        assert "APP_CLIENT_SECRET (client_secret): is the JSON of a secret that Cognito manages" in str(caught.value)
        assert "COGNITO_CLIENT_SECRET_ARN" in str(caught.value)


class TestKey:
    """The client id is part of every key; until it has been read, the ARN is in its place."""

    @pytest.mark.fault(179)
    def test_views_share_one_token_before_and_after(self, managed: CognitoClientCredentials, fake: FakeCognito) -> None:
        """And a view of other scopes learns the client's id with its own first flight."""
        before, other = managed.with_scopes("demo/read.file"), managed.with_scopes("demo/write.file")
        first = managed.get_token()
        after, late = managed.with_scopes("demo/read.file"), managed.with_scopes()
        assert {before.get_token().access_token, after.get_token().access_token} == {first.access_token}
        for view in (other, late):
            assert fake.client_id in repr(view)
            assert view.get_token().access_token
        assert len(fake.token_requests) == 3

    def test_events_have_the_key_of_the_client_once_it_is_known(
        self, make: Make, managed: CognitoClientCredentials, fake: FakeCognito, events: list[Event]
    ) -> None:
        """That of credentials with an explicit id; a hook's too, which was made before."""
        hook = managed.httpx_auth(fake.api_url)
        managed.get_token()
        explicit = [event.key for event in events]
        events.clear()
        make().get_token()
        (key,) = {event.key for event in events}
        assert [one == key for one in explicit] == [False, True]
        fake.revoke()
        fake.api_answer(401, times=1)
        events.clear()
        with plain_client() as client:
            client.get(f"{fake.api_url}/files", auth=hook)
        assert {event.key for event in events} == {key}

    def test_first_event_of_a_later_view_has_that_key_too(
        self, make: Make, managed: CognitoClientCredentials, events: list[Event]
    ) -> None:
        """The id is known by then; views made before and after."""
        before = managed.with_scopes("demo/write.file")
        managed.get_token()
        for view, scopes in ((before, "demo/write.file"), (managed.with_scopes(), None)):
            events.clear()
            view.get_token()
            (key,) = {event.key for event in events}
            events.clear()
            make(scopes=scopes).get_token()
            assert {event.key for event in events} == {key}

    @pytest.mark.fault(179)
    def test_store_is_shared_with_those_that_were_given_the_client_id(
        self, make: Make, fake: FakeCognito, vault: Vault, name: str
    ) -> None:
        """Whoever starts first; name and encryption are the same."""
        store = MemoryStore()
        source = SecretsManagerSecret(name, endpoint_url=vault.url)
        tokens = {
            make(client_id=client_id, client_secret=secret, store=store).get_token().access_token
            for client_id, secret in (
                (None, source),
                (fake.client_id, source),
                (fake.client_id, fake.client_secret),
                (None, SecretsManagerSecret(vault.arn(name), endpoint_url=vault.url)),
            )
        }
        assert len(tokens) == 1
        assert len(fake.token_requests) == 1

    def test_store_is_shared_on_after_a_rotation(
        self, make: Make, fake: FakeCognito, vault: Vault, name: str, clock: ManualClock
    ) -> None:
        """Entries are encrypted under the secret of the day: one token for all before it, and one after it."""
        store = MemoryStore(clock=clock)
        source = SecretsManagerSecret(name, endpoint_url=vault.url)
        processes = [make(client_id=None, client_secret=source, store=store) for _ in range(3)]
        for _ in range(2):
            assert len({process.get_token().access_token for process in processes}) == 1
            vault.rotate(name, fake, keep_old=False)
            clock.advance(4000)
        assert [request.status for request in fake.token_requests] == [200, 200]

    def test_two_first_readings_at_once_agree(self, make: Make, fake: FakeCognito) -> None:
        """The first one says which client it is; a view that has read another one's secret meanwhile says so."""
        ids = iter([fake.client_id, "another"])

        class Source:
            """Gives another client's secret the second time."""

            client_id_from = "files/client"

            def __call__(self) -> ManagedSecret:
                return ManagedSecret(fake.client_secret, client_id=next(ids))

        credentials = make(client_id=None, client_secret=Source())
        other = credentials.with_scopes("demo/write.file")
        credentials.get_token()
        credentials._engine.accepted = None  # no secret is known that worked
        with pytest.raises(ConfigurationError, match=f"client another, but these credentials are for {fake.client_id}"):
            other.get_token()


class TestOtherPlaces:
    """Where such a secret may also be read from."""

    def test_lambda_extension(self, make: Make, fake: FakeCognito, extension: Extension) -> None:
        """Which is asked by the name or the ARN."""
        arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:files-AbCdEf"
        extension.put(arn, fake.managed_secret)
        for form in (arn, arn.replace(":secret:", ":secret/")):
            assert make(client_id=None, client_secret=LambdaExtensionSecret(form)).get_token().access_token
        extension.parameters["x"] = fake.managed_secret
        assert make(client_secret=LambdaExtensionSecret(parameter="x")).get_token().access_token
        for source in (LambdaExtensionSecret(parameter="x"), LambdaExtensionSecret("x", key="secret")):
            with pytest.raises(ConfigurationError, match="client_id: is missing"):
                make(client_id=None, client_secret=source)

    def test_file_parameter_and_function(self, make: Make, fake: FakeCognito, vault: Vault, tmp_path: Path) -> None:
        """A volume of the CSI driver for secrets, a reference in Parameter Store, Powertools: with the client's id."""
        path = tmp_path / "client"
        path.write_text(fake.managed_secret + "\n", encoding="utf-8")
        vault.put_parameter("/files/managed", fake.managed_secret)
        sources: list[Any] = [
            FileSecret(path),
            ParameterStoreSecret("/files/managed", endpoint_url=vault.url),
            lambda: fake.managed_secret,
            lambda: pydantic.SecretStr(fake.managed_secret),
            lambda: ManagedSecret(fake.client_secret, client_id=fake.client_id),
            lambda: changed(fake, userPoolClientId=None),
        ]
        for source in sources:
            assert make(client_secret=source).get_token().access_token
        for source in sources[:-1]:
            with pytest.raises(ConfigurationError, match=f"belongs to the app client {fake.client_id}, but these"):
                make(client_secret=source, client_id="another").get_token()

    def test_function_that_gives_half_of_it(self, make: Make, fake: FakeCognito) -> None:
        """Its JSON is not shown; no frame holds it."""
        with pytest.raises(
            ConfigurationError, match="client_secret in what its source gives, key clientSecretValue: hol"
        ):
            make(client_secret=lambda: changed(fake, clientSecretValue=f"{fake.client_secret} x")).get_token()
        with pytest.raises(ConfigurationError, match=r"client_secret: is a JSON object: give the value"):
            make(client_secret=lambda: json.dumps({"secret": fake.client_secret})).get_token()

    def test_wrong_one_of_several_shows_none_of_them(self, fake: FakeCognito) -> None:
        """No frame holds the good one that follows it."""
        with pytest.raises(ConfigurationError, match="client_secret: holds white space"):
            read_secrets(lambda: [f"{fake.client_secret} x", fake.client_secret])

    def test_own_source_that_names_the_client(self, make: Make, fake: FakeCognito) -> None:
        """It says where the id will come from."""

        class Vault:
            client_id_from = "files/client"

            def __call__(self) -> str:
                return fake.managed_secret

        credentials = make(client_id=None, client_secret=Vault())
        assert "of files/client at" in repr(credentials)
        assert credentials.get_token().access_token

    @pytest.mark.parametrize("named_by", [None, "", 7])
    def test_attribute_that_names_nothing_does_not_count(self, make: Make, named_by: object) -> None:
        """Then the client's id is needed."""

        class Source:
            client_id_from = named_by

            def __call__(self) -> str:
                return "x"

        with pytest.raises(ConfigurationError, match="client_id: is missing"):
            make(client_id=None, client_secret=Source())


class TestAnotherPool:
    """A secret of a client of another user pool than the domain's."""

    def test_refusal_names_the_pool_and_the_client_of_the_secret(
        self, make: Make, fake: FakeCognito, vault: Vault
    ) -> None:
        """Cognito says no more than invalid_client."""
        members = {"userPoolId": "eu-west-1_Another12", "userPoolClientId": "another"}
        source = SecretsManagerSecret(vault.create(changed(fake, **members)), endpoint_url=vault.url)
        with pytest.raises(InvalidClient) as caught:
            make(client_id=None, client_secret=source).get_token()
        assert "The secret is for the app client another of the user pool eu-west-1_Another12" in str(caught.value)
        assert caught.value.error == "invalid_client"

    def test_it_is_healed_by_the_right_one(
        self, make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock
    ) -> None:
        """No token was issued to the client that was named first, so another one may follow without a restart."""
        members = {"userPoolId": "eu-west-1_Another12", "userPoolClientId": "another"}
        name = vault.create(changed(fake, **members))
        credentials = make(client_id=None, client_secret=SecretsManagerSecret(name, endpoint_url=vault.url))
        with pytest.raises(InvalidClient):
            credentials.get_token()
        vault.put(name, fake.managed_secret)
        clock.advance(60)
        assert credentials.get_token().access_token
        assert f"of {fake.client_id} at" in repr(credentials)


class TestAnotherClient:
    """A secret that is another client's from some day on."""

    @pytest.mark.fault(179)
    def test_last_good_secret_is_used(
        self,
        managed: CognitoClientCredentials,
        fake: FakeCognito,
        vault: Vault,
        name: str,
        clock: ManualClock,
        events: list[Event],
    ) -> None:
        """While it is good; one that is refused leads to an error with both ids, and it is healed by itself."""
        managed.get_token()
        mine = fake.managed_secret
        vault.put(name, changed(fake, userPoolClientId="another", clientSecretValue="of-another-app-client-1"))
        clock.advance(4000)
        assert managed.get_token().access_token
        assert [event.error for event in events if event.name == "secret_source_failed"] == ["ConfigurationError"]
        vault.put(name, changed(fake, userPoolClientId="another", clientSecretValue="of-another-app-client-2"))
        new = fake.rotate_secret()
        clock.advance(4000)
        with pytest.raises(InvalidClient) as caught:
            managed.get_token()
        assert f"belongs to the app client another, but these credentials are for {fake.client_id}" in str(caught.value)
        vault.put(name, json.dumps({**json.loads(mine), "clientSecretValue": new}))
        clock.advance(60)
        assert managed.get_token().access_token

    def test_previous_secret_of_ours_is_found(
        self, make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock
    ) -> None:
        """Another client's is AWSCURRENT, ours is AWSPREVIOUS, and the last good one is gone."""
        name = vault.create(fake.managed_secret)
        credentials = make(client_secret=SecretsManagerSecret(name, endpoint_url=vault.url))
        credentials.get_token()
        fake.rotate_secret()
        vault.put(name, fake.managed_secret)
        vault.put(name, changed(fake, userPoolClientId="another", clientSecretValue="of-another-app-client-1"))
        clock.advance(4000)
        assert credentials.get_token().access_token


@pytest.mark.fault(179)
def test_service_that_is_down_leaves_the_arn_in_its_place(
    make: Make, fake: FakeCognito, vault: Vault, clock: ManualClock
) -> None:
    """Nothing is known yet, so nothing is sent; with the secret comes the id."""
    source = SecretsManagerSecret(name := "files/later", endpoint_url=vault.url)
    credentials = make(client_id=None, client_secret=source)
    with pytest.raises(TokenUnavailable, match="ResourceNotFoundException"):
        credentials.get_token()
    assert "of files/later at" in repr(credentials)
    vault.create(fake.managed_secret, name)
    clock.advance(60)
    assert credentials.get_token().access_token
    assert f"of {fake.client_id} at" in repr(credentials)


def test_managed_secret_shows_its_ids_and_no_value(fake: FakeCognito) -> None:
    """It is what a source of one's own may give."""
    managed = ManagedSecret(fake.client_secret, client_id="abc", user_pool_id=fake.user_pool_id)
    assert repr(managed) == f"<ManagedSecret of the app client abc, user pool {fake.user_pool_id}: value hidden>"
    assert managed.get_secret_value() == fake.client_secret
    with pytest.raises(ConfigurationError, match="client_id in the secret source: has to be printable ASCII"):
        ManagedSecret(fake.client_secret, client_id="")


def test_the_package_imports_no_boto3_for_it(arn: str, fake: FakeCognito) -> None:
    """Nor does building the credentials, in a process that has not imported it."""
    script = (
        "import sys; from s2sauth import CognitoClientCredentials as C; C.from_env(); sys.exit('boto3' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], env=environ_with(fake, arn), check=True)
