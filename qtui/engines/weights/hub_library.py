"""The hub's library, imported on first use: slow, and absent where only results are looked at."""

from functools import cache
from pathlib import PurePosixPath
from typing import Any

from qtui.errors import UserError, shortened
from qtui.secrets import redaction

_NAMING = ("ETag", "X-Linked-ETag", "X-Repo-Commit")
"""Headers of which the library makes names of files and folders in its cache."""
_SHOWN = 60


def hub_library() -> Any:
    """Return `huggingface_hub`, ready for requests: the user's token is known as a secret before a server can repeat it.

    A server cannot name a place outside the library's cache: its replies are looked at first.
    """
    import huggingface_hub

    redaction.remember("the hub's token", huggingface_hub.get_token())
    _look_at_replies()
    return huggingface_hub


@cache
def _look_at_replies() -> None:
    import huggingface_hub
    from huggingface_hub.utils import _http

    http: Any = _http

    def client() -> Any:
        made = http.default_client_factory()
        hooks = made.event_hooks
        made.event_hooks = {**hooks, "response": [*hooks.get("response", ()), _refuse_paths]}
        return made

    huggingface_hub.set_client_factory(client)


def _refuse_paths(response: Any) -> None:
    """Raise UserError if a reply would have the library write outside its cache: it does not look at these names itself."""
    for header in _NAMING:
        value = response.headers.get(header, "")
        path = PurePosixPath(value.removeprefix("W/").strip('"'))
        if path.is_absolute() or ".." in path.parts or not value.isprintable():
            raise UserError(
                f"{response.url.host}: its reply has the {header} {shortened(value, _SHOWN)!r}, which would lead out of the "
                "hub's cache. Nothing was downloaded from there; do not use this server."
            )
