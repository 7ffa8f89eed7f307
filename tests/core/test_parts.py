"""The arguments that are objects: policy, store, http_client, on_event, clock.

Private modules, since decisions are pure: through the public face each line of these tables would cost a flight.
"""

import pytest

from s2sauth import RenewalPolicy
from s2sauth._clock import SystemClock
from s2sauth._core.config import wrong_objects
from s2sauth.testing import ManualClock, MemoryStore
from tests.support.labels import plainly


def found(**changes: object) -> list[tuple[str, str]]:
    """The mistakes, with all else in order."""
    arguments: dict[str, object] = dict.fromkeys(("store", "http_client", "on_event", "clock"))
    arguments["policy"] = RenewalPolicy()
    return list(wrong_objects(**{**arguments, **changes}))


@pytest.mark.parametrize(
    "right",
    [
        {},
        {"store": MemoryStore()},
        {"store": "rediss://:password@cache.example.com:6380/0"},
        {"http_client": dict},
        {"http_client": lambda: None},
        {"on_event": print},
        {"clock": SystemClock()},
        {"clock": ManualClock()},
        {"clock": SystemClock},
    ],
    ids=plainly,
)
def test_right_ones_pass(right: dict[str, object]) -> None:
    """Nothing is called to find out."""
    assert found(**right) == []


@pytest.mark.parametrize(
    ("wrong", "form"),
    [
        ({"policy": None}, "use RenewalPolicy("),
        ({"policy": {"deadline": 5}}, "is of type dict"),
        ({"policy": RenewalPolicy}, "use RenewalPolicy("),
        ({"store": 7}, "is of type int, which has no get, put, delete, close; use a store of s2sauth.stores"),
        ({"store": "tokens.db"}, "is no URL of a store; use sqlite:////"),
        ({"http_client": 7}, "use a function that makes a new client each time"),
        ({"http_client": "httpx.Client"}, "is of type str"),
        ({"on_event": []}, "use a function that takes an Event"),
        ({"on_event": False}, "is of type bool"),
        ({"clock": object()}, "has no wall, monotonic, boottime, wait, random"),
        ({"clock": __import__("time")}, "has no wall, boottime, wait, random"),
    ],
    ids=plainly,
)
def test_wrong_ones_are_named_with_the_form(wrong: dict[str, object], form: str) -> None:
    """One mistake each."""
    ((field, text),) = found(**wrong)
    assert [field] == list(wrong)
    assert form in text


def test_all_mistakes_are_listed() -> None:
    """In the order of the signature."""
    wrong = found(policy=1, http_client=1, on_event=1, clock=1)
    assert [field for field, _ in wrong] == ["policy", "http_client", "on_event", "clock"]


def test_the_mistakes_to_the_letter() -> None:
    """Each with the form to use."""
    assert found(policy=1, http_client=1, on_event=1, clock=1) == [
        ("policy", "is of type int; use RenewalPolicy(deadline=5.0) or leave it out"),
        (
            "http_client",
            (
                "is of type int; use a function that makes a new client each time, as lambda: "
                "httpx.Client(verify=ssl_context)"
            ),
        ),
        ("on_event", "is of type int; use a function that takes an Event, as on_event=print"),
        (
            "clock",
            "has no wall, monotonic, boottime, wait, random; use s2sauth.testing.ManualClock() or leave it out",
        ),
    ]
