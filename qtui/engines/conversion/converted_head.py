"""Whether a converted file has the output head of its checkpoint: llama.cpp takes the embedding where there is none, unseen."""

from pathlib import Path

from qtui.engines.weights import gguf_file
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

_HEAD = "output.weight"


def check(weights: Weights, converted: Path) -> None:
    """Remove `converted` and raise UserError if it lacks the checkpoint's output head, or if the checkpoint itself lacks it."""
    if any(tensor.name == _HEAD for tensor in gguf_file.read_tensors(gguf_file.read_header(converted))):
        return
    head = weights.output_head
    if head.state == "differs":
        converted.unlink()
        raise UserError(
            f"{weights.path}: its output head {head.name} differs from its embedding, and llama.cpp's converter leaves it out; "
            "as a GGUF file it would be another model"
        )
    if head.state == "absent" and weights.config.get("tie_word_embeddings") is False:
        converted.unlink()
        raise UserError(
            f"{weights.path}: has no output head, and config.json says tie_word_embeddings = false; download the model again"
        )
