"""A Lambda function that gets ready in its init phase."""

from typing import Any

from functions import credentials, plain

warm = credentials.warm()


def handler(event: object, context: object) -> Any:
    """One call of the API."""
    return {**plain(event, context), "warm": warm}
