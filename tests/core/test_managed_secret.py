"""Secrets that Cognito manages: what is read of their JSON, and whose they are.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2sauth._core.client_secret import Found, cognito_secret, stored_secret
from s2sauth._core.config import check_arguments, client_id_from
from s2sauth._core.errors import Cause, ConfigurationError, Failure, InvalidClient
from s2sauth._core.secret_arn import as_secrets_manager_says, may_name_client
from s2sauth._core.secret_owner import client_of, secrets_of, whose
from s2sauth._core.settings import Settings, key, key_id, with_client
from s2sauth._core.values import ManagedSecret, Secret
from tests.support.entries import settings

VALUE = "0secret0of0the0app0client0"
CLIENT = "1h57kf5cpq17m0eml12EXAMPLE"
POOL = "eu-central-1_Ex4mpl3Ab"
WHOLE = {"userPoolId": POOL, "userPoolClientId": CLIENT, "clientSecretValue": VALUE}
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cognito-AbCdEf"


def unknown(**changes: object) -> Settings:
    """Settings that have the ARN in the place of the client's id."""
    return settings(client_id=ARN, client_known=False, **changes)


def found(*clients: str | None, pool: str | None = POOL) -> list[Found]:
    """A secret for each; None names no client."""
    return [
        (
            Secret(f"{VALUE}{number}"),
            None if client is None else ManagedSecret(VALUE, client_id=client, user_pool_id=pool, place="secret x"),
        )
        for number, client in enumerate(clients)
    ]


@pytest.mark.parametrize("key_to_read", [None, "clientSecretValue"])
@pytest.mark.parametrize(
    ("members", "pool"),
    [
        (WHOLE, POOL),
        ({**WHOLE, "more": {"a": [1, None]}}, POOL),
        ({"userPoolClientId": CLIENT, "clientSecretValue": VALUE}, None),
        ({**WHOLE, "userPoolId": 7}, None),
        ({**WHOLE, "userPoolId": ""}, None),
        ({**WHOLE, "userPoolId": "a b"}, None),
    ],
    ids=["whole", "more", "no pool", "pool no text", "pool empty", "pool with a blank"],
)
def test_the_json_of_cognito_gives_secret_client_and_pool(
    members: dict[str, object], pool: str | None, key_to_read: str | None
) -> None:
    """With the key named and without; members that are not known do not matter."""
    read = stored_secret(f" {json.dumps(members)}\n", "secret x", key_to_read)
    assert isinstance(read, ManagedSecret)
    assert (read.get_secret_value(), read.client_id, read.user_pool_id, read.place) == (VALUE, CLIENT, pool, "secret x")


def test_a_secret_without_its_client_is_one_all_the_same() -> None:
    """Of the client that is configured."""
    assert stored_secret(json.dumps({"clientSecretValue": VALUE}), "secret x") == VALUE


def test_a_source_of_ones_own_may_make_one() -> None:
    """It needs no more than the secret and the client's id."""
    made = ManagedSecret(VALUE, client_id="a" * 128)
    assert (made.get_secret_value(), made.client_id, made.user_pool_id) == (VALUE, "a" * 128, None)
    assert made.place == "the secret source"
    assert repr(made) == f"<ManagedSecret of the app client {'a' * 128}: value hidden>"
    with_pool = ManagedSecret(VALUE, client_id="!~", user_pool_id=POOL)
    assert repr(with_pool) == f"<ManagedSecret of the app client !~, user pool {POOL}: value hidden>"
    with pytest.raises(TypeError, match=r"ManagedSecret cannot be formatted, .*: get_secret_value"):
        f"{made}"
    with pytest.raises(TypeError, match="ManagedSecret cannot be pickled or copied: read it again"):
        copy.copy(made)


def test_another_key_is_read_as_ever() -> None:
    """Somebody keeps a second secret beside it."""
    assert stored_secret(json.dumps({**WHOLE, "other": "another"}), "secret x", "other") == "another"


