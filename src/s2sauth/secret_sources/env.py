"""A secret in an environment variable."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NoReturn, final

from .._core.errors import ConfigurationError


@final
class EnvironmentSecret:
    """Reads the first of `names` that is set, each time it is called. Raises ConfigurationError when none is.

    `variables` names the variable of each argument that came from the environment as well, for error messages.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        environ: Mapping[str, str],
        *,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._names = names
        # A closure: neither vars(self) nor a repr of it shows a value.
        self._read: Callable[[str], str] = lambda name: environ.get(name, "")
        self.variables = variables

    def __call__(self) -> str:
        """The variable's value now."""
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
        return f"EnvironmentSecret({', '.join(self._names)})"
