"""`serve`: the HTTP service."""

from __future__ import annotations

from pydantic import Field

from rag.settings.section import Section


class ServeSettings(Section):
    """The address of the HTTP service, and its limits."""

    host: str = Field(default="127.0.0.1", description="the address it listens on")
    port: int = Field(default=8484, ge=0, le=65535, description="the port it listens on; 0 takes a free one")
    max_question_chars: int = Field(default=4000, ge=1, description="a longer question is refused")
    max_body_bytes: int = Field(default=1_048_576, ge=1024, description="a larger request is refused")
    max_connections: int = Field(
        default=512, ge=4, description="answered at the same time, fewer where the system allows fewer open files"
    )
    read_timeout_s: float = Field(
        default=10.0, gt=0, description="for a request to come, or for its answer to be read on"
    )
    timeout_s: float = Field(default=120.0, gt=0, description="from a request to the start of its answer")
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="names under which clients reach the service, beside localhost, its host and addresses; * is any",
    )
    labels_header: str | None = Field(
        default=None,
        description="the header with the caller's access labels; then a request sees only documents whose acl has one",
    )
    common_labels: tuple[str, ...] = Field(default=(), description="access labels that every caller has")
