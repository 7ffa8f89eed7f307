"""What is in a store and who wrote it."""

import os
import pickle
import shutil
from base64 import b64decode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from s2sauth import CognitoClientCredentials, ConfigurationError, Event, TokenUnavailable
from s2sauth.stores.base import MAX_VALUE
from s2sauth.stores.sqlite import SQLiteStore
from s2sauth.testing import FakeCognito, ManualClock
from tests.support.fixtures import names
from tests.support.scripts import run
from tests.support.shared_store import Seal, Stored, WatchedStore, landed, planted, seal_of
from tests.support.store_faults import Place, failures
from tests.support.worlds import World

Make = Callable[..., CognitoClientCredentials]

LONG = 1_000.0
PLAIN = b'{"access_token":"evil","asked_at":1790000000.0,"expires_in":3600,"suspected":false}'


@pytest.fixture
def join(make: Make, place: Place) -> Make:
    """One more process of the fleet."""
    return lambda **arguments: make(**{"store": place.joined, **arguments})


def cold(member: CognitoClientCredentials) -> str:
    """What its first caller gets, once it lies in the store as well."""
    token = member.get_token()
    landed(member)
    return token.access_token


def stored_under(seal: Seal, place: Place) -> Stored | None:
    """What lies there and opens."""
    found = place.store.get(seal.name)
    return None if found is None else seal.open(found.value)


def value_under(seal: Seal, place: Place) -> bytes:
    """What lies there."""
    found = place.store.get(seal.name)
    assert found is not None
    return found.value


def sealed(seal: Seal, clock: Any, *, value: str = "planted", age: float = 0.0, life: float = 3600.0) -> bytes:
    """An entry as a process wrote it that asked for its token so long ago."""
    return seal.seal(planted(value, asked_at=clock.wall() - age, life=life))


@pytest.mark.fault(104)
@pytest.mark.parametrize(
    "value",
    [b"", b"garbage", "ü".encode(), b"A" * 40, b"x" * 300_000, 7],
    ids=["empty", "garbage", "no ASCII", "base64", "300 kB", "another type"],
)
def test_garbage_is_a_miss_and_replaced(
    join: Make, fake: FakeCognito, events: list[Event], place: Place, value: bytes | int
) -> None:
    """One token request, an event that says so, and the next process finds an entry again."""
    member = join()
    seal = seal_of(member, fake)
    place.engine.plant(seal.name, value)
    token = cold(member)
    assert fake.counts()["token_requests"] == 1
    assert "store_entry_refused" in names(events)
    assert failures(events) == []
    assert cold(join()) == token
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(104)
@pytest.mark.parametrize("part", [0.0, 0.5, 0.99], ids=["nothing", "half", "all but a bit"])
def test_entry_that_was_cut(join: Make, fake: FakeCognito, events: list[Event], place: Place, part: float) -> None:
    """Anywhere: it does not open."""
    first = join()
    old = cold(first)
    seal = seal_of(first, fake)
    value = value_under(seal, place)
    place.engine.plant(seal.name, value[: int(len(value) * part)])
    assert cold(join()) != old
    assert "store_entry_refused" in names(events)
    assert stored_under(seal, place) is not None


@pytest.mark.fault(104)
@pytest.mark.parametrize("place", ["sqlite", "valkey", "redis"], indirect=True)
def test_ten_megabytes(join: Make, fake: FakeCognito, events: list[Event], place: Place) -> None:
    """No more than 32 KiB of it are read: from a server, no more than that comes over the wire for each look."""
    member = join()
    seal = seal_of(member, fake)
    place.engine.plant(seal.name, b"x" * 10_000_000)
    found = place.store.get(seal.name)
    assert found is not None
    assert len(found.value) == MAX_VALUE + 1
    before = sent_by(place)
    token = cold(member)
    assert sent_by(place) - before < 5 * MAX_VALUE
    assert "store_entry_refused" in names(events)
    assert cold(join()) == token


