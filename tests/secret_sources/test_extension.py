"""The AWS Parameters and Secrets Lambda Extension."""

import http.client
import socket
from collections.abc import Callable

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event
from s2sauth.secret_sources import LambdaExtensionSecret, SourceFailed
from s2sauth.secret_sources import extension as module
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.extension import TOKEN, Extension

Make = Callable[..., CognitoClientCredentials]
NAME = "prod/files client"


def test_a_secret_is_asked_for_as_aws_says(extension: Extension) -> None:
    """Path, name and token."""
    extension.put(NAME, "abc")
    source = LambdaExtensionSecret(NAME)
    source.prepare()
    assert source() == "abc"
    assert extension.requests == [{"path": "/secretsmanager/get", "secretId": NAME}]


def test_a_parameter_is_asked_for_decrypted(extension: Extension) -> None:
    """A SecureString."""
    extension.parameters["/files/client"] = '{"secret": "abc"}'
    assert LambdaExtensionSecret(parameter="/files/client", key="secret")() == "abc"
    (request,) = extension.requests
    assert request == {"path": "/systemsmanager/parameters/get", "name": "/files/client", "withDecryption": "true"}


def test_a_key_of_a_json_object(extension: Extension) -> None:
    """As with Secrets Manager itself."""
    extension.put(NAME, '{"secret": "abc"}')
    assert LambdaExtensionSecret(NAME, key="secret")() == "abc"


