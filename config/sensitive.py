"""Values that must never be printed, logged, serialised or sent: income and priority tier."""

from __future__ import annotations

from typing import Any, Generic, NoReturn, TypeVar, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")

MASK = "<sensitive>"


class Sensitive(Generic[T]):
    """Wrapper that gives its value up only to an explicit ``reveal()``.

    ``repr``, ``str`` and ``format`` give a mask; JSON serialisation and pickling raise, so that a value can
    leak neither through a log line nor through a file, a bundle or a message to another process.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself; every call site is a place to review for privacy."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash((Sensitive, self._value))

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        message = "a sensitive value cannot be serialised"
        raise TypeError(message)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler.generate_schema(get_args(source)[0])
        return core_schema.no_info_after_validator_function(
            cls,
            inner,
            serialization=core_schema.plain_serializer_function_ser_schema(_refuse_to_serialise),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        described["writeOnly"] = True
        return described


def _refuse_to_serialise(_: object) -> NoReturn:
    message = "a sensitive value cannot be serialised"
    raise ValueError(message)
