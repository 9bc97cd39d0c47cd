"""The hub's library, imported on first use: slow, and absent where only results are looked at."""

from typing import Any

from qtui.secrets import redaction


def hub_library() -> Any:
    """Return `huggingface_hub`, ready for requests: the user's token is known as a secret before a server can repeat it."""
    import huggingface_hub

    redaction.remember("the hub's token", huggingface_hub.get_token())
    return huggingface_hub