def test_it_never_goes_through_a_proxy(extension: Extension, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request carries the function's session token."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    extension.put(NAME, "abc")
    assert LambdaExtensionSecret(NAME)() == "abc"


def test_its_token_is_not_printed(
    extension: Extension, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """http.client prints all headers when a program wants it."""
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    extension.put(NAME, "hunter2")
    LambdaExtensionSecret(NAME)()
    assert capfd.readouterr() == ("", "")


def test_again_goes_past_its_cache(extension: Extension) -> None:
    """It would give the old one for five minutes; then come the stages of a rotation, those that there are."""
    extension.put(NAME, "old")
    source = LambdaExtensionSecret(NAME)
    assert source() == "old"
    extension.put(NAME, "new")
    extension.put(NAME, "old", "AWSPREVIOUS")
    assert (source(), source.again(), source()) == ("old", ["new", "old"], "new")


def test_again_without_a_refresh_asks_as_before(extension: Extension) -> None:
    """Of a version that refuses the word."""
    extension.knows_refresh = False
    extension.put(NAME, "abc")
    assert LambdaExtensionSecret(NAME).again() == ["abc"]


def test_again_of_a_parameter(extension: Extension) -> None:
    """It has no stages."""
    extension.parameters["x"] = "old"
    source = LambdaExtensionSecret(parameter="x")
    source()
    extension.parameters["x"] = "new"
    assert source.again() == ["new"]


def test_again_gives_what_it_has_when_the_extension_dies(extension: Extension, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first stage."""
    extension.put(NAME, "abc")
    request = module._request
    answers = iter([request, None])

    def dying(target: str, seconds: float) -> tuple[int, bytes]:
        answer = next(answers)
        if answer is None:
            raise ConnectionResetError
        return answer(target, seconds)

    monkeypatch.setattr(module, "_request", dying)
    assert LambdaExtensionSecret(NAME).again() == ["abc"]


def test_one_that_is_not_ready_yet_is_asked_again(extension: Extension) -> None:
    """While the function starts it answers 400."""
    extension.put(NAME, "abc")
    extension.not_ready = 2
    assert LambdaExtensionSecret(NAME)() == "abc"
    assert len(extension.requests) == 3


def test_one_that_never_gets_ready_is_given_up(extension: Extension) -> None:
    """After two seconds, by a clock that runs ahead."""
    extension.not_ready = 1_000_000
    source = LambdaExtensionSecret(NAME)

    class Fast(ManualClock):
        def wait(self, lock: object, seconds: float, /) -> None:
            self.advance(seconds)

    source._clock = Fast()
    with pytest.raises(SourceFailed, match=r"^not ready$"):
        source()
    assert 30 <= len(extension.requests) <= 45


@pytest.mark.parametrize("knows_token", [True, False])
def test_another_status_is_a_source_that_is_down(
    extension: Extension, monkeypatch: pytest.MonkeyPatch, knows_token: bool
) -> None:
    """AWS's words for it may hold anything."""
    if not knows_token:
        monkeypatch.delenv("AWS_SESSION_TOKEN")
    with pytest.raises(SourceFailed, match=r"^HTTP 400$" if knows_token else r"^HTTP 401$"):
        LambdaExtensionSecret(NAME)()


RAW = {
    "no HTTP": (b"garbage\r\n\r\n", SourceFailed, "^BadStatusLine$"),
    "cut": (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}", SourceFailed, "^answer cut or too long$"),
    "cut chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
        SourceFailed,
        "^IncompleteRead$",
    ),
    "endless": (b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + b" " * 999_999, SourceFailed, "^answer cut"),
    "no JSON": (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ngarbage", ConfigurationError, "is missing"),
    "no value": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", ConfigurationError, "is missing"),
}


@pytest.mark.parametrize("parameter", [False, True], ids=["secret", "parameter"])
@pytest.mark.parametrize(("raw", "error", "says"), RAW.values(), ids=RAW)
def test_an_odd_answer_is_an_error(
    extension: Extension, raw: bytes, error: type[Exception], says: str, parameter: bool
) -> None:
    """Of the source, or of what lies there; a binary secret has no text either."""
    extension.raw = raw
    with pytest.raises(error, match=says):
        LambdaExtensionSecret(**{"parameter" if parameter else "secret_id": NAME})()


@pytest.mark.parametrize("head", [b"Content-Length: 9000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n99\r\n"])
def test_a_cut_answer_shows_nothing_of_the_secret(extension: Extension, fake: FakeCognito, head: bytes) -> None:
    """http.client's error holds the part that came."""
    extension.raw = b"HTTP/1.1 200 OK\r\n" + head + fake.client_secret.encode()
    with pytest.raises(SourceFailed) as caught:
        LambdaExtensionSecret(NAME)()
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_wrong_value_is_said_with_its_place(extension: Extension, fake: FakeCognito) -> None:
    """Not with itself."""
    extension.put(NAME, f'{{"secret": "{fake.client_secret}"}}')
    with pytest.raises(
        ConfigurationError, match=f"in secret {NAME}, as the Lambda extension gives it: is a JSON object"
    ):
        LambdaExtensionSecret(NAME)()


def test_without_the_extension_the_error_is_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens where AWS says that it does: port 2773, unless a variable says otherwise."""
    monkeypatch.setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", "9")
    with pytest.raises(ConnectionRefusedError):
        LambdaExtensionSecret(NAME)()
    monkeypatch.delenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
    asked: list[int] = []

    class Connection(http.client.HTTPConnection):
        def connect(self) -> None:
            asked.append(self.port)
            raise ConnectionRefusedError

    monkeypatch.setattr(module, "HTTPConnection", Connection)
    with pytest.raises(ConnectionRefusedError):
        LambdaExtensionSecret(NAME)()
    assert asked == [2773]


def test_one_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the time for one answer, here a tenth of a second."""
    monkeypatch.setattr(module, "_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", str(silent.getsockname()[1]))
        with pytest.raises(TimeoutError):
            LambdaExtensionSecret(NAME)()


@pytest.mark.parametrize("given", [{}, {"secret_id": "a", "parameter": "b"}, {"secret_id": ""}, {"parameter": 7}])
def test_one_name_is_needed(given: dict[str, str]) -> None:
    """Said at once."""
    with pytest.raises(ConfigurationError, match="secret_id or parameter: use the name or the ARN"):
        LambdaExtensionSecret(**given)


def test_its_repr_is_the_name() -> None:
    """For logs."""
    assert repr(LambdaExtensionSecret("a")) == "LambdaExtensionSecret('a')"
    assert repr(LambdaExtensionSecret(parameter="a")) == "LambdaExtensionSecret(parameter='a')"


def test_a_secret_rotated_behind_its_cache_costs_one_more_request(
    make: Make, fake: FakeCognito, extension: Extension, clock: ManualClock, events: list[Event]
) -> None:
    """The old one is deleted while the extension still gives it: the token request is refused, and made again."""
    extension.put(NAME, fake.client_secret)
    credentials = make(client_secret=LambdaExtensionSecret(NAME))
    credentials.get_token()
    extension.put(NAME, fake.rotate_secret())
    clock.advance(4000)
    credentials.get_token()
    assert [request.status for request in fake.token_requests] == [200, 400, 200]
    assert [event.name for event in events if event.name.startswith("secret")] == ["secret_refused", "secret_changed"]
    assert TOKEN not in repr(events)
