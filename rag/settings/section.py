"""What every section of the settings is: frozen, and an unknown key in it is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """Keys that belong together."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_boolean_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true and false where a number stands: Python takes them for 1 and 0."""
        field = cls.model_fields[info.field_name or ""]
        if _holds_boolean(value) and _is_number(field.annotation):
            raise ValueError("Input should be a number, not true or false")
        return value


def _holds_boolean(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_boolean, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_boolean, value))
    return isinstance(value, bool)


def _is_number(annotation: object) -> bool:
    """Say whether a field holds numbers and no booleans."""
    kinds = _kinds(annotation)
    return not kinds.isdisjoint((int, float)) and bool not in kinds


def _kinds(annotation: object) -> set[object]:
    parts = get_args(annotation)
    return {annotation} if not parts else {kind for part in parts for kind in _kinds(part)}
