"""A secret in an environment variable, or in the place that a variable names."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, final

from .._core.environment import Environment
from .._core.errors import ConfigurationError
from .base import SecretSource, prepare_source


@final
class EnvironmentSecret:
    """Reads the first of `names` that is set, each time it is called. Raises ConfigurationError when none is.

    Where a variable holds a path or an ARN, `source` is what reads the secret.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        environ: Mapping[str, str],
        *,
        source: SecretSource | None = None,
    ) -> None:
        self._names = names
        # A closure: neither vars(self) nor a repr of it shows a value.
        self._read: Callable[[str], str] = lambda name: environ.get(name, "")
        self._source = source

    def at_construction(self) -> "str | SecretSource":
        """What can be checked before a token is requested: the value, or that there is a source."""
        return self._value() if self._source is None else self._source

    @property
    def client_id_from(self) -> str | None:
        """Where the app client's id may be read from: the source's, since a variable has the secret alone."""
        return getattr(self._source, "client_id_from", None)

    def prepare(self) -> None:
        """Let the source import what it needs."""
        if self._source is not None:
            prepare_source(self._source)

    def __call__(self) -> Any:
        """What the variable, or the source, gives now."""
        return self._value() if self._source is None else self._source()

    def again(self) -> Any:
        """The same after a refusal."""
        return self._value() if self._source is None else getattr(self._source, "again", self._source)()

    def _value(self) -> str:
        for name in self._names:
            value = self._read(name)
            if value:
                return value
        raise ConfigurationError(f"client_secret: set {' or '.join(self._names)}; it was set when the object was built")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            "EnvironmentSecret cannot be pickled or copied: it holds the environment. Make one in each process."
        )

    def __repr__(self) -> str:
        return f"EnvironmentSecret({', '.join(self._names)})" if self._source is None else repr(self._source)


def environment_secret(found: Environment, environ: Mapping[str, str]) -> EnvironmentSecret:
    """The secret that the environment holds, or the address of."""
    source: SecretSource | None = None
    if found.secret_file is not None:
        from .file import from_variable  # noqa: PLC0415  # only what is used

        source = from_variable(found.secret_file, found.variables["client_secret_file"])
    if found.secret_arn is not None:
        from .aws import from_arn  # noqa: PLC0415  # only what is used

        source = from_arn(found.secret_arn)
    return EnvironmentSecret(found.secret_variables, environ, source=source)
