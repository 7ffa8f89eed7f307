"""Sharing tokens by DynamoDB. Its stand-ins do what a table does, a stub refuses what they do not."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from parts.ministack import MiniStack
from parts.moto import Moto
from s2sauth import CognitoClientCredentials, Event
from s2sauth.stores import Store
from s2sauth.stores.dynamodb import DynamoDBStore
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.clocks import WrongClock
from tests.support.fixtures import names
from tests.support.shared_store import TRIES, advance_to_the_next_look, landed, planted, put_lease, seal_of
from tests.support.store_faults import Place, dynamodb_url, failures
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
def test_every_read_is_consistent(make: Make, fake: FakeCognito, stub: "Stub") -> None:
    """An eventual one might miss what the holder of the lease has just written."""
    member = make(store=stub.url)
    member.get_token()
    landed(member)
    reads = [body for operation, body in stub.asked if operation == "GetItem"]
    assert len(reads) == 2
    assert all(body["ConsistentRead"] is True for body in reads)


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


REFUSALS = {
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "throttled on demand": (400, "ThrottlingException"),
    "over the account's limit": (400, "RequestLimitExceeded"),
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
    """Throttled, or whatever else: tried a few times, said once, and the caller has its token."""
    stub.refusals[operation] = refusal
    member = make(store=DynamoDBStore("tokens", client=stub.client))
    assert member.get_token()
    landed(member)
    assert len(failures(events)) == 1
    assert [asked for asked, _ in stub.asked].count(operation) == TRIES
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(118)
def test_throttled_for_a_while(
    make: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], stub: Stub
) -> None:
    """It is left alone, and comes back by itself."""
    stub.refusals = dict.fromkeys(("GetItem", "PutItem", "DeleteItem"), REFUSALS["throttled"])
    member = make(store=stub.url)
    member.get_token()
    landed(member)
    assert failures(events) == ["ProvisionedThroughputExceededException"]
    stub.refusals.clear()
    clock.advance(3_600)
    member.get_token()
    landed(member)
    assert names(events).count("store_recovered") == 1
    assert failures(events) == ["ProvisionedThroughputExceededException"]


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