@pytest.mark.fault(105)
def test_swapped_entries(join: Make, fake: FakeCognito, events: list[Event], place: Place) -> None:
    """Two scope sets of one client, each with the other's: both ask anew, each gets the token of its own scopes."""
    scopes = ("demo/read.file", "demo/write.file")
    first = [join(scopes=scope) for scope in scopes]
    old = [cold(member) for member in first]
    seals = [seal_of(member, fake) for member in first]
    values = [value_under(seal, place) for seal in seals]
    for seal, value in zip(seals, reversed(values), strict=True):
        place.engine.plant(seal.name, value)

    second = [join(scopes=scope) for scope in scopes]
    new = [cold(member) for member in second]
    assert len({*old, *new}) == 4
    assert [member.get_token().scopes for member in second] == [(scope,) for scope in scopes]
    assert names(events).count("store_entry_refused") >= 2
    assert [stored_under(seal, place) is not None for seal in seals] == [True, True]


@pytest.mark.fault(106)
def test_plaintext_is_refused(join: Make, fake: FakeCognito, events: list[Event], place: Place) -> None:
    """What we would have encrypted, by somebody who cannot."""
    member = join()
    place.engine.plant(seal_of(member, fake).name, PLAIN)
    assert cold(member) != "evil"
    assert "store_entry_refused" in names(events)


@pytest.mark.fault(106)
def test_pickle_is_not_executed(
    join: Make, fake: FakeCognito, events: list[Event], place: Place, tmp_path: Path
) -> None:
    """Unpickling it makes a file; there is none, before and after the entry was replaced."""
    made = tmp_path / "executed"

    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(made),)

    value = pickle.dumps(Attack(), protocol=0)
    member = join()
    place.engine.plant(seal_of(member, fake).name, value)
    assert cold(member)
    assert not made.exists()
    assert "store_entry_refused" in names(events)
    pickle.loads(value)
    assert made.exists()  # it would have been


def sent_by(place: Place) -> int:
    """Bytes that the server has sent to all clients; 0 for a file."""
    server = getattr(place.engine, "server", None)
    if server is None:
        return 0
    with server.client() as client:
        return int(client.info("stats")["total_net_output_bytes"])


@pytest.mark.fault(107)
def test_entry_under_a_wrong_secret_does_not_open(
    join: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], place: Place
) -> None:
    """Put under our very name by somebody who has another secret."""
    member = join()
    seal = seal_of(member, fake)
    wrong = seal_of(member, fake, "another-of-24-characters")
    place.engine.plant(seal.name, sealed(wrong, clock))
    assert cold(member) != "planted"
    assert "store_entry_refused" in names(events)


@pytest.mark.fault(107)
def test_both_live_secrets_of_a_rotation_open_it(join: Make, fake: FakeCognito, place: Place) -> None:
    """One token request for the fleet while its processes get the new secret one after the other."""
    old = fake.client_secret
    token = cold(join())
    new = fake.rotate_secret(keep_old=True)
    assert cold(join(client_secret=lambda: [new, old])) == token
    assert cold(join(client_secret=lambda: [old, new])) == token
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(107)
def test_rotated_secret_has_entries_of_its_own(
    join: Make, fake: FakeCognito, events: list[Event], place: Place
) -> None:
    """A process with nothing but the new one asks once; entries of both lie side by side, and nobody complains."""
    old = join()
    first = cold(old)
    before = seal_of(old, fake)
    fake.rotate_secret(keep_old=True)
    new = join()
    second = cold(new)
    assert first != second == cold(join())
    found = [stored_under(seal, place) for seal in (before, seal_of(new, fake))]
    assert [each.issued.access_token for each in found if each is not None] == [first, second]
    assert "store_entry_refused" not in names(events)


