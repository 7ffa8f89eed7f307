"""The files service: made-up data. Who may call it is decided in front of it, by API Gateway's authorizer."""

import json
from typing import Any

FILES = [
    {"name": "invoice-2041.pdf", "size": 48_213},
    {"name": "invoice-2042.pdf", "size": 51_977},
    {"name": "terms.txt", "size": 3_410},
]


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """GET lists the files; POST answers as if it had stored one."""
    status, body = (201, {"stored": True}) if event["httpMethod"] == "POST" else (200, {"files": FILES})
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
