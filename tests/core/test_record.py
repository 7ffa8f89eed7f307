"""`Record`: what a frozen dataclass would give."""

import pickle

import pytest

from s2sauth._core.record import Record


class Point(Record):
    """For these tests."""

    x: int
    y: int = 0


class Other(Record):
    """Of the same fields."""

    x: int
    y: int = 0


def test_fields_are_given_by_place_or_by_name() -> None:
    """And a default stands for one that is left out."""
    assert (Point(1).x, Point(1).y, Point(x=1, y=2).y, Point(1, 2).y) == (1, 0, 2, 2)


@pytest.mark.parametrize(
    ("args", "fields"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"x": 1}), ((1,), {"z": 1})],
    ids=["missing", "too many", "twice", "unknown"],
)
def test_other_fields_are_a_type_error(args: tuple[int, ...], fields: dict[str, int]) -> None:
    """Which names the fields there are."""
    with pytest.raises(TypeError, match="Point takes the fields x, y, each once"):
        Point(*args, **fields)


def test_records_are_equal_by_class_and_fields() -> None:
    """And hash alike, so that they may stand in sets."""
    assert Point(1, 2) == Point(1, y=2)
    assert hash(Point(1)) == hash(Point(1, 0))
    assert hash(Point(1)) != hash(Point(2))
    assert Point(1) != Point(2)
    assert Point(1) != Other(1)
    assert Point(1) != (1, 0)


def test_nothing_can_be_changed() -> None:
    """No field set, none deleted, none added."""
    point = Point(1)
    with pytest.raises(AttributeError, match="Point is frozen"):
        point.x = 2  # type: ignore[misc]  # that is the test
    with pytest.raises(AttributeError, match="Point is frozen"):
        del point.x
    assert point.x == 1


def test_a_record_travels_and_shows_its_fields() -> None:
    """By pickle, and in a repr."""
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"
