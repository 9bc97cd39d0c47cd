"""The names of weights that cannot be any: found when an experiment is checked, and not when the engine is loaded."""

import re

_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_HUB_PAGE = re.compile(
    r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?([\w.-]+/[\w.-]+)(?:/(?:resolve|blob)/[^/]+/([^?]+\.gguf))?"
)
_HUB_NAME = re.compile(r"^[\w.-]+/[\w.-]+(?::[^:]+\.gguf)?$")


def address_problem(text: str) -> str | None:
    """What is wrong with weights that are an address; None if they are none."""
    page = _HUB_PAGE.match(text)
    if page:
        name = f"{page[1]}:{page[2]}" if page[2] else page[1]
        return f'is an address, not weights. Write the model\'s name on the hub: weights = "{name}".'
    if _ADDRESS.match(text):
        return (
            "is an address, not weights. Download the model and name its folder or .gguf file here, or write its name on the "
            "hub (owner/name, or owner/name:file.gguf). A server's address is the base_url of an openai variant, whose weights "
            "are the server's name of the model."
        )
    return None


def hub_problem(text: str) -> str | None:
    """What is wrong with a text that is no file here and has a slash; None if it can be the name of a model on the hub."""
    if _HUB_NAME.match(text):
        return None
    return f'"{text}" is not a file or folder here, and not a hub id (owner/name, or owner/name:file.gguf).'
