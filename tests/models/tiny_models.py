"""A small random model of each kind that the catalog names: architecture, tokenizer, special tokens; made in a second each."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.engines.tiny_llama import CORPUS, sentencepiece_llama, sentencepiece_tokenizer

SIZES: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    # The default of 0.02 gives logits so flat that rounding decides which token is the likeliest.
    "initializer_range": 0.05,
}
SENTENCEPIECE: dict[str, Any] = {"bos_token_id": 1, "eos_token_id": 2}
END_OF_TEXT = "<|endoftext|>"
WINDOW = 256


def llama(folder: Path) -> Path:
    return sentencepiece_llama(folder)


def extended_llama(folder: Path) -> Path:
    """Japanese pieces added behind Llama 2's own, and an embedding a little larger than the vocabulary, as padding makes it."""
    from sentencepiece import sentencepiece_model_pb2 as form
    from transformers import LlamaConfig, LlamaForCausalLM

    sentencepiece_tokenizer(folder)
    file = folder / "tokenizer.model"
    model: Any = form.ModelProto()  # type: ignore[attr-defined, unused-ignore]
    model.ParseFromString(file.read_bytes())
    known = {piece.piece for piece in model.pieces}
    lowest = min(piece.score for piece in model.pieces)
    words = {word for word in _japanese_words() - known if known.issuperset(word)}
    for number, word in enumerate(sorted(words, key=lambda word: (len(word), word)), 1):
        model.pieces.add(piece=word, score=lowest - number)
    file.write_bytes(model.SerializeToString())
    _write(LlamaForCausalLM, LlamaConfig(vocab_size=len(model.pieces) + 5, **SENTENCEPIECE, **SIZES), folder)
    return folder


def neox_llama(folder: Path) -> Path:
    """CALM2: a byte-level BPE of GPT-NeoX's kind, whose one special token begins, ends and stands for what is unknown."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True)
    bpe: Any = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[END_OF_TEXT, "<|padding|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(CORPUS.splitlines(), trainer)
    bpe.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "GPTNeoXTokenizer",
        "add_prefix_space": False,
        "pad_token": "<|padding|>",
        **dict.fromkeys(("bos_token", "eos_token", "unk_token"), END_OF_TEXT),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    config = LlamaConfig(vocab_size=bpe.get_vocab_size(), bos_token_id=0, eos_token_id=0, pad_token_id=1, **SIZES)
    _write(LlamaForCausalLM, config, folder)
    return folder


def mistral(folder: Path) -> Path:
    """With a tokenizer.json beside tokenizer.model, as the converters of 2023 wrote it."""
    from transformers import LlamaTokenizer, MistralConfig, MistralForCausalLM

    size = sentencepiece_tokenizer(folder)
    tokenizer = json.loads(LlamaTokenizer.from_pretrained(folder).backend_tokenizer.to_str())
    tokenizer["pre_tokenizer"] = None
    steps = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    tokenizer["normalizer"] = {"type": "Sequence", "normalizers": steps}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    config = MistralConfig(vocab_size=size, sliding_window=WINDOW, **SENTENCEPIECE, **SIZES)
    _write(MistralForCausalLM, config, folder)
    return folder


def mixtral(folder: Path) -> Path:
    from transformers import MixtralConfig, MixtralForCausalLM

    size = sentencepiece_tokenizer(folder)
    config = MixtralConfig(
        vocab_size=size,
        num_local_experts=4,
        num_experts_per_tok=2,
        **SENTENCEPIECE,
        **(SIZES | {"intermediate_size": 256}),
    )
    _write(MixtralForCausalLM, config, folder)
    return folder


def hopping_mistral(folder: Path) -> Path:
    """Code of its own in the folder, named as EvoLLM-JP-v1-10B names it: by a repository of another name than its own."""
    from safetensors.torch import load_file, save_file

    mistral(folder)
    shutil.copy(Path(__file__).with_name("hopping_code.py"), folder / "modeling_hopping.py")
    import torch

    weights = load_file(folder / "model.safetensors")
    weights["model.hop_scales"] = torch.tensor([1.0, 0.5, 0.75], dtype=torch.float16)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    change_config(
        folder,
        architectures=["HoppingMistralForCausalLM"],
        model_type="hoppingmistral",
        hops=[0, 1, 0],
        use_cache=False,
        auto_map={
            "AutoConfig": "org/another-name--modeling_hopping.HoppingMistralConfig",
            "AutoModelForCausalLM": "org/another-name--modeling_hopping.HoppingMistralForCausalLM",
        },
    )
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    each.__name__: each for each in (llama, extended_llama, neox_llama, mistral, mixtral, hopping_mistral)
}


def change_config(folder: Path, **changes: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def _japanese_words() -> set[str]:
    """Pairs of neighbouring characters, and pairs of those: each can be merged from what was there before it."""
    letters = [text for text in CORPUS.splitlines() if not text.isascii()]
    pairs = {text[at : at + 2] for text in letters for at in range(len(text) - 1)}
    fours = {text[at : at + 4] for text in letters for at in range(0, len(text) - 3, 3)}
    return {word for word in pairs | fours if not any(char.isascii() or char == "▁" for char in word)}


def _write(kind: Any, config: Any, folder: Path) -> None:
    import torch

    torch.manual_seed(0)
    kind(config).to(torch.float16).save_pretrained(folder)
