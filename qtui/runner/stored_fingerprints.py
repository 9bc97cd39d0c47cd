"""Fingerprints of judges, scorers and endpoints, computed again from the settings that a store has with them.

Each function returns None where the settings are not known, or cannot be read by this version of qtui. Another version may have
given the same settings another fingerprint (its prompt or a library decides, too), so a difference alone is no damage.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import msgspec

from qtui import judges, scorers
from qtui.errors import UserError
from qtui.files import toml_text
from qtui.records import JudgeSpec, ScorerSpec, content_hash
from qtui.store.judges import ADDED


def of_judge(settings: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return (label, fingerprint) of a judge."""
    if "kind" not in settings:
        return None  # an imported judge
    try:
        spec = msgspec.convert({key: value for key, value in settings.items() if key != ADDED}, JudgeSpec)
        return spec.label, judges.fingerprint(spec)
    except (msgspec.MsgspecError, UserError, PackageNotFoundError):
        return None


def of_scorer(spec: ScorerSpec) -> tuple[str, str] | None:
    """Return (label, fingerprint) of a scorer."""
    try:
        return spec.label, scorers.fingerprint(spec)
    except PackageNotFoundError:
        return None


def of_endpoint(definition: str, model: str, variant: str) -> str | None:
    """Return what stands for the weights of a variant behind an endpoint. `definition` is the experiment's TOML."""
    try:
        of_file = toml_text.parse(definition, Path())
        return next(
            content_hash("endpoint", each.get("base_url"), each["weights"], each.get("api", "chat"))
            for of_model in of_file["models"]
            if of_model["name"] == model
            for each in of_model["variants"]
            if each["name"] == variant and each["engine"] == "openai"
        )
    except (UserError, StopIteration, KeyError, TypeError, AttributeError):
        return None
