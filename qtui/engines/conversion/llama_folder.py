"""Converts a Llama model folder in the Hugging Face format to a GGUF file without loss, with the `gguf` package.

Only for Llama, Mistral and Mixtral, which are one architecture to llama.cpp, with a stable layout, and which the study uses. All
others need llama.cpp's converter, as the error says.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qtui.engines.conversion import llama_vocabulary
from qtui.engines.conversion.converter import NeedsConverterError
from qtui.engines.conversion.llama_settings import USE_LLAMA_CPP, check_architecture, rope_settings
from qtui.engines.weights import safetensors_file, unfinished
from qtui.engines.weights.checkpoint.output_head import OutputHead, is_tied
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

_EMBEDDING = "model.embed_tokens.weight"
_EXPERT = re.compile(
    r"^(?P<block>model\.layers\.\d+\.block_sparse_moe)\.experts\.(?P<number>\d+)\.(?P<part>w[123])\.weight$"
)


def lossless_type(weights: Weights) -> str:
    """Return F32, F16 or BF16: the narrowest GGUF type that stores the folder's tensors exactly."""
    kinds = set().union(*(safetensors_file.kinds(file) for file in _weight_files(weights)))
    if kinds <= {"F16"}:
        return "F16"
    return "BF16" if kinds <= {safetensors_file.BFLOAT16} else "F32"


