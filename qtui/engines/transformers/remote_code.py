"""Models that are computed by Python code in their folder, which runs only if the experiment allows it.

A checkpoint names such code in its config's `auto_map`, sometimes with a repository, which may differ from the model's
(EvoLLM-JP-v1-10B). Only the code in the model's folder is run, whatever repository is named: it is part of the weights'
fingerprint, and nothing is downloaded.
"""

from typing import Any

from qtui.engines.weights.weights import Weights
from qtui.errors import UserError


def check(weights: Weights, *, allowed: bool) -> None:
    """Raises UserError if the model needs the code in its folder and `allowed` is False."""
    from transformers import CONFIG_MAPPING

    folder, config = weights.path, weights.config
    if not allowed and config.get("auto_map") and config.get("model_type") not in CONFIG_MAPPING:
        files = ", ".join(sorted(file.name for file in folder.glob("*.py"))) or "which is not in the folder"
        raise UserError(
            f"{folder}: this model needs its Python code ({files}), which would run on this machine: read it, "
            "and if you trust it set trust_remote_code = true for this variant"
        )


def classes(weights: Weights) -> tuple[Any, Any] | None:
    """Return the classes of model and config from the folder's code; None if transformers has or finds them itself."""
    from transformers.dynamic_module_utils import get_class_from_dynamic_module

    folder, named = weights.path, weights.config.get("auto_map") or {}
    model, config = named.get("AutoModelForCausalLM"), named.get("AutoConfig")
    if not (model and config and "--" in model + config):
        return None
    names = [reference.rpartition("--")[2] for reference in (model, config)]
    if not all((folder / f"{reference.partition('.')[0]}.py").is_file() for reference in names):
        return None
    model_class, config_class = (get_class_from_dynamic_module(reference, folder) for reference in names)
    return model_class, config_class


def refuses_cache(model: Any) -> bool:
    """Whether every step must compute the whole text. Code that visits a layer twice cannot use a cache; its config says so.

    In the library's models the same setting means nothing: it is left over from training.
    """
    is_remote = type(model).__module__.startswith("transformers_modules")
    return is_remote and getattr(model.config, "use_cache", True) is False
