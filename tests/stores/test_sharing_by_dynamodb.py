"""Sharing tokens by DynamoDB. Its stand-ins do what a table does, a stub refuses what they do not."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ParamValidationError

from parts.ministack import MiniStack
from parts.moto import Moto
from s2sauth import CognitoClientCredentials, Event
from s2sauth.stores import Store, StoreBusy
from s2sauth.stores.dynamodb import DynamoDBStore
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.clocks import WrongClock
from tests.support.fixtures import names
from tests.support.shared_store import (
    LEASED,
    TRIES,
    WatchedStore,
    advance_to_the_next_look,
    idle,
    landed,
    pause_of,
    planted,
    put_lease,
    seal_of,
)
from tests.support.store_faults import Place, dynamodb_url, failures, silent, unused
from tests.support.stores import AWS, DynamoDBEngine
from tests.support.worlds import GetToken, Threads

Make = Callable[..., CognitoClientCredentials]

pytestmark = pytest.mark.usefixtures("aws_variables")


def skewed(place: Place, seconds: float) -> Store:
    """The store of such a host."""
    store = DynamoDBStore("tokens", region="eu-central-1", endpoint_url=place.engine.url)  # type: ignore[attr-defined]  # DynamoDB
    store._clock = WrongClock(seconds)
    return store


def sealed(member: CognitoClientCredentials, fake: FakeCognito, *, asked_at: float) -> bytes:
    """An entry of its key."""
    return seal_of(member, fake).seal(planted(asked_at=asked_at))


@pytest.mark.fault(118)
def test_item_that_time_to_live_has_not_removed(
    make: Make, fake: FakeCognito, clock: ManualClock, moto_place: Place
) -> None:
    """DynamoDB takes days for that: an item that is over is none, though it lies there; and it is written over."""
    member = make(store=moto_place.store)
    name = seal_of(member, fake).name
    item = {
        "key": {"S": name},
        "value": {"S": sealed(member, fake, asked_at=clock.wall()).decode()},
        "expires": {"N": f"{time.time() - 1:.3f}"},
        "ttl": {"N": f"{time.time() - 1:.0f}"},
    }
    with closing(moto_place.engine.client()) as client:  # type: ignore[attr-defined]  # DynamoDB
        client.put_item(TableName="tokens", Item=item)
        assert moto_place.store.get(name) is None
        token = member.get_token()
        assert token.access_token != "planted"
        landed(member)
        found = client.get_item(TableName="tokens", Key={"key": {"S": name}}, ConsistentRead=True)["Item"]
    assert float(found["expires"]["N"]) > time.time() + 3_000
    assert make(store=moto_place.store).get_token().access_token == token.access_token


@pytest.mark.fault(118)
def test_lease_that_time_to_live_has_not_removed(make: Make, fake: FakeCognito, moto_place: Place) -> None:
    """The next one has it, at once: nobody waits for what a dead process left behind an hour ago."""
    member = make(store=moto_place.store)
    item = {
        "key": {"S": seal_of(member, fake).lease},
        "value": {"S": "dead"},
        "expires": {"N": f"{time.time() - 3_600:.3f}"},
    }
    with closing(moto_place.engine.client()) as client:  # type: ignore[attr-defined]  # DynamoDB
        client.put_item(TableName="tokens", Item=item)
    assert member.get_token()  # the clock of its pauses stands still: it would hang
    landed(member)
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(191)
@pytest.mark.parametrize("expires", ["99999999999", "9.9E+125"])
def test_lease_that_ends_in_the_far_future(make: Make, fake: FakeCognito, moto_place: Place, expires: str) -> None:
    """Written by hand, or in milliseconds: nobody waits for it, and it is replaced."""
    member = make(store=moto_place.store)
    lease = seal_of(member, fake).lease
    item = {"key": {"S": lease}, "value": {"S": LEASED.decode()}, "expires": {"N": expires}}
    with closing(moto_place.engine.client()) as client:  # type: ignore[attr-defined]  # DynamoDB
        client.put_item(TableName="tokens", Item=item)
    assert member.get_token()  # the clock of its pauses stands still: it would hang
    landed(member)
    assert moto_place.store.get(lease) is None
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(118)
def test_loser_of_a_conditional_write_reads_what_the_winner_wrote(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], moto_place: Place
) -> None:
    """Its lease is refused: it looks again, and takes the winner's token. That is no failure."""
    winner, loser = make(store=moto_place.store), make(store=moto_place.store)
    fake.gate()
    winning = Threads().start([GetToken(winner)])
    fake.wait_for_token_requests(1)
    losing = Threads().start([GetToken(loser)])
    assert advance_to_the_next_look(loser, clock, fake)
    fake.release()
    (token,) = winning.values()
    landed(winner)
    while advance_to_the_next_look(loser, clock, fake):
        pass
    (taken,) = losing.values()
    assert taken.access_token == token.access_token
    assert fake.counts()["token_requests"] == 1
    assert failures(events) == []