@pytest.mark.fault(107)
@pytest.mark.parametrize("place", ["valkey"], indirect=True)
def test_without_a_secret_nothing_is_written(make: Make, fake: FakeCognito, place: Place) -> None:
    """There is no key of its own that could be missing: no secret, no credentials, and no word to the store."""
    store = WatchedStore(inner=place.store)
    with pytest.raises(ConfigurationError, match="client_secret"):
        make(store=store, client_secret="")

    def source() -> str:
        raise OSError("the source's own words")

    with pytest.raises(TokenUnavailable, match="secret source"):
        make(store=store, client_secret=source).get_token()
    assert store.calls == []


@pytest.mark.fault(108)
def test_replayed_entry(join: Make, fake: FakeCognito, clock: ManualClock, place: Place) -> None:
    """Put back for a thousand seconds more when its token was over: its end is inside the encryption."""
    first = join()
    old = cold(first)
    seal = seal_of(first, fake)
    value = value_under(seal, place)
    clock.advance(3_600)
    place.engine.plant(seal.name, value)
    new = cold(join())
    assert new != old
    assert cold(join()) == new
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(108)
def test_replayed_entry_gives_no_life(join: Make, fake: FakeCognito, clock: ManualClock, place: Place) -> None:
    """Put back while its token lives: it lives no longer for that."""
    first = join()
    cold(first)
    seal = seal_of(first, fake)
    value = value_under(seal, place)
    clock.advance(1_800)
    place.engine.plant(seal.name, value)
    assert 0 < join().get_token().remaining() <= 1_800
    assert fake.counts()["token_requests"] == 1


@pytest.mark.fault(108)
def test_store_that_was_rolled_back(make: Make, fake: FakeCognito, clock: ManualClock, tmp_path: Path) -> None:
    """A snapshot of the file is put back, twice: while the old token lives and when it is over."""
    path, snapshot = tmp_path / "tokens.db", tmp_path / "snapshot.db"

    def join() -> CognitoClientCredentials:
        return make(store=SQLiteStore(path, clock=clock))

    first = join()
    old = cold(first)
    shutil.copy(path, snapshot)
    clock.advance(3_000)
    assert first.get_token().access_token == old  # STALE
    landed(first)
    new = first.get_token()
    shutil.copy(snapshot, path)
    held = first.get_token()
    assert held is new
    assert 0 < join().get_token().remaining() <= 600
    clock.advance(700)
    shutil.copy(snapshot, path)
    member = join()
    assert cold(member) not in (old, new.access_token)
    assert fake.counts()["token_requests"] >= 3


@pytest.mark.fault(72)
@pytest.mark.parametrize("fast", [-300, 300], ids=["slow", "fast"])
def test_entry_of_a_host_with_a_wrong_clock(
    join: Make, fake: FakeCognito, clock: ManualClock, place: Place, fast: float
) -> None:
    """Five minutes, either way: nobody takes the token for younger than it is, by more than the way of the request.

    The store says how long it lay there, so an entry from the future gains nothing.
    """
    writer = join()
    seal = seal_of(writer, fake)
    value = sealed(seal, clock, age=1_000 - fast)
    assert place.store.put(seal.name, value, replaces=None, seconds=2_600)
    token = join().get_token()
    assert token.access_token == "planted"
    assert 2_290 < token.remaining() <= 2_600
    assert fake.counts()["token_requests"] == 0


@pytest.mark.fault(109)
def test_another_endpoint_client_or_scope_set_is_a_miss(
    join: Make, fake: FakeCognito, clock: ManualClock, events: list[Event], place: Place
) -> None:
    """Each has an entry of its own, and nobody finds another's."""
    with FakeCognito(clock=clock, client_id=fake.client_id, client_secret=fake.client_secret) as other:
        members = [
            join(),
            join(domain=other.domain),
            join(scopes="demo/write.file"),
            join(scopes=None),
            join(auth_method="client_secret_post"),
            join(client_metadata={"tenant": "a"}),
            join(client_metadata={"tenant": "b"}),
        ]
        tokens = [cold(member) for member in members]
        seals = [seal_of(member, fake) for member in members]
        assert len(set(tokens)) == len({seal.name for seal in seals}) == len(members)
        found = [stored_under(seal, place) for seal in seals]
        assert [each.issued.access_token for each in found if each is not None] == tokens
    assert "store_entry_refused" not in names(events)


