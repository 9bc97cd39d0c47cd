"""Loads a Hugging Face checkpoint as a model, completely and without drawing on the terminal."""

from typing import Any

import torch
import transformers

from qtui.engines import architectures
from qtui.engines.protocol.answering import Loading, Report
from qtui.engines.transformers import remote_code
from qtui.engines.weights import precision, quantized_checkpoint
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError, words_of
from qtui.records import VariantSpec


def load(variant: VariantSpec, weights: Weights, accelerator: str, report: Report) -> Any:
    """Return the model on `accelerator` (as returned by `available.accelerator`).

    Raises UserError with the library's reason if it cannot be loaded, and if tensors are missing.
    """
    dtype = precision.torch_dtype(variant.precision, weights, accelerator)
    path = weights.path
    transformers.logging.set_tqdm_hook(_quiet_bar(report))
    try:
        kind, config = _classes(variant, weights)
        loaded: Any = kind.from_pretrained(
            path,
            config=config,
            dtype=dtype if dtype == "auto" else getattr(torch, dtype),
            device_map="auto" if accelerator != "cpu" else None,
            trust_remote_code=variant.trust_remote_code,
            local_files_only=True,
            output_loading_info=True,
        )
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        # Loaders of quantized checkpoints, and damaged files, raise almost any exception; the reason is in its text.
        raise UserError(f"{path}: transformers cannot load it: {words_of(error)}") from error
    model, info = loaded
    missing = sorted(info["missing_keys"])
    if missing:
        # The library would fill them with random numbers and continue.
        raise UserError(f"{path}: {len(missing)} tensors are missing, {missing[0]} first; download the model again")
    _check_computed_as(model, weights, accelerator)
    return model.eval()


def _check_computed_as(model: Any, weights: Weights, accelerator: str) -> None:
    """Raise UserError if the library dequantized the weights and the answers' keys say otherwise, or the other way round."""
    method = weights.quantization
    expects_dequantized = bool(quantized_checkpoint.computed_as(method, accelerator))
    is_dequantized = not getattr(model, "is_quantized", False)
    if quantized_checkpoint.may_be_dequantized(method) and expects_dequantized != is_dequantized:
        done, expected = ("dequantized them", "as stored") if is_dequantized else ("kept them as stored", "dequantized")
        raise UserError(
            f"{weights.path}: its {method} weights should be computed {expected} here, but transformers {done}; the log has its "
            "reason (missing kernels, or a version of them that it does not take)"
        )


def _classes(variant: VariantSpec, weights: Weights) -> tuple[Any, Any]:
    """The classes of model and config: the library's automatic ones, or those in the model's folder."""
    custom_classes = remote_code.classes(weights) if variant.trust_remote_code else None
    if custom_classes is None:
        return _automatic_class(weights), None
    model, config = custom_classes
    return model, config.from_pretrained(weights.path)


def _automatic_class(weights: Weights) -> Any:
    """The library's automatic class of the model. Models that also see images have one of their own."""
    from transformers.models.auto import modeling_auto

    kind = weights.config.get("model_type")
    texts, images = (
        getattr(modeling_auto, name, {}) for name in (architectures.TEXT_MODELS, architectures.IMAGE_TEXT_MODELS)
    )
    sees_images = kind in images and kind not in texts
    return transformers.AutoModelForImageTextToText if sees_images else transformers.AutoModelForCausalLM


def _quiet_bar(report: Report) -> Any:
    """A hook that reports progress instead of drawing the library's progress bar."""

    def hook(_: Any, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        from huggingface_hub import utils

        bar: Any = utils

        class Bar(bar.tqdm):  # type: ignore[misc]
            def update(self, n: float | None = 1) -> bool | None:
                self.n += n or 0
                if self.total:
                    report(Loading("loading weights", min(1.0, self.n / self.total)))
                return None

        return Bar(*args, **{**settings, "disable": True})

    return hook