@pytest.mark.fault(118)
def test_only_the_last_look_is_consistent(make: Make, fake: FakeCognito, stub: "Stub") -> None:
    """The others cost half, and are a moment behind at worst. With the lease it must see what its last holder wrote."""
    member = make(store=stub.url)
    member.get_token()
    landed(member)
    asked = [(operation, body.get("ConsistentRead")) for operation, body in stub.asked]
    assert asked == [
        ("GetItem", False),
        ("GetItem", False),
        ("PutItem", None),
        ("GetItem", True),
        ("PutItem", None),
        ("DeleteItem", None),
    ]


def test_who_waits_for_a_lease_reads_for_half_the_price(
    make: Make, fake: FakeCognito, clock: ManualClock, moto_place: Place
) -> None:
    """It looks at the lease alone, and writes nothing."""
    store: Any = moto_place.store
    asked: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            asked.append(name)
            return getattr(store, name)(*arguments, **named)

        return call

    shared: Any = SimpleNamespace(**{name: counted(name) for name in ("get", "peek", "put", "delete", "close")})
    member = make(store=shared)
    put_lease(moto_place.store, seal_of(member, fake), 50.0)
    caller = Threads().start([GetToken(member)])
    for _ in range(4):
        assert advance_to_the_next_look(member, clock, fake)
    assert pause_of(member, clock, fake) is not None
    looks = [name for name in asked if name != "close"]
    assert looks == ["peek"] * (2 + 4)
    member.close()
    caller.errors()


wrong_clock = pytest.mark.parametrize("seconds", [-300, 300], ids=["behind", "ahead"])


@pytest.mark.fault(118)
@wrong_clock
def test_host_with_a_wrong_clock_takes_a_token_for_as_old_as_it_is(
    make: Make, fake: FakeCognito, moto_place: Place, seconds: float
) -> None:
    """From its very first look: the service's own time is in each answer."""
    member = make(store=skewed(moto_place, seconds), clock=WrongClock(seconds))
    value = sealed(member, fake, asked_at=time.time() - 1_000)
    assert moto_place.store.put(seal_of(member, fake).name, value, replaces=None, seconds=2_600)
    token = member.get_token()
    assert token.access_token == "planted"
    assert 2_290 < token.remaining() <= 2_600


@pytest.mark.fault(118)
@wrong_clock
def test_token_of_a_host_with_a_wrong_clock_is_no_younger_for_the_others(
    make: Make, fake: FakeCognito, moto_place: Place, seconds: float
) -> None:
    """And is taken by them."""
    member = make(store=skewed(moto_place, seconds), clock=WrongClock(seconds))
    own = member.get_token()
    landed(member)
    token = make(store=moto_place.store, clock=None).get_token()
    assert token.access_token == own.access_token
    assert 3_290 < token.remaining() <= 3_600
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(118)
@wrong_clock
def test_host_with_a_wrong_clock_does_not_take_a_lease_that_others_hold(
    make: Make, fake: FakeCognito, moto_place: Place, seconds: float
) -> None:
    """Nor keep one for five minutes: its own first look has told it the time."""
    member = make(store=moto_place.store)
    lease = seal_of(member, fake).lease
    put_lease(moto_place.store, seal_of(member, fake), 60.0)
    store = skewed(moto_place, seconds)
    assert store.get("nothing") is None
    assert not store.put(lease, b"owner", replaces=None, seconds=2.4)
    other = f"{lease}-other"
    assert store.put(other, b"owner", replaces=None, seconds=2.4)
    found = moto_place.store.get(other)
    assert found is not None
    assert found.left <= 3.4  # the service's time has a resolution of a second
    store.close()