@pytest.mark.fault(109)
def test_another_client_with_the_same_secret_is_a_miss(
    make: Make, fake: FakeCognito, clock: ManualClock, place: Place
) -> None:
    """Even then the client id is part of the name."""
    cold(make(store=place.joined))
    with FakeCognito(clock=clock, client_id="another0client", client_secret=fake.client_secret) as other:
        cold(make(store=place.joined, domain=other.domain, client_id="another0client"))
        assert other.counts()["token_requests"] == 1


@pytest.mark.fault(109)
def test_order_of_scopes_and_metadata_is_none(join: Make, fake: FakeCognito, place: Place) -> None:
    """A hit."""
    metadata = {"a": "1", "b": "2"}
    token = cold(join(scopes="demo/read.file demo/write.file", client_metadata=metadata))
    reordered = dict(reversed(metadata.items()))
    assert cold(join(scopes=["demo/write.file", "demo/read.file"], client_metadata=reordered)) == token
    assert fake.counts()["token_requests"] == 1


NEXT_VERSION = """
    import ssl, sys
    import s2sauth._core.stored
    s2sauth._core.stored.FORMAT = "s2sauth:2"
    import httpx
    from s2sauth import CognitoClientCredentials
    from s2sauth.stores import _sealed
    from s2sauth.testing import wait_for_renewals
    assert _sealed.FORMAT == "s2sauth:2"

    events = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for _ in range(2):
        credentials = CognitoClientCredentials.from_env(
            store=sys.argv[1],
            scopes="demo/read.file",
            on_event=lambda event: events.append(event.name),
            http_client=lambda: httpx.Client(verify=context, trust_env=False),
        )
        print(credentials.get_token().access_token[-20:])
        wait_for_renewals(credentials)
    assert "store_entry_refused" not in events and "store_failed" not in events, events
"""


@pytest.mark.fault(117)
@pytest.mark.parametrize("place", ["sqlite", "valkey"], indirect=True)
def test_two_versions_share_a_store(join: Make, fake: FakeCognito, events: list[Event], place: Place) -> None:
    """Ours, the next one, which writes otherwise, ours again: each finds its own entry and leaves the other's alone.

    About a second, which two interpreters take.
    """
    own = cold(join())
    seal = seal_of(join(), fake)
    value = value_under(seal, place)
    others = [run(NEXT_VERSION, fake.environ, arguments=[place.url]).split() for _ in range(2)]
    assert len({token for pair in others for token in pair}) == 1
    assert not own.endswith(others[0][0])
    assert value_under(seal, place) == value
    assert cold(join()) == own
    assert fake.counts()["token_requests"] == 2
    assert "store_entry_refused" not in names(events)


METADATA = {"user_token": "eyJ-of-a-user"}


def plain(member: CognitoClientCredentials, fake: FakeCognito, token: str) -> list[bytes]:
    """What must not be seen, in parts as well."""
    words = [fake.client_id, fake.client_secret, "eyJ-of-a-user", "user_token", "access_token", "demo/", "oauth2"]
    words += [token, *token.split("."), token[10:30]]
    return [word.encode() for word in words]


@pytest.mark.fault(136)
@pytest.mark.parametrize("place", ["valkey", "redis"], indirect=True)
def test_every_command_of_a_server(join: Make, fake: FakeCognito, place: Place) -> None:
    """By MONITOR: names are keyed hashes, values are sealed, a lease's owner is chance."""
    member = join(client_metadata=METADATA)
    with place.engine.server.client() as client, client.monitor() as monitor:
        token = cold(member)
        client.echo("the end")
        commands: list[str] = []
        while "the end" not in (command := monitor.next_command()["command"]):
            commands.append(command)
    said = "\n".join(commands).encode()
    seal = seal_of(member, fake)
    assert said.count(seal.name.encode()) >= 5
    assert [word for word in plain(member, fake, token) if word in said] == []