def convert(weights: Weights, target: Path) -> None:
    """Convert to `target`, which is written completely or not at all.

    Raises UserError if the folder is damaged or not supported.
    """
    import gguf

    check_architecture(weights)
    folder, config = weights.path, weights.config
    whole_type = lossless_type(weights)
    with unfinished.atomic_target(target) as path:
        # Stacked experts are new arrays, which are kept on disk and not in memory.
        writer = gguf.GGUFWriter(path, "llama", use_temp_file="num_local_experts" in config)
        _add_hyperparameters(writer, config, folder, whole_type)
        _add_vocabulary(writer, folder, config)
        _add_prompt_format(writer, weights.prompt_format)
        for name, kind, array in _mapped_tensors(weights):
            _add_tensor(writer, name, kind, array, whole_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _add_hyperparameters(writer: Any, config: dict[str, Any], folder: Path, whole_type: str) -> None:
    import gguf

    heads = config["num_attention_heads"]
    head_size = config.get("head_dim") or config["hidden_size"] // heads
    rope = rope_settings(config)
    writer.add_name(folder.name)
    # llama.cpp ignores the sliding window of this architecture, so beyond it its results would differ from the model's.
    window = config.get("sliding_window")
    writer.add_context_length(min(config["max_position_embeddings"], window or config["max_position_embeddings"]))
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(head_size)
    writer.add_value_length(head_size)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    writer.add_rope_dimension_count(head_size)
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(rope["factor"]))
    if window:
        writer.add_sliding_window(window)
    if "num_local_experts" in config:
        writer.add_expert_count(config["num_local_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_vocab_size(config["vocab_size"])
    types = gguf.LlamaFileType
    writer.add_file_type({"F32": types.ALL_F32, "F16": types.MOSTLY_F16, "BF16": types.MOSTLY_BF16}[whole_type])


def _add_prompt_format(writer: Any, form: PromptFormat) -> None:
    writer.add_add_bos_token(form.adds_bos)
    writer.add_add_eos_token(False)
    if form.template:
        writer.add_chat_template(form.template)


def _add_vocabulary(writer: Any, folder: Path, config: dict[str, Any]) -> None:
    try:
        llama_vocabulary.add_vocabulary(writer, folder, config)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise UserError(
            f"{folder}: its tokenizer files are not of the usual form ({type(error).__name__}: {error}); download the model again"
        ) from None


def _mapped_tensors(weights: Weights) -> Iterator[tuple[str, str, npt.NDArray[Any]]]:
    import gguf

    folder, config, head = weights.path, weights.config, weights.output_head
    _check_head(folder, config, head)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    heads = config["num_attention_heads"]
    rotated = {"q_proj": heads, "k_proj": config.get("num_key_value_heads") or heads}
    for stored_name, kind, array in _stacked(weights):
        if stored_name.endswith("rotary_emb.inv_freq"):
            continue
        name = stored_name
        if stored_name == head.name and is_tied(config):
            # The head is left out only where the file then means the same: llama.cpp takes the embedding where there is no head.
            if head.state == "equal":
                continue
            name = _EMBEDDING if head.state == "embedding" else stored_name
        mapped = names.get_name(name, (".weight", ".bias"))
        if mapped is None:
            raise NeedsConverterError(f"{folder}: tensor {name} is not of a Llama; {USE_LLAMA_CPP}")
        turned = next((count for part, count in rotated.items() if f".{part}." in name), None)
        if turned and array.shape[0] % (2 * turned):
            raise UserError(
                f"{folder}: {stored_name} has {array.shape[0]} rows, which the {turned} heads of config.json do not divide "
                "(num_attention_heads, num_key_value_heads); download the model again"
            )
        yield mapped, kind, _interleaved(array, turned) if turned else array


def _check_head(folder: Path, config: dict[str, Any], head: OutputHead) -> None:
    """Raise UserError if the model has no output head: llama.cpp would take the embedding in its place, without a word."""
    if head.state == "absent" and not is_tied(config):
        raise UserError(
            f"{folder}: has no lm_head.weight, and config.json does not say tie_word_embeddings: its output head is missing; "
            "download the model again"
        )
    if head.state == "embedding" and not is_tied(config):
        raise UserError(f"{folder}: has no {_EMBEDDING}; download the model again")


def _stacked(weights: Weights) -> Iterator[tuple[str, str, npt.NDArray[Any]]]:
    """The folder's tensors.

    A layer's experts are one tensor of shape (experts, rows, columns), even if they are in several files.
    """
    folder, config = weights.path, weights.config
    waiting: dict[str, dict[int, npt.NDArray[Any]]] = defaultdict(dict)
    for file in _weight_files(weights):
        for name, kind, array in safetensors_file.tensors(file):
            expert = _EXPERT.match(name)
            if not expert:
                yield name, kind, array
                continue
            whole = f"{expert['block']}.experts.{expert['part']}.weight"
            waiting[whole][int(expert["number"])] = array
            if len(waiting[whole]) == config["num_local_experts"]:
                by_number = waiting.pop(whole)
                yield whole, kind, np.stack([by_number[number] for number in sorted(by_number)])
    if waiting:
        raise UserError(f"{folder}: experts of {min(waiting)} are missing; download the model again")


def _interleaved(weight: npt.NDArray[Any], heads: int) -> npt.NDArray[Any]:
    """Reorder the rows of a query or key projection from halves per head (Hugging Face's rotary layout) to pairs (GGUF's)."""
    rows = weight.shape[0] // heads // 2
    return weight.reshape(heads, 2, rows, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def _add_tensor(writer: Any, name: str, kind: str, array: npt.NDArray[Any], whole_type: str) -> None:
    """Write a tensor. Vectors (norms, biases) and expert routers are always F32, because llama.cpp uses them unconverted."""
    import gguf

    wide = array.ndim == 1 or whole_type == "F32" or ".ffn_gate_inp." in name
    if kind == safetensors_file.BFLOAT16:
        if not wide:
            raw = np.ascontiguousarray(array).view(np.uint8)
            writer.add_tensor(name, raw, raw_dtype=gguf.GGMLQuantizationType.BF16)
            return
        array = (array.astype(np.uint32) << 16).view(np.float32)
    writer.add_tensor(name, array.astype(np.float32) if wide else array)


def _weight_files(weights: Weights) -> list[Path]:
    if any(file.suffix != ".safetensors" for file in weights.files):
        raise NeedsConverterError(
            f"{weights.path}: only *.safetensors weights can be converted, and there are none; {USE_LLAMA_CPP}"
        )
    return list(weights.files)
