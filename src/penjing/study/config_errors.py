"""What is wrong with a configuration, in one sentence."""

import re
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError

from penjing.errors import did_you_mean

_MUST = {
    "string_type": "must be a text",
    "list_type": "must be a list",
    "dict_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "string_pattern_mismatch": "must be lower-case letters, digits, spaces and dashes, a letter first",
}
# Two types were tried, and what is wrong with each says nothing of the other.
_DATA = "must be a name, a path, or one of these for each part"


def explained(error: ValidationError, model: type[BaseModel]) -> str:
    """The first error in words; a key that is not known before one that is missing, which it may be.

    Args:
        error: What pydantic found.
        model: What was validated.
    """
    every = error.errors(include_url=False)
    first = min(every, key=lambda one: one["type"] != "extra_forbidden")
    # Below the data stands which of its two types was tried.
    where = ".".join(str(part) for part in first["loc"] if part not in ("str", "dict[str,str]"))
    if first["type"] == "extra_forbidden":
        *path, key = (str(part) for part in first["loc"])
        known = sorted(_keys_at(path, model))
        hint = did_you_mean(key, known)
        place = f" in {'.'.join(path)!r}" if path else ""
        return f"The configuration has no key {key!r}{place}.{hint} Known: {', '.join(known)}."
    if first["type"] == "missing":
        return f"The configuration must say {where!r}, which is missing."
    hint = ""
    if first["type"] == "literal_error":
        offered = re.findall("'([^']*)'", str(first.get("ctx", {}).get("expected")))
        hint = did_you_mean(str(first["input"]), offered)
    usual = f"{first['msg'][0].lower()}{first['msg'][1:]}"
    must = _DATA if first["loc"][0] == "data" else _MUST.get(first["type"], usual)
    return f"{where}: {must}, got {first['input']!r}.{hint}"


def _keys_at(path: list[str], model: type[BaseModel]) -> list[str]:
    for part in path:
        if part.isdigit():
            continue  # a place in a list, of whose kind the keys are
        annotation = model.model_fields[part].annotation
        if get_origin(annotation) is list:
            (annotation,) = get_args(annotation)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
    return list(model.model_fields)