@pytest.mark.fault(136)
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_every_byte_of_a_file(join: Make, fake: FakeCognito, place: Place, tmp_path: Path) -> None:
    """All files of its folder."""
    member = join(client_metadata=METADATA)
    token = cold(member)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert seal_of(member, fake).name.encode() in content
    assert [word for word in plain(member, fake, token) if word in content] == []
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.db"]


@pytest.mark.fault(136)
@pytest.mark.parametrize("place", ["moto"], indirect=True)
def test_every_item_of_a_table(join: Make, fake: FakeCognito, place: Place) -> None:
    """A scan."""
    member = join(client_metadata=METADATA)
    token = cold(member)
    with closing(place.engine.client()) as client:  # type: ignore[attr-defined]  # DynamoDB
        content = repr(client.scan(TableName="tokens", ConsistentRead=True)["Items"]).encode()
    assert seal_of(member, fake).name.encode() in content
    assert [word for word in plain(member, fake, token) if word in content] == []


@pytest.mark.fault(136)
def test_name_tells_nothing_to_who_lacks_the_secret(join: Make, fake: FakeCognito) -> None:
    """It is a keyed hash of what the token is for: two clients with equal settings have different names."""
    member = join()
    assert seal_of(member, fake).name != seal_of(member, fake, "another-of-24-characters").name


@pytest.mark.fault("N12")
def test_tokens_are_confidential_in_storage(join: Make, fake: FakeCognito, place: Place) -> None:
    """What lies there opens with the client secret alone: each time with another nonce, and not by one bit less."""
    member = join()
    token = cold(member)
    seal = seal_of(member, fake)
    value = value_under(seal, place)
    stored = seal.open(value)
    assert stored is not None
    assert stored.issued.access_token == token
    assert token.encode() not in b64decode(value)
    nearly = fake.client_secret[:-1] + chr(ord(fake.client_secret[-1]) ^ 1)
    assert seal_of(member, fake, nearly).open(value) is None
    again = seal.seal(stored)
    assert b64decode(again)[:12] != b64decode(value)[:12]


@pytest.mark.fault(115)
def test_fresh_token_survives_a_late_suspicion(
    make: Make, fake: FakeCognito, clock: ManualClock, place: Place, world: World
) -> None:
    """One has read the old entry to mark it, another writes a new one in between: the new one stays unmarked."""
    first = make(store=place.joined)
    old = cold(first)
    store = WatchedStore(inner=place.store)
    late = make(store=store)
    rejected = late.get_token()
    assert rejected.access_token == old
    landed(late)
    clock.advance(600)
    fresh: list[str] = []

    def meanwhile() -> None:
        store.recover()
        first.invalidate(first.get_token())
        first.get_token()
        landed(first)
        fresh.append(first.get_token().access_token)

    store.faults = {"put": meanwhile}
    world.get(late, rejected=rejected)
    landed(late)
    seal = seal_of(first, fake)
    stored = stored_under(seal, place)
    assert stored is not None
    assert not stored.suspected
    assert cold(make(store=place.joined)) == stored.issued.access_token == fresh[0] != old
    assert late.get_token().access_token == fresh[0]
    assert fake.counts()["token_requests"] == 2


@pytest.mark.fault(115)
def test_invalidating_what_is_gone_marks_nothing(
    join: Make, fake: FakeCognito, clock: ManualClock, place: Place
) -> None:
    """A token of long ago, when the store has a newer one."""
    first, second = join(), join()
    old = first.get_token()
    landed(first)
    cold(second)
    clock.advance(600)
    new = first.get_token(rejected=old)
    landed(first)
    second.invalidate(old)
    second.get_token()
    landed(second)
    stored = stored_under(seal_of(first, fake), place)
    assert stored is not None
    assert not stored.suspected
    assert second.get_token().access_token == new.access_token
    assert fake.counts()["token_requests"] == 2