class Stub:
    """An endpoint of DynamoDB that refuses as it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refusals: dict[str, tuple[int, str]] = {}
        """Status and error code, by operation."""
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # head and body in one piece

            def do_POST(self) -> None:
                operation = self.headers["X-Amz-Target"].partition(".")[2]
                stub.asked.append((operation, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
                status, code = stub.refusals.get(operation, (200, ""))
                answer = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"} if code else {}
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.url = dynamodb_url(self.endpoint)
        self.client: Any = None


@pytest.fixture(scope="module")
def running_stub() -> Iterator[Stub]:
    """One that is up, with a client of boto3, which takes long to make; it retries as little as the store's own."""
    made = Stub()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in AWS.items():
                patch.setenv(name, value)
            once = Config(retries={"total_max_attempts": 1})
            made.client = boto3.Session().client("dynamodb", endpoint_url=made.endpoint, config=once)
        yield made
        made.client.close()
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


@pytest.fixture
def stub(running_stub: Stub) -> Stub:
    """One with an empty table, which refuses nothing yet."""
    running_stub.asked.clear()
    running_stub.refusals = {}
    return running_stub


THROTTLED = (
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "LimitExceededException",
)
REFUSALS = {
    "no such table": (400, "ResourceNotFoundException"),
    "no right": (400, "AccessDeniedException"),
    "expired credentials": (400, "ExpiredTokenException"),
    "internal": (500, "InternalServerError"),
    "unavailable": (503, "ServiceUnavailable"),
}


@pytest.mark.fault(118)
@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "DeleteItem"])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_refused_operation(
    make: Make,
    fake: FakeCognito,
    events: list[Event],
    stub: Stub,
    operation: str,
    refusal: tuple[int, str],
) -> None:
    """Tried once, said once, and the caller has its token."""
    stub.refusals[operation] = refusal
    member = make(store=DynamoDBStore("tokens", client=stub.client))
    assert member.get_token()
    landed(member)
    assert len(failures(events)) == 1
    assert [asked for asked, _ in stub.asked].count(operation) == 1
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(192)
@pytest.mark.parametrize("code", THROTTLED)
@pytest.mark.parametrize(
    ("operation", "use"),
    [
        ("GetItem", lambda store: store.get("key")),
        ("GetItem", lambda store: store.peek("key")),
        ("PutItem", lambda store: store.put("key", b"value", replaces=None, seconds=60.0)),
        ("DeleteItem", lambda store: store.delete("key", b"value")),
    ],
    ids=["get", "peek", "put", "delete"],
)
def test_throttled_operation_is_busy(
    stub: Stub, code: str, operation: str, use: Callable[[DynamoDBStore], object]
) -> None:
    """One request, whatever the code: the table, its key or the account has no more for this second."""
    stub.refusals[operation] = (400, code)
    with pytest.raises(StoreBusy) as caught:
        use(DynamoDBStore("tokens", client=stub.client))
    assert type(caught.value.__cause__).__name__ in (code, "ClientError")
    assert len(stub.asked) == 1


