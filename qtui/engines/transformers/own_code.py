"""Models that bring Python code of their own, which computes them: run only where the experiment asked for it.

A checkpoint names such code in its config's `auto_map`, sometimes by the name of a repository, which need not be the one that
it came from (EvoLLM-JP-v1-10B). The code that is run is the code that lies beside the weights, whatever it is called there: it
is part of their fingerprint, and nothing else is fetched.
"""

from typing import Any

from qtui.engines.weights.weights import Weights
from qtui.errors import UserError


def check(weights: Weights, *, allowed: bool) -> None:
    """Raises UserError where the folder cannot be loaded without its own code, and that was not asked for."""
    from transformers import CONFIG_MAPPING

    folder, config = weights.path, weights.config
    if not allowed and config.get("auto_map") and config.get("model_type") not in CONFIG_MAPPING:
        files = ", ".join(sorted(file.name for file in folder.glob("*.py"))) or "which is not in the folder"
        raise UserError(
            f"{folder}: this model is computed by Python code of its own ({files}), which would run on this machine: read it, "
            "and if you trust it set trust_remote_code = true for this variant"
        )


def classes(weights: Weights) -> tuple[Any, Any] | None:
    """The classes of model and config from the folder's own code; None where transformers has them, or finds them itself."""
    from transformers.dynamic_module_utils import get_class_from_dynamic_module

    folder, named = weights.path, weights.config.get("auto_map") or {}
    model, config = named.get("AutoModelForCausalLM"), named.get("AutoConfig")
    if not (model and config and "--" in model + config):
        return None
    own = [reference.rpartition("--")[2] for reference in (model, config)]
    if not all((folder / f"{reference.partition('.')[0]}.py").is_file() for reference in own):
        return None
    model_class, config_class = (get_class_from_dynamic_module(reference, folder) for reference in own)
    return model_class, config_class


def refuses_cache(model: Any) -> bool:
    """Whether each step must compute the whole text again: code that visits a layer twice has no cache, and its config says so.

    Of the library's own models the same setting says nothing: it is left over from training.
    """
    own = type(model).__module__.startswith("transformers_modules")
    return own and getattr(model.config, "use_cache", True) is False
