"""A JSON object from the network is read whole or not at all."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2sauth._core.strict_json import json_object

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
MEMBERS = st.dictionaries(
    st.text(), VALUES | st.lists(VALUES, max_size=2) | st.dictionaries(st.text(), VALUES, max_size=2)
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"x"', id="string"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"1", id="number"),
        pytest.param(b"<html></html>", id="html"),
        pytest.param(b'{"a": 1} x', id="more after the object"),
        pytest.param(b'{"a": 1', id="cut"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', id="BOM"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"a": 1}'.encode("utf-16-le"), id="UTF-16 without BOM"),
        pytest.param(b'{"a": "\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"a": 1, "a": 1}', id="a member twice"),
        pytest.param(b'{"b": {"a": 1, "a": 2}}', id="an inner member twice"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": -Infinity}', id="infinity"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="a number of 5,000 digits"),
        pytest.param(b'{"a": ' + b"[" * 60_000 + b"]" * 60_000 + b"}", id="deep arrays"),
        pytest.param(b'{"a":' * 60_000 + b"1" + b"}" * 60_000, id="deep objects"),
    ],
)
def test_what_is_no_unambiguous_json_object_is_none(text: bytes) -> None:
    """Nothing raises, whatever it is."""
    assert json_object(text) is None


def test_an_empty_object_is_an_object() -> None:
    """It is not mistaken for no object."""
    assert json_object(b"{}") == {}


@settings(max_examples=40)  # more take longer and find nothing else
@given(MEMBERS)
def test_every_json_object_is_read_as_it_was_written(members: dict[str, object]) -> None:
    """Written with or without escapes."""
    assert json_object(json.dumps(members).encode()) == members


@given(st.binary() | st.text(alphabet='{}[]":,\\1eE+-.ntu ').map(str.encode))
def test_no_bytes_raise(text: bytes) -> None:
    """Also those that nearly are JSON."""
    assert json_object(text) is None or isinstance(json_object(text), dict)
