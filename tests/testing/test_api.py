"""The protected API: the authorizer's answers, what a good call shows, and its faults."""

import gzip
import hashlib

import httpx
import pytest

from s2sauth.testing import FakeCognito


@pytest.fixture
def token(fake, ask):
    return ask(fake, scope="demo/read.file").json()["access_token"]


def test_a_good_call_shows_what_arrived(fake, call, token):
    """Method, path, caller, and the body's length and hash."""
    response = call(fake, token, "/files/a?b=c", "POST", content=b"hello")
    assert response.status_code == 200
    assert response.json() == {
        "method": "POST",
        "path": "/files/a?b=c",
        "client_id": fake.client_id,
        "scope": "demo/read.file",
        "length": 5,
        "sha256": hashlib.sha256(b"hello").hexdigest(),
    }


def test_a_body_in_chunks_arrives_whole(fake, call, token):
    """The record holds it put together."""
    response = call(fake, token, "/files", "PUT", content=iter([b"hel", b"lo"]))
    assert response.json()["sha256"] == hashlib.sha256(b"hello").hexdigest()
    assert fake.api_requests[0].body == b"hello"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="none"),
        pytest.param([("Authorization", "Bearer unknown")], id="unknown"),
        pytest.param([("Authorization", "{token}")], id="bare"),
        pytest.param([("Authorization", "Bearer  {token}")], id="two-blanks"),
        pytest.param([("Authorization", "Basic {token}")], id="basic"),
        pytest.param([("Authorization", "Bearer {token}")] * 2, id="twice"),
    ],
)
def test_without_one_well_formed_good_token_a_call_is_unauthorized(fake, client, token, headers):
    """As API Gateway says it."""
    pairs = [(name, value.format(token=token)) for name, value in headers]
    response = client.get(fake.api_url + "/files", headers=pairs)
    assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})
    assert response.headers["x-amzn-errortype"] == "UnauthorizedException"
    assert "www-authenticate" not in response.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [("/files", 200), ("/files/1", 200), ("/files?a", 200), ("/admin", 401), ("/admin/1", 401), ("/administer", 200)],
)
def test_a_route_takes_only_tokens_with_its_scope(fake, call, token, path, status):
    """A route's name ends at a slash; other routes take any token."""
    assert call(fake, token, path).status_code == status


def test_the_longest_route_decides(ask, call):
    """A part of a tree may need another scope than the rest."""
    with FakeCognito(api_scopes={"/": "demo/read.file", "/a/b": "demo/write.file"}) as fake:
        token = ask(fake, scope="demo/write.file").json()["access_token"]
        assert [call(fake, token, path).status_code for path in ("/a", "/a/b", "/a/b/c")] == [401, 200, 200]


def test_a_missing_scope_can_be_403(fake, call, token):
    """Sources disagree about what API Gateway says."""
    fake.set_scope_status(403)
    response = call(fake, token, "/admin")
    assert (response.status_code, response.json()) == (403, {"message": "Forbidden"})
    assert response.headers["x-amzn-errortype"] == "ForbiddenException"


def test_head_has_the_headers_and_no_body(fake, call, token, client):
    """The connection goes on after it."""
    assert call(fake, token, method="HEAD").headers["content-length"] != "0"
    assert client.head(fake.api_url + "/files").status_code == 401
    assert fake.counts()["api_connections"] == 1


def test_redirect_goes_where_the_query_says_and_checks_nothing(fake, client):
    """302 to the root, if nothing is said."""
    response = client.get(fake.api_url + "/redirect", params={"to": "/files?a=b", "status": "307"})
    assert (response.status_code, response.headers["location"]) == (307, "/files?a=b")
    response = client.get(fake.api_url + "/redirect")
    assert (response.status_code, response.headers["location"]) == (302, "/")


def test_api_answer_holds_for_so_many_calls_or_until_recover_api(fake, call, token):
    """A 401 with API Gateway's body, if nothing is said."""
    fake.api_answer(times=1)
    response = call(fake, token)
    assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})
    assert call(fake, token).status_code == 200
    fake.api_answer(503)
    assert [call(fake, token).status_code for _ in range(2)] == [503, 503]
    fake.recover()
    assert call(fake, token).status_code == 503
    fake.recover_api()
    assert call(fake, token).status_code == 200


def test_api_answer_sends_several_challenges(fake, call, token):
    """Header by header, as given."""
    challenges = ['Bearer error="invalid_token"', "Basic realm=x"]
    fake.api_answer(headers=[("WWW-Authenticate", value) for value in challenges])
    assert call(fake, token).headers.get_list("www-authenticate") == challenges


def test_api_answer_sends_any_body(fake, call, token):
    """Compressed, for instance; a status nobody knows has no phrase."""
    fake.api_answer(299, body=gzip.compress(b"x" * 1000), headers=[("Content-Encoding", "gzip")])
    response = call(fake, token)
    assert (response.status_code, response.reason_phrase, response.content) == (299, "", b"x" * 1000)


def test_api_answer_can_be_slow_after_its_head(fake, client):
    """The status comes at once, the body a byte at a time."""
    fake.api_answer(body=b"abc", interval=1000)
    with client.stream("GET", fake.api_url, timeout=0.05) as response:
        assert (response.status_code, response.headers["content-length"]) == (401, "3")
        with pytest.raises(httpx.ReadTimeout):
            response.read()
    fake.api_answer(body=b"abc", interval=0.001)
    assert client.get(fake.api_url).content == b"abc"


@pytest.mark.parametrize("body", [None, b"ab"])
def test_api_answer_can_be_endless(fake, client, body):
    """A 401 whose body never ends."""
    fake.api_answer(body=body, endless=True)
    with client.stream("GET", fake.api_url) as response:
        assert response.status_code == 401
        assert len(next(response.iter_raw(1_000))) == 1_000


def test_api_answer_can_be_raw_bytes(fake, client):
    """Nothing at all, for instance."""
    fake.api_answer(raw_data=b"")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(fake.api_url)
