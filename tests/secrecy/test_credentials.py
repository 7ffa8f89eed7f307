"""Secret and token are in no text: repr, str, format, vars, pickle, copy, errors, tracebacks, logs, events."""

import base64
import copy
import dataclasses
import gc
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

from s2sauth import CognitoClientCredentials, Event, InvalidClient, S2SAuthError
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]

SENTINEL = "s3ntinel+secret/that=is~long-enough-to-look-real"


def forms(secret: str, client_id: str = "") -> list[str]:
    """What a leak could look like."""
    return [
        secret,
        quote_plus(secret),
        base64.b64encode(secret.encode()).decode(),
        base64.b64encode(f"{client_id}:{secret}".encode()).decode(),
        secret[5:25],
    ]


@pytest.fixture
def credentials(make: Make, fake: FakeCognito) -> CognitoClientCredentials:
    """With a secret that is easily found."""
    fake.rotate_secret(SENTINEL)
    return make(client_secret=SENTINEL)


def shown(value: object) -> str:
    """Everything that Python says about an object without being forced."""
    texts = [
        repr(value),
        str(value),
        f"{value!r}",
        "%s %r" % (value, value),  # noqa: UP031  # as logging does
        repr([value]),
        repr({"a": value}),
    ]
    texts += [repr(getattr(value, name, None)) for name in dir(value) if name not in ("access_token", "authorization")]
    looks: tuple[Callable[[Any], object], ...] = (vars, dataclasses.asdict, json.dumps, format, "Bearer {}".format)
    for look in looks:
        try:
            texts.append(repr(look(value)))
        except (TypeError, AttributeError):
            pass
    try:
        texts.append(json.dumps(value, default=str))
    except TypeError:
        pass
    return "\n".join(texts)