FIELD = "client_secret in secret x"


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (
            {"userPoolClientId": CLIENT},
            f"{FIELD}: the key clientSecretValue is to be read, and this is a JSON object",
        ),
        ({"clientSecretValue": 7}, f"{FIELD}, key clientSecretValue: is of type int, not a string"),
        ({**WHOLE, "clientSecretValue": None}, f"{FIELD}, key clientSecretValue: is missing, not a string"),
        ({**WHOLE, "clientSecretValue": f"{VALUE} x"}, f"{FIELD}, key clientSecretValue: holds white space"),
        ({**WHOLE, "userPoolClientId": None}, "client_id in secret x: has to be printable ASCII"),
        ({**WHOLE, "userPoolClientId": ""}, "client_id in secret x: has to be"),
        ({**WHOLE, "userPoolClientId": "ä"}, "client_id in secret x: has to be"),
        ({**WHOLE, "userPoolClientId": "a\x1b[0m"}, "client_id in secret x: has to be"),
        ({**WHOLE, "userPoolClientId": "a" * 129}, "client_id in secret x: has to be"),
    ],
    ids=[
        "no value",
        "no client, and a number",
        "null",
        "blank",
        "client null",
        "client empty",
        "client not ASCII",
        "client with escapes",
        "long",
    ],
)
def test_what_is_wrong_with_it_is_said_without_the_value(members: dict[str, object], says: str) -> None:
    """And with the place."""
    with pytest.raises(ConfigurationError) as caught:
        stored_secret(json.dumps(members), "secret x")
    assert str(caught.value).startswith(says)
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize(
    "other",
    [VALUE, "", None, 7, b"{}", "{}", "[]", '{"client_secret": "x"}', '"clientSecretValue"', '{"clientSecretValue"'],
    ids=repr,
)
def test_anything_else_is_not_cognitos(other: object) -> None:
    """None, and no error."""
    assert cognito_secret(other, "secret x") is None


@given(st.dictionaries(st.sampled_from([*WHOLE, "other"]), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_any_json_is_read_or_refused_with_our_error(members: dict[str, object]) -> None:
    """Never another one."""
    try:
        read = cognito_secret(json.dumps(members), "secret x")
    except ConfigurationError:
        return
    assert (read is None) is not ("clientSecretValue" in members or "userPoolClientId" in members)


@pytest.mark.parametrize(
    ("given_key", "may"), [(None, True), ("clientSecretValue", True), ("", False), ("clientsecretvalue", False)]
)
def test_which_keys_leave_the_client_to_the_secret(given_key: str | None, may: bool) -> None:  # a table
    """All of it, or Cognito's own member."""
    assert may_name_client(given_key) is may


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        (ARN, ARN),
        (ARN.replace(":secret:", ":secret/"), ARN),
        ("arn:aws-eusc:secretsmanager:a:1:secret/a/b", "arn:aws-eusc:secretsmanager:a:1:secret:a/b"),
        ("arn:aws:secretsmanager:a:1:secret:secret/a", "arn:aws:secretsmanager:a:1:secret:secret/a"),
        ("arn:aws:ssm:eu-central-1:1:secret/a", "arn:aws:ssm:eu-central-1:1:secret/a"),
        ("secret/a", "secret/a"),
    ],
)  # fmt: skip
def test_cognitos_form_of_the_arn_is_that_of_secrets_manager_with_a_slash(name: str, asked: str) -> None:
    """Only there: a secret's own name may begin so."""
    assert as_secrets_manager_says(name) == asked


@pytest.mark.parametrize("clients", [(), (None,), (CLIENT,), ("another",)])
def test_a_client_that_is_known_stays(clients: tuple[str | None, ...]) -> None:
    """Whatever the secret names."""
    assert client_of(found(*clients), settings(client_id="abc")) == "abc"


@pytest.mark.parametrize("clients", [(CLIENT,), (None, CLIENT), (CLIENT, "another")])
def test_otherwise_it_is_the_first_that_is_named(clients: tuple[str | None, ...]) -> None:
    """By the secrets in their order."""
    assert client_of(found(*clients), unknown()) == CLIENT


@pytest.mark.parametrize("clients", [(), (None,), (None, None)])
def test_where_none_is_named_it_is_asked_for(clients: tuple[str | None, ...]) -> None:
    """With the secret's ARN, and what Cognito would have written."""
    with pytest.raises(ConfigurationError) as caught:
        client_of(found(*clients), unknown())
    assert str(caught.value) == (
        f"client_id: is not given, and the secret {ARN} does not contain it. Cognito writes it into the secrets that "
        "it manages: a JSON object with userPoolId, userPoolClientId and clientSecretValue. Set client_id "
        "(APP_CLIENT_ID), or use the ARN of a secret that Cognito manages"
    )


