"""Operation files beside their JSON Schema, ``op.schema.json``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend

_SHOWN = 300  # characters of a message
_LOOKED_AT = 64  # unknown names, of which one may be another that is missing


def fault(document: Any) -> tuple[str, list[str | int]] | None:
    """What is wrong with ``document``, and the way to that place; None where it fits the schema."""
    schema = json.loads((files("pcpu.isa") / "op.schema.json").read_text("utf-8"))
    rules = {
        "pattern": _pattern, "required": _required, "items": _items, "maxItems": _most,
        "maxLength": _longest,
    }  # fmt: skip
    validator = extend(Draft202012Validator, rules)  # type: ignore[no-untyped-call]
    error = best_match(validator(schema).iter_errors(document))
    if error is None:
        return None
    message = error.message
    if len(message) > _SHOWN:  # a value, and at the end what it is not
        message = f"{message[: _SHOWN * 2 // 3]} ... {message[-_SHOWN // 3 :]}"
    return message, list(error.absolute_path)


def _pattern(_: Any, regex: str, value: Any, schema: Any) -> Iterator[ValidationError]:
    # '$' of JSON Schema is the end; Python's also matches before a last newline.
    if isinstance(value, str) and not re.search(regex.replace("$", r"\Z"), value):
        yield ValidationError(f"{value!r} is not {schema.get('title', regex)}")


def _required(_: Any, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    """What is missing, and whether it is there by a name that is near."""
    if not isinstance(value, dict):
        return
    unknown = [key[:64] for key in value if key not in schema.get("properties", ())][:_LOOKED_AT]
    for key in wanted:
        if key not in value:
            close = difflib.get_close_matches(key, unknown, n=1)
            hint = f"; is it {close[0]!r}?" if close else ""
            yield ValidationError(f"{key!r} is a required property{hint}")


def _items(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    """The first item that is wrong: a file may have a million of them. Of numbers and strings that
    are there several times, as in what an array's vector expects, the first is looked at."""
    if not isinstance(value, list) or len(value) > schema.get("maxItems", len(value)):
        return
    seen: set[tuple[type, Any]] = set()
    for index in range(len(schema.get("prefixItems", ())), len(value)):
        item = value[index]
        if isinstance(item, int | str):
            if (type(item), item) in seen:
                continue
            seen.add((type(item), item))
        errors = [*validator.descend(item, wanted, path=index)]
        if errors:
            yield from errors
            return


def _most(_: Any, limit: int, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, list) and len(value) > limit:
        yield ValidationError(f"at most {limit} items, and {len(value)} are given")


def _longest(_: Any, limit: int, value: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and len(value) > limit:
        yield ValidationError(f"at most {limit} characters, and {len(value)} are given")
