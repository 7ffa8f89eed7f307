"""moto: a second stand-in for DynamoDB, written by other people than MiniStack."""

import os
from collections.abc import Mapping, Sequence

from .install import environment
from .server import Server


class Moto(Server):
    """`with Moto() as aws:`; `aws.url` is the endpoint of every AWS service."""

    health = "/moto-api/data.json"

    def command(self) -> Sequence[str | os.PathLike[str]]:
        return [environment("stores") / "moto_server", "--host", "127.0.0.1", "--port", str(self.port)]

    def environ(self) -> Mapping[str, str]:
        return {}
