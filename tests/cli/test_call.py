"""`s2sauth call`."""

import io
import json
import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from s2sauth.testing import FakeCognito
from tests.cli.conftest import Run


def test_answer_is_shown_as_it_is(run: Run, fake: FakeCognito) -> None:
    """Status, headers, an empty line, the body."""
    ran = run("call", "get", f"{fake.api_url}/files", "-H", "X-Test: 1", "--timeout", "5")
    head, _, body = ran.out.partition("\n\n")
    assert (ran.code, ran.err) == (0, "")
    assert head.startswith("HTTP/1.1 200 OK\n")
    assert "\ncontent-type: application/json" in head
    assert '"path":"/files"' in body
    assert fake.api_requests[0].header("x-test") == "1"
    assert fake.api_requests[0].token_id is not None


@pytest.mark.parametrize("kind", ["text", "file", "stdin"])
def test_body_comes_from(kind: str, run: Run, fake: FakeCognito, tmp_path: Path, bare: pytest.MonkeyPatch) -> None:
    """The command line, a file, or stdin."""
    (tmp_path / "body").write_bytes(b"hello")
    bare.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"hello")))
    data = {"text": "hello", "file": f"@{tmp_path / 'body'}", "stdin": "@-"}[kind]
    assert run("call", "POST", fake.api_url, "--json", "--data", data).json["status"] == 200
    assert fake.api_requests[0].body == b"hello"


def test_body_is_the_bytes_of_the_command_line(run: Run, fake: FakeCognito) -> None:
    """Also where they are no UTF-8, which Python has as surrogates."""
    run("call", "POST", fake.api_url, "--data", os.fsdecode(b"caf\xe9"))
    assert fake.api_requests[0].body == b"caf\xe9"


def test_body_from_a_stdin_that_is_closed(run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch) -> None:
    """As with `<&-`: no request."""
    bare.setattr(sys, "stdin", None)
    ran = run("call", "POST", fake.api_url, "--data", "@-")
    assert (ran.code, ran.err, fake.api_requests) == (2, "s2sauth: --data: stdin is closed\n", [])


def test_refusal_names_what_may_be_missing(run: Run, fake: FakeCognito) -> None:
    """A route whose scope the token lacks, answered as API Gateway does: without a reason."""
    ran = run("call", "GET", f"{fake.api_url}/admin", "--scope", "demo/read.file")
    assert ran.code == 1
    assert ran.out.startswith("HTTP/1.1 401 ")
    assert "The token has the scopes: demo/read.file." in ran.err
    assert f"client_id {fake.client_id}" in ran.err


def test_refusal_that_names_the_scope(run: Run, fake: FakeCognito) -> None:
    """RFC 6750 3.1: insufficient_scope with the scope that is needed."""
    challenge = 'Bearer error="insufficient_scope", scope="demo/write.file"'
    fake.api_answer(403, headers=[("WWW-Authenticate", challenge)])
    ran = run("call", "GET", fake.api_url, "--scope", "demo/read.file", "--json")
    assert ran.code == 1
    assert "asks for the scope demo/write.file" in ran.json["refusal"][0]


@pytest.mark.fault(188)
@pytest.mark.parametrize(
    ("status", "name", "message", "words"),
    [
        (403, "MissingAuthenticationTokenException", "Missing Authentication Token", "no such route, method or stage"),
        (403, "MissingAuthenticationTokenException", None, "no such route, method or stage"),
        (403, None, "Missing Authentication Token", "no such route, method or stage"),
        (403, "IncompleteSignatureException", "Authorization header requires 'Credential' parameter.", "(IAM)"),
        (
            403,
            "AccessDeniedException",
            "User: anonymous is not authorized to perform: execute-api:Invoke",
            "resource policy",
        ),
        (429, "LimitExceededException", "Limit Exceeded", "quota of the usage plan"),
        (500, "AuthorizerConfigurationException", None, "AUTHORIZER_CONFIGURATION_ERROR"),
        (504, None, "Endpoint request timed out", "INTEGRATION_TIMEOUT"),
        (413, "RequestTooLargeException", "Request Too Long", "10 MB"),
    ],
)
@pytest.mark.parametrize("command", [["call", "GET"], ["doctor"]], ids=lambda command: command[0])
def test_refusal_of_api_gateway_that_is_not_about_the_token(
    status: int, name: str | None, message: str | None, words: str, command: list[str], run: Run, fake: FakeCognito
) -> None:
    """By its header, else by its message; nothing is said of scopes, which do not matter there."""
    body = json.dumps({"message": message}).encode()
    fake.api_answer(status, body=body, headers=[("x-amzn-ErrorType", name or "")])
    ran = run(*command, fake.api_url)
    assert words in ran.out + ran.err
    assert "Likely cause: " in ran.out + ran.err
    assert "The token has the scopes" not in ran.out + ran.err
    assert "AWS WAF denies" not in ran.out + ran.err