@pytest.mark.parametrize(
    ("changes", "client", "says"),
    [
        ({"cognito": True}, "not-an:id", "client_id in secret x: contains a character that no id of Cognito has"),
        ({"auth_method": "client_secret_basic"}, "a:b", "client_id in secret x: holds a colon"),
        ({"auth_method": "client_secret_basic", "encodes_basic": True}, "a:b", None),
        ({"auth_method": "client_secret_post"}, "a:b", None),
        ({}, "not-an:id", None),
    ],
)
def test_an_id_that_cannot_be_one_is_refused(changes: dict[str, object], client: str, says: str | None) -> None:
    """As in the argument."""
    if says is None:
        assert client_of(found(client), unknown(**changes)) == client
        return
    with pytest.raises(ConfigurationError) as caught:
        client_of(found(client), unknown(**changes))
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("clients", "ours"),
    [
        ((None,), (0,)),
        ((CLIENT,), (0,)),
        ((CLIENT, CLIENT), (0, 1)),
        ((CLIENT, None), (0, 1)),
        (("another", CLIENT), (1,)),
        (("another", None), (1,)),
    ],
)
def test_secrets_of_another_client_are_left_out(clients: tuple[str | None, ...], ours: tuple[int, ...]) -> None:
    """Where one of ours is among them."""
    assert secrets_of(CLIENT, found(*clients)) == [Secret(f"{VALUE}{number}") for number in ours]


def test_only_secrets_of_another_client_are_an_error_with_both_ids() -> None:
    """And the place."""
    with pytest.raises(ConfigurationError) as caught:
        secrets_of("abc", found("another", "third"))
    assert str(caught.value) == (
        "client_secret in secret x: belongs to the app client another, but these credentials are for abc. Correct the "
        "ARN of the secret, or client_id (APP_CLIENT_ID). Without a client_id, the first one that got a token counts"
    )


def test_a_refusal_says_whose_secret_it_was() -> None:
    """As far as the secret does."""
    assert whose(found(None)) is None
    check = "check that the domain belongs to that user pool."
    assert whose(found(None, "abc")) == f"The secret is for the app client abc of the user pool {POOL}: {check}"
    assert whose(found("abc", pool=None)) == f"The secret is for the app client abc: {check}"


@pytest.mark.parametrize("text", ["said", "said."])
def test_a_failure_may_have_one_more_sentence(text: str) -> None:
    """All else stays."""
    failure = Failure(Cause.CLIENT_REFUSED, InvalidClient, (text, "invalid_client", None, 400, "id"), 7.0)
    more = failure.and_also("More.")
    assert more.args == ("said. More.", "invalid_client", None, 400, "id")
    assert (more.cause, more.error, more.retry_after) == (Cause.CLIENT_REFUSED, InvalidClient, 7.0)


def test_the_key_has_the_arn_until_the_client_is_known() -> None:
    """Then it is the one of an explicit client id."""
    before = unknown(scopes="a", cognito=True)
    after = with_client(before, CLIENT)
    assert (ARN in key(before), ARN in repr(before)) == (True, True)
    assert after == settings("a", client_id=CLIENT, cognito=True)
    assert key_id(after) != key_id(before)


class Named:
    """A source that names its client, or does not."""

    def __init__(self, client_id_from: object) -> None:
        self.client_id_from = client_id_from

    def __call__(self) -> str:
        return VALUE


@pytest.mark.parametrize(
    ("source", "stands"),
    [(Named(ARN), ARN), (Named(""), None), (Named(None), None), (Named(7), None), (VALUE, None), (None, None)],
)
def test_what_stands_for_the_client(source: object, stands: str | None) -> None:
    """A text, where the source has one."""
    assert client_id_from(source) == stands


def arguments(**changes: object) -> Settings:
    """Checked, with all else in order."""
    usual: dict[str, object] = dict.fromkeys(("region", "token_url", "scopes", "client_metadata"))
    usual.update(domain="auth.example.com", auth_method="auto", strict=False)
    return check_arguments(**{**usual, **changes})  # type: ignore[arg-type]  # objects, as it takes them


def test_a_client_id_may_be_left_out_where_the_secret_names_it() -> None:
    """One that is given counts."""
    without = arguments(client_id=None, secret=Named(ARN))
    assert (without.client_id, without.client_known) == (ARN, False)
    explicit = arguments(client_id="abc", secret=Named(ARN))
    assert (explicit.client_id, explicit.client_known) == ("abc", True)
    with pytest.raises(ConfigurationError, match="client_id: is missing"):
        arguments(client_id=None, secret=VALUE)


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        (json.dumps(WHOLE), "is the JSON of a secret that Cognito manages and replaces within days: give the secret's"),
        ('{"client_secret": "x"}', "is a JSON object: give the value of the key that holds the secret"),
        ('{"userPoolClientId": "clientSecretValue"}', "is the JSON of a secret that Cognito manages"),
        ('"clientSecretValue"', "is in quotes"),
    ],
)
def test_a_literal_one_is_refused_with_the_better_way(secret: str, says: str) -> None:
    """Nothing would notice the next rotation."""
    with pytest.raises(ConfigurationError) as caught:
        arguments(client_id="abc", secret=secret)
    assert str(caught.value).startswith(f"client_secret: {says}")