@pytest.mark.fault(192)
@pytest.mark.parametrize("code", THROTTLED)
def test_throttled_for_a_while(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], stub: Stub, code: str
) -> None:
    """It is waited for: one request after each pause, and one token, which is written."""
    stub.refusals = dict.fromkeys(("GetItem", "PutItem", "DeleteItem"), (400, code))
    member = make(store=DynamoDBStore("tokens", client=stub.client))
    caller = Threads().start([GetToken(member)])
    for looks in (1, 2, 3):
        assert pause_of(member, clock) is not None
        assert len(stub.asked) == looks
        if looks == 3:
            stub.refusals.clear()
        assert advance_to_the_next_look(member, clock, fake)
    assert caller.values()
    landed(member)
    assert [operation for operation, _ in stub.asked[3:]] == [
        "GetItem",
        "GetItem",
        "PutItem",
        "GetItem",
        "PutItem",
        "DeleteItem",
    ]
    assert names(events).count("store_busy") == 3
    assert failures(events) == []
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(192)
def test_throttled_for_long(make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], stub: Stub) -> None:
    """Within the deadline the caller has a token of its own; it comes back by itself."""
    stub.refusals = dict.fromkeys(("GetItem", "PutItem", "DeleteItem"), (400, THROTTLED[0]))
    member = make(store=DynamoDBStore("tokens", client=stub.client))
    began = clock.boottime()
    caller = Threads().start([GetToken(member)])
    while advance_to_the_next_look(member, clock, fake):
        pass
    assert caller.values()
    assert clock.boottime() - began == pytest.approx(6.4)
    while (pause := pause_of(member, clock)) is not None:
        clock.advance(pause)
    landed(member)
    assert len(stub.asked) < 20
    assert failures(events) == ["StoreBusy"]
    stub.refusals.clear()
    clock.advance(3_600)
    member.get_token()
    landed(member)
    assert names(events).count("store_recovered") == 1
    assert failures(events) == ["StoreBusy"]


@pytest.mark.parametrize("address", [unused, silent], ids=["refused", "silent"])
def test_only_a_connection_that_breaks_is_tried_again_at_once(
    make: Make, fake: FakeCognito, events: list[Event], address: Callable[[], AbstractContextManager[str]]
) -> None:
    """Four times if it is refused; once if it takes more than half of its time. By the name of botocore's error."""
    with address() as where:
        store = WatchedStore(inner=DynamoDBStore("tokens", region="eu-central-1", endpoint_url=f"http://{where}"))
        member = make(store=store, clock=None)
        assert member.get_token()
        landed(member)
        idle(member)
    if address is unused:
        assert store.calls == ["get"] * TRIES
        assert failures(events) == ["EndpointConnectionError"]
    else:
        assert store.calls == ["get"]
        assert len(failures(events)) == 1
    assert fake.counts()["token_requests"] == 1


def test_a_mistake_in_a_request_is_neither_busy_nor_a_cut_connection(stub: Stub) -> None:
    """botocore finds it before it sends anything; its own error goes through."""
    key: Any = 5
    with pytest.raises(ParamValidationError):
        DynamoDBStore("tokens", client=stub.client).get(key)
    assert stub.asked == []


@pytest.mark.fault(118)
def test_server_killed_in_mid_flight(make: Make, fake: FakeCognito, events: list[Event]) -> None:
    """moto, while the token is on its way: the caller has it, and the store is said to fail. Two seconds for moto."""
    with Moto() as server:
        DynamoDBEngine(server.url).make_table()
        member = make(store=dynamodb_url(server.url))
        fake.gate()
        caller = Threads().start([GetToken(member)])
        fake.wait_for_token_requests(1)
        assert server._process is not None
        server._process.kill()
        server._process.wait()
        fake.release()
        assert caller.values()
        landed(member)
    assert len(failures(events)) == 1
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(118)
def test_both_stand_ins_agree(make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event]) -> None:
    """MiniStack, by other people than moto: shared, refused, suspected and replaced. It takes some seconds to start."""
    with MiniStack() as server:
        DynamoDBEngine(server.url).make_table()
        store = DynamoDBStore("tokens", region="eu-central-1", endpoint_url=server.url)
        first, second = make(store=store), make(store=store)
        old = first.get_token()
        landed(first)
        assert second.get_token().access_token == old.access_token
        landed(second)
        clock.advance(600)
        new = first.get_token(rejected=old)
        landed(first)
        assert second.get_token(rejected=second.get_token()).access_token == new.access_token != old.access_token
        landed(second)
        assert not store.put(seal_of(first, fake).name, b"late", replaces=None, seconds=60.0)
        store.close()
    assert fake.counts()["token_requests"] == 2
    assert failures(events) == []