def test_expired_token_is_named(run: Run, fake: FakeCognito) -> None:
    """API Gateway's own words; the claims follow, since the token is the reason."""
    fake.api_answer(401, body=b'{"message":"The incoming token has expired"}')
    ran = run("call", "GET", fake.api_url)
    assert "had expired when the authorizer looked at it" in ran.err
    assert "The token has the scopes" in ran.err


@pytest.mark.parametrize(("status", "action"), [(202, "challenge"), (405, "captcha"), (403, "\x1b[2Jblock")])
def test_aws_waf_is_named_and_is_a_failure(status: int, action: str, run: Run, fake: FakeCognito) -> None:
    """Whatever its status; the header itself is not repeated where it is explained."""
    fake.api_answer(status, body=b"<html>", headers=[("x-amzn-waf-action", action), ("x-amzn-ErrorType", "")])
    ran = run("call", "GET", fake.api_url)
    assert (ran.code, "web ACL" in ran.err) == (1, True)
    assert "\x1b" not in ran.out + ran.err
    ran = run("doctor", fake.api_url, "--json")
    (check,) = [check for check in ran.json["checks"] if check["name"] == "api"]
    assert (ran.code, check["status"]) == (1, "fail")
    assert "AWS WAF" in check["advice"]


def test_header_that_repeats_the_token_is_not_shown(run: Run, fake: FakeCognito) -> None:
    """Nor is it an error's name."""
    token = "opaque-value-for-this-test"
    fake.answer_json({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
    headers = [("x-amzn-ErrorType", token), ("x-amzn-waf-action", token), ("WWW-Authenticate", f"Bearer error={token}")]
    fake.api_answer(403, headers=headers)
    for command in (["call", "GET"], ["doctor"]):
        ran = run(*command, fake.api_url)
        assert token not in ran.out + ran.err


def test_refusal_that_names_no_scope(run: Run, fake: FakeCognito) -> None:
    """RFC 6750 3.1: `scope` beside insufficient_scope is optional."""
    fake.api_answer(401, headers=[("WWW-Authenticate", 'Bearer error="insufficient_scope"')])
    ran = run("call", "GET", fake.api_url)
    assert "This is the API's insufficient_scope." in ran.err
    assert fake.tokens_issued == 1


def test_other_failures_have_no_such_reason(run: Run, fake: FakeCognito) -> None:
    """A 500 is nothing that a setting helps with; an answer may have no body."""
    fake.api_answer(500, body=b"")
    ran = run("call", "GET", fake.api_url)
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.endswith("\n\n")


def test_token_that_comes_back_is_hidden(run: Run, fake: FakeCognito) -> None:
    """In the body and in headers of an API that repeats what it got."""
    token = "opaque-value-for-this-test"
    fake.answer_json({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
    fake.api_answer(401, body=f"you sent {token}".encode(), headers=[("X-Echo", f"Bearer {token}")])
    ran = run("call", "GET", fake.api_url)
    assert token not in ran.out + ran.err
    assert "you sent [token hidden]" in ran.out
    assert "x-echo: Bearer [token hidden]" in ran.out


@pytest.mark.parametrize("command", [["call", "GET"], ["doctor"]], ids=lambda command: command[0])
def test_token_that_comes_back_as_a_scope_is_hidden(command: list[str], run: Run, fake: FakeCognito) -> None:
    """In what is said of a refusal."""
    token = "opaque-value-for-this-test"
    fake.answer_json({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
    fake.api_answer(403, headers=[("WWW-Authenticate", f'Bearer scope="{token}"')])
    ran = run(*command, fake.api_url)
    assert token not in ran.out + ran.err
    assert "asks for the scope [token hidden]" in ran.out + ran.err


def test_endless_body_is_cut(run: Run, fake: FakeCognito, bare: pytest.MonkeyPatch) -> None:
    """And what may be the beginning of a token at its end is not shown."""
    token = "opaque-value-for-this-test"
    bare.setattr("s2sauth._cli._call.MAX_BODY", 60)
    fake.answer_json({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
    fake.api_answer(200, body=f"{token} and {'x' * 10} {token}{token}".encode())
    ran = run("call", "GET", fake.api_url, "--json")
    assert ran.json["body_cut"]
    assert ran.json["body"] == "[token hidden] and xxx"
    assert "opaque" not in ran.out
    assert ran.err == "the body goes on: only its first 60 bytes are read\n"


def test_token_that_comes_back_as_no_answer_is_hidden(run: Run, fake: FakeCognito) -> None:
    """The error of what is no HTTP quotes it."""
    token = "opaque-value-for-this-test"
    fake.answer_json({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo() -> None:
            connection, _ = server.accept()
            with connection:
                request = connection.recv(65536).decode()
                connection.sendall(request[request.index("Bearer") :].partition("\r\n")[0].encode() + b"\r\n\r\n")

        thread = threading.Thread(target=echo)
        thread.start()
        ran = run("call", "GET", f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert ran.code == 3
    assert "illegal status line: bytearray(b'Bearer [token hidden]')" in ran.err
    assert token not in ran.err


@pytest.mark.parametrize(
    ("argv", "code", "text"),
    [
        (["GET", "http://127.0.0.1:1/"], 3, "gave no answer: ConnectError"),
        (
            ["GET", "http://files.example.com/"],
            2,
            "s2sauth: URL: is http, where anyone on the way could read the token (--",
        ),
        (["GET", "files.example.com"], 2, "s2sauth: URL: needs https:// before the host; give it whole, as"),
        (["GET", "http://127.0.0.1:1/", "--timeout", "-1"], 2, "--timeout: use seconds, more than 0"),
        (["GET", "http://127.0.0.1:1/", "--timeout", "x"], 2, "--timeout: use seconds, more than 0"),
        (["GET", "http://127.0.0.1:1/", "--secret-file", "f", "--secret-arn", "a"], 2, "not allowed with argument"),
        (["GET", "http://127.0.0.1:1/", "-H", "no colon"], 2, '-H: use "Name: value"'),
        (["GET", "http://127.0.0.1:1/", "--data", "@/nowhere/at/all"], 2, "cannot be read: No such file"),
        (["GET", "http://127.0.0.1:1/", "--secret-arn", "arn"], 2, "s2sauth: --secret-arn: is no ARN of a secret; use"),
        (["GET", "http://127.0.0.1:1/", "--scope", "no/such"], 1, "invalid_scope"),
        (["GÉT", "http://127.0.0.1:1/"], 2, "METHOD: use ASCII letters"),
        (["GET", "https://¡.example/"], 2, "no such request can be sent: Invalid IDNA hostname"),
        (["GET", "https://xn--a.example/"], 2, "no such request can be sent: Codepoint"),
        (["GET", f"https://a.example/{'a' * 70_000}"], 2, "no such request can be sent: URL too long"),
    ],
)
@pytest.mark.usefixtures("fake", "offline")
def test_what_goes_wrong(argv: list[str], code: int, text: str, run: Run) -> None:
    """Each says what happened on stderr, and its exit code says whose turn it is."""
    ran = run("call", *argv)
    assert (ran.code, ran.out) == (code, "")
    assert text in ran.err


def test_request_that_cannot_be_sent(run: Run, fake: FakeCognito) -> None:
    """A method with a blank."""
    ran = run("call", "G T", fake.api_url)
    assert (ran.code, fake.api_requests) == (2, [])
    assert "no such request can be sent" in ran.err


@pytest.mark.parametrize("charset", ["hex", "idna", "undefined", "no-such"])
def test_body_of_a_charset_that_is_none(charset: str, run: Run, fake: FakeCognito) -> None:
    """Some of Python's codecs are not for text, or refuse it: the body is shown as UTF-8."""
    headers = [("Content-Type", f"text/plain; charset={charset}")]
    fake.api_answer(200, headers=headers, body="é..".encode())
    assert run("call", "GET", fake.api_url).out.endswith("\n\né..\n")