def test_credentials_show_no_secret(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """Before and after the first token."""
    token = credentials.get_token().access_token
    text = shown(credentials) + shown(credentials.state()) + shown(credentials.httpx_auth("https://api.example.com"))
    assert not [form for form in [*forms(SENTINEL, fake.client_id), token] if form in text]


def test_repr_ends_with_how_to_use_it(credentials: CognitoClientCredentials) -> None:
    """`httpx.Client(auth=credentials)` is the first mistake people make."""
    assert repr(credentials).endswith(
        'use it as httpx.Client(auth=credentials.httpx_auth("https://api.example.com")), or with httpx2 as '
        'httpx2.Client(auth=credentials.httpx2_auth("https://api.example.com"))>'
    )


def test_token_shows_no_value(credentials: CognitoClientCredentials) -> None:
    """Only the two attributes that are meant for it."""
    token = credentials.get_token()
    assert token.access_token not in shown(token)
    assert "demo/read.file" in repr(token)
    assert f"{token.expires_at:%Y-%m-%d}" in repr(token)


def test_values_are_read_only(credentials: CognitoClientCredentials) -> None:
    """A token is what was issued."""
    token = credentials.get_token()
    with pytest.raises(AttributeError):
        token.access_token = "other"
    with pytest.raises(AttributeError):
        del token.scopes
    with pytest.raises(TypeError):
        vars(token)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_that_is_secret_is_pickled(credentials: CognitoClientCredentials, protocol: int) -> None:
    """The error says what to do instead."""
    for value, hint in (
        (credentials, "from_env"),
        (credentials.get_token(), "get_token"),
    ):
        with pytest.raises(TypeError, match=hint) as caught:
            pickle.dumps(value, protocol)
        assert SENTINEL not in str(caught.value)


@pytest.mark.parametrize("copying", [copy.copy, copy.deepcopy])
def test_nothing_that_is_secret_is_copied(
    credentials: CognitoClientCredentials, copying: Callable[[object], object]
) -> None:
    """A deep copy of a settings object would double the token requests."""
    for value in (credentials, credentials.get_token()):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            copying(value)


KNOBS: dict[str, Callable[[FakeCognito], None]] = {
    "refused": lambda fake: fake.refuse(),
    "reset": lambda fake: fake.reset(),
    "garbage": lambda fake: fake.answer(b"garbage\r\n\r\n"),
    "503": lambda fake: fake.fail(503, body=SENTINEL.encode()),
    "echo of the secret": lambda fake: fake.answer_json(
        {"error": "invalid_client", "error_description": f"bad {SENTINEL}"}, 400
    ),
    "echo as a code": lambda fake: fake.answer_json({"error": SENTINEL}, 400),
    "echo in a header": lambda fake: fake.fail(403, headers=[("x-amz-cognito-request-id", f"{SENTINEL} x")]),
    "echo in a redirect": lambda fake: fake.redirect(f"https://elsewhere.example/?{SENTINEL}"),
    "poisoned token": lambda fake: fake.answer_json(
        {"access_token": f"{SENTINEL}\r\n", "token_type": "Bearer", "expires_in": 1}
    ),
    "not for us": lambda fake: fake.answer_json(
        {"access_token": SENTINEL, "token_type": SENTINEL, "expires_in": SENTINEL}
    ),
    "no json": lambda fake: fake.answer_json(SENTINEL.encode()),
}


@pytest.mark.parametrize("knob", KNOBS.values(), ids=KNOBS)
def test_errors_show_no_secret(
    credentials: CognitoClientCredentials,
    fake: FakeCognito,
    clock: ManualClock,
    events: list[Event],
    world: World,
    caplog: pytest.LogCaptureFixture,
    knob: Callable[[FakeCognito], None],
) -> None:
    """Nor do their tracebacks with all locals, the log at every level, or the events; for any failure there is."""
    caplog.set_level(logging.DEBUG)
    clock.set_random(0.0)
    knob(fake)
    with pytest.raises(S2SAuthError) as caught:
        world.get(credentials)
    stack = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "\n".join(stack.format()) + shown(caught.value) + repr(events)
    said = [
        record for record in caplog.records if "receive_response_headers" not in record.getMessage()
    ]  # httpcore's own
    text += "\n".join(record.getMessage() + repr(vars(record)) for record in said)
    assert not [form for form in forms(SENTINEL, fake.client_id) if form in text]


def test_a_short_secret_that_is_repeated_is_taken_out(make: Make, fake: FakeCognito, world: World) -> None:
    """Nothing in its looks tells it from a word: another authorization server's may have seven characters."""
    fake.answer_json({"error": "invalid_client", "error_description": "not hunter2!"}, 400)
    with pytest.raises(InvalidClient) as caught:
        world.get(make(client_secret=lambda: "hunter2"))
    assert caught.value.error_description == "not […]!"
    assert "hunter2" not in shown(caught.value)


def test_traceback_of_a_failing_source_shows_no_secret(make: Make, fake: FakeCognito) -> None:
    """What the source raised is named by its class only."""

    def secret() -> str:
        raise OSError(f"could not decrypt {SENTINEL}")

    with pytest.raises(S2SAuthError) as caught:
        make(client_secret=secret).get_token()
    out = io.StringIO()
    traceback.TracebackException.from_exception(caught.value, capture_locals=True).print(file=out)
    assert SENTINEL not in out.getvalue()


def test_failure_keeps_no_response_alive(credentials: CognitoClientCredentials, fake: FakeCognito) -> None:
    """No httpx object hangs on the exception, by whatever path: its request held the secret."""
    fake.fail(403)
    with pytest.raises(S2SAuthError) as caught:
        credentials.get_token()
    gc.collect()
    kept = [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, httpx.Response) and "oauth2/token" in str(thing.request.url)
    ]
    assert kept == []
    del caught


def test_events_hold_no_scope_and_no_client(
    make: Make, fake: FakeCognito, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """A key of eight hex digits stands for all that."""
    caplog.set_level(logging.DEBUG, "s2sauth")
    make(client_metadata={"tenant": "acme"}).get_token()
    text = repr(events) + "".join(record.getMessage() for record in caplog.records if record.name == "s2sauth")
    assert not [word for word in ("read.file", fake.client_id, "acme", "oauth2/token") if word in text]
    assert {len(event.key) for event in events} == {8}
