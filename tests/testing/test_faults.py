"""The token endpoint's faults, each on a real socket."""

import socket
import time

import httpx
import pytest

from s2sauth.testing import FakeCognito


def test_fail_answers_a_status_with_body_and_headers(fake, ask):
    """Usual headers stay, unless given."""
    fake.fail(429, body=b"<html>", headers=[("Retry-After", "7"), ("X-Amz-Cognito-Request-Id", "abc")])
    response = ask(fake)
    assert (response.status_code, response.content) == (429, b"<html>")
    assert response.headers["retry-after"] == "7"
    assert response.headers.get_list("x-amz-cognito-request-id") == ["abc"]
    assert "content-type" not in response.headers


def test_times_says_for_how_many_requests_a_fault_holds(fake, ask):
    """Then the usual answers come by themselves; zero is none."""
    fake.fail(times=2)
    assert [ask(fake).status_code for _ in range(4)] == [503, 503, 200, 200]
    fake.fail(times=0)
    assert ask(fake).status_code == 200


def test_a_fault_without_times_holds_until_recover(fake, ask):
    """And a later one takes its place."""
    fake.fail(500)
    fake.fail(502)
    assert [ask(fake).status_code for _ in range(2)] == [502, 502]
    fake.recover()
    assert ask(fake).status_code == 200


@pytest.mark.parametrize(
    ("value", "body"), [({"error": "invalid_grant"}, b'{"error":"invalid_grant"}'), (b"{nan", b"{nan"), (None, b"null")]
)
def test_answer_json_sends_a_value_or_bytes_as_json(fake, ask, value, body):
    """Bytes go as they are, however wrong."""
    fake.answer_json(value, 400)
    response = ask(fake)
    assert (response.status_code, response.content) == (400, body)
    assert response.headers["content-type"] == "application/json;charset=UTF-8"


def test_answer_json_takes_another_content_type(fake, ask):
    """A given header replaces the usual one, in any case."""
    fake.answer_json({}, headers=[("content-type", "text/html")])
    assert ask(fake).headers.get_list("content-type") == ["text/html"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", 200, id="truncated"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\n{}", 200, id="http-1.0"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", 0, id="no-status"),
        pytest.param(b"\x16\x03\x01", 0, id="garbage"),
        pytest.param(b"", 0, id="nothing"),
    ],
)
def test_answer_writes_raw_bytes_and_ends_the_connection(fake, send, drain, data, status):
    """Byte for byte; the record has the status if there is one."""
    fake.answer(data)
    assert drain(send(fake.domain)) == data
    assert fake.token_requests[0].status == status


def test_redirect_sends_elsewhere(fake, ask):
    """And takes its status as an argument."""
    fake.redirect("http://127.0.0.1:1/", 307)
    response = ask(fake)
    assert (response.status_code, response.headers["location"]) == (307, "http://127.0.0.1:1/")


def test_endless_repeats_its_chunk_until_the_client_leaves(fake, client):
    """The client has to stop reading."""
    fake.endless(chunk=b"ab", headers=[("Content-Type", "application/json")])
    got = b""
    with client.stream("POST", fake.token_url) as response:
        assert response.status_code == 200
        for part in response.iter_raw():
            got += part
            if len(got) > 1_000:
                break
    assert got.startswith(b"ababab")


@pytest.mark.parametrize("data", [None, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_drip_sends_one_byte_at_a_time(fake, send, drain, data):
    """Headers too: the usual answer, or the given bytes."""
    fake.drip(0.0, data)
    sock = send(fake.domain)
    assert sock.recv(1) == b"H"
    if data is None:
        sock.shutdown(socket.SHUT_WR)
    assert drain(sock).startswith((b"TTP/1.1 405 ", b"TTP/1.1 400 "))


def test_a_slow_drip_ends_with_the_server(send):
    """close() waits for no interval."""
    with FakeCognito() as fake:
        fake.drip(1000)
        send(fake.domain)
        fake.wait_for_token_requests()


def test_hang_reads_the_request_and_never_answers(fake, client, ask):
    """Not even after recover(); later requests are answered."""
    fake.hang()
    with pytest.raises(httpx.ReadTimeout):
        client.post(fake.token_url, timeout=0.05)
    fake.recover()
    assert ask(fake).status_code == 200
    assert [record.status for record in fake.token_requests] == [0, 200]


def test_reset_ends_the_connection_with_a_tcp_reset(fake, send):
    """After the request was read."""
    fake.reset(times=1)
    with pytest.raises(ConnectionResetError):
        send(fake.domain).recv(1)
    assert len(fake.token_requests) == 1


@pytest.mark.shows_the_value("a plain httpx call with auth=(id, secret) has them in its own frames")
def test_refuse_ends_connections_and_refuses_new_ones_on_the_same_port_until_recover(fake, ask, send):
    """Nobody else gets the port meanwhile."""
    domain = fake.domain
    idle = send(domain)
    assert idle.recv(4096).startswith(b"HTTP/1.1 405 ")
    fake.refuse()
    assert idle.recv(1) == b""
    for _ in range(2):
        with pytest.raises(httpx.ConnectError):
            ask(fake)
        fake.refuse()
    fake.recover()
    fake.recover()
    assert fake.domain == domain
    assert ask(fake).status_code == 200


@pytest.mark.shows_the_value("a plain httpx call with auth=(id, secret) has them in its own frames")
def test_hang_up_ends_new_connections_at_once_until_recover(fake, ask):
    """No request is read, so none is recorded."""
    fake.hang_up()
    with pytest.raises(httpx.TransportError):
        ask(fake)
    assert fake.token_requests == []
    fake.recover()
    assert ask(fake).status_code == 200


def test_the_gate_holds_answers_until_release(fake, ask, send, call):
    """The request is recorded and decided when it arrives, and answered when the gate opens."""
    fake.gate()
    held = send(fake.domain)
    fake.wait_for_token_requests(1)
    fake.fail(503)
    call(fake, "unknown")  # time enough for an answer that is not held; the API has no gate
    held.setblocking(False)
    with pytest.raises(BlockingIOError):
        held.recv(1)
    held.settimeout(5)
    fake.release()
    assert held.recv(4096).startswith(b"HTTP/1.1 405 ")
    assert ask(fake).status_code == 503


def test_the_gate_may_hold_the_next_answers_only(fake, ask, send):
    """Those that come later are answered; nothing is held any more once it has been released."""
    fake.gate(times=1)
    held = send(fake.domain)
    fake.wait_for_token_requests(1)
    assert ask(fake).status_code == 200
    fake.release()
    assert held.recv(4096).startswith(b"HTTP/1.1 405 ")
    assert ask(fake).status_code == 200


def test_waiting_for_requests_gives_up_after_its_timeout(fake):
    """It says how many came."""
    with pytest.raises(TimeoutError, match="0 of 1"):
        fake.wait_for_token_requests(1, timeout=0.01)
    with pytest.raises(TimeoutError, match="0 of 2"):
        fake.wait_for_api_requests(2, timeout=0.01)


def test_latency_is_how_long_an_answer_takes(ask, send):
    """It can be changed while running, and close() cuts it short."""
    with FakeCognito(latency=0.05) as fake:
        before = time.monotonic()
        ask(fake)
        assert time.monotonic() - before >= 0.05
        fake.set_latency(1000)
        sock = send(fake.domain)
        fake.wait_for_token_requests(2)
    assert sock.recv(1) == b""
