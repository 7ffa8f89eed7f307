"""JSON objects from the network, read so that nothing ambiguous passes and nothing raises."""

import json
from typing import NoReturn, cast


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member name occurs twice")
    return members


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_not_json)


def json_object(text: bytes) -> dict[str, object] | None:
    """The members of the one JSON object that `text` is, in UTF-8 without a BOM; None for all else. Never raises.

    Refused as well: a repeated member name, NaN and Infinity, numbers and nesting that Python gives up on.
    """
    try:
        value: object = _DECODER.decode(text.decode("utf-8"))
    except (ValueError, RecursionError):  # bad UTF-8, bad JSON and a number of 5,000 digits are all ValueErrors
        return None
    return cast(dict[str, object], value) if isinstance(value, dict) else None
