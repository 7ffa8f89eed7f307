"""`Record`: a frozen value with named fields.

What `@dataclass(frozen=True)` and `NamedTuple` give, whose classes cost a third to half a millisecond each at import,
together more than all the rest of this package (benchmarks/cold_start.py).
"""

from typing import Any, NoReturn, dataclass_transform


@dataclass_transform(frozen_default=True)
class Record:
    """The annotations of a subclass are its fields, in order; a value given there is the default."""

    def __init__(self, *args: Any, **given: Any) -> None:
        names = type(self).__annotations__
        fields = dict(zip(names, args, strict=False)) | given
        missing = [name for name in names if name not in fields and not hasattr(type(self), name)]
        if missing or len(fields) != len(args) + len(given) or not fields.keys() <= names.keys():
            raise TypeError(f"{type(self).__name__} takes the fields {', '.join(names)}, each once")
        vars(self).update(fields)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in type(self).__annotations__)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        fields = zip(type(self).__annotations__, self._values(), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in fields)})"
