"""The store of a fleet on AWS that has no Redis: a DynamoDB table."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, final

from .._boto import Boto
from .._clock import Clock, SystemClock
from .._core.record import Record
from .._core.search import StoreBusy
from .base import MAX_VALUE, Found

_BUSY = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}
"""What it answers when the table, one key or the account is throttled (its developer guide, "Error handling")."""
_SECONDS = 1.0
_NAMES = {"#key": "key", "#value": "value", "#expires": "expires"}
_OUTLIVED = "attribute_not_exists(#key) OR NOT attribute_type(#expires, :number) OR #expires <= :now"


class _Offset(Record):
    """Between what AWS's clock says and this machine's: the least and the most that it can be."""

    least: float
    most: float


_NONE = _Offset(0.0, 0.0)


@final
class DynamoDBStore:
    """A table with the partition key `key` (a string), `DynamoDBStore("tokens", region="eu-central-1")`.

    An item holds `value` (a string), `expires` (seconds since the epoch, which is what counts) and `ttl` (whole
    seconds, for the table's time to live, which may be set on it and only tidies up). The least IAM policy is
    dynamodb:GetItem, PutItem and DeleteItem on the table. Moments are AWS's: this machine's clock may be wrong.

    boto3 makes the client here, which reads its files and may look for credentials. A `client` of yours
    (`boto3.client("dynamodb", ...)`) is used as it is and not closed; its time limits and retries count beside
    `store_timeout`, and it has to be made anew after a fork.
    """

    def __init__(
        self, table: str, *, region: str | None = None, endpoint_url: str | None = None, client: Any = None
    ) -> None:
        self._table = table
        self._clock: Clock = SystemClock()
        self._offset = _NONE
        self._boto = Boto(
            "dynamodb",
            user="DynamoDBStore",
            extra="dynamodb",
            region=region,
            endpoint_url=endpoint_url,
            client=client,
            connect=_SECONDS,
            read=_SECONDS,
        )
        self._boto.client()

    def get(self, key: str) -> Found | None:
        """What lies under `key`, by a consistent read."""
        return self._read(key, consistent=True)

    def peek(self, key: str) -> Found | None:
        """The same by an eventually consistent read, which costs half."""
        return self._read(key, consistent=False)

    def _read(self, key: str, *, consistent: bool) -> Found | None:
        client = self._boto.client()
        item = self._call(client, "get_item", Key={"key": {"S": key}}, ConsistentRead=consistent).get("Item")
        if item is None:
            return None
        try:
            until = float(item["expires"]["N"])
        except KeyError:
            return None
        now, offset = self._clock.wall(), self._offset
        if until <= now + offset.least:
            return None
        value: str = item.get("value", {}).get("S", "")
        return Found(value.encode()[: MAX_VALUE + 1], max(0.0, until - now - offset.most))

    def put(self, key: str, value: bytes, *, replaces: bytes | None, seconds: float) -> bool:
        """Write `value`, by a conditional write."""
        now = self._clock.wall() + self._offset.least
        until = now + seconds
        item = {
            "key": {"S": key},
            "value": {"S": value.decode("ascii")},
            "expires": _moment(until),
            "ttl": {"N": str(int(until) + 1)},
        }
        condition, values = _is_one_of(value, *(() if replaces is None else (replaces,)))
        return self._changes(
            "put_item",
            Item=item,
            ConditionExpression=f"{_OUTLIVED} OR {condition}",
            ExpressionAttributeNames=_NAMES,
            ExpressionAttributeValues={**values, ":number": {"S": "N"}, ":now": _moment(now)},
        )

    def delete(self, key: str, value: bytes) -> None:
        """Remove `value`, by a conditional delete."""
        condition, values = _is_one_of(value)
        self._changes(
            "delete_item",
            Key={"key": {"S": key}},
            ConditionExpression=f"attribute_exists(#key) AND ({condition})",
            ExpressionAttributeNames={"#key": "key", "#value": "value"},
            ExpressionAttributeValues=values,
        )

    def close(self) -> None:
        """Disconnect a client of one's own; the next call connects again."""
        self._boto.close()

    def _changes(self, operation: str, **arguments: Any) -> bool:
        """Whether the operation's condition held."""
        client = self._boto.client()
        try:
            self._call(client, operation, **arguments)
        except client.exceptions.ConditionalCheckFailedException:  # each client has classes of its own
            return False
        return True

    def _call(self, client: Any, operation: str, **arguments: Any) -> Any:
        """Ask DynamoDB, and learn from the answer what time it is there."""
        asked = self._clock.wall()
        try:
            answer = getattr(client, operation)(TableName=self._table, **arguments)
        except client.exceptions.ClientError as error:
            self._learn(error.response, asked)
            if error.response["Error"]["Code"] in _BUSY:
                raise StoreBusy from error
            raise
        except Exception as error:
            if _is_cut(error):
                raise ConnectionError from error
            raise
        self._learn(answer, asked)
        return answer

    def _learn(self, answer: Mapping[str, Any], asked: float) -> None:
        try:
            headers = answer["ResponseMetadata"]["HTTPHeaders"]
            date = parsedate_to_datetime(headers["date"]).timestamp()
        except (KeyError, ValueError):
            return  # no header, or none that can be read
        offset = _Offset(date - self._clock.wall(), date + 1.0 - asked)  # its resolution is a second
        self._offset = _NONE if offset.least <= 0 <= offset.most else offset


def _is_cut(error: Exception) -> bool:
    """Whether it is one of botocore's for a connection that broke, or could not be made."""
    return any(kind.__name__ in ("HTTPClientError", "ConnectionError") for kind in type(error).__mro__)


def _is_one_of(*values: bytes) -> tuple[str, dict[str, Any]]:
    """The condition that one of these lies there, as `get` gives it, and the values in it."""
    terms: list[str] = []
    found: dict[str, Any] = {}
    for number, value in enumerate(values):
        name = f":value{number}"
        found[name] = {"S": value.decode(errors="ignore")}  # what was cut may end within a character
        terms.append(f"begins_with(#value, {name})" if len(value) > MAX_VALUE else f"#value = {name}")
    if b"" in values:
        found[":string"] = {"S": "S"}
        terms.append("NOT attribute_type(#value, :string)")
    return " OR ".join(terms), found


def _moment(wall: float) -> dict[str, str]:
    """As DynamoDB takes a number; to the millisecond, and never later than it is."""
    return {"N": f"{int(wall * 1000) / 1000:.3f}"}
