"""A loaded GGUF model and its vocabulary, through llama.cpp's C interface."""

import ctypes
import os
from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from typing import Any

import llama_cpp

from qtui.engines.available import untested
from qtui.engines.device_choice import Compute
from qtui.engines.llama_cpp import native_log
from qtui.engines.protocol.answering import Prompt
from qtui.engines.weights import special_tokens
from qtui.engines.weights.gguf_file import GgufHeader
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError
from qtui.variant_facts import VariantFacts

_NO_DEVICES = (ctypes.c_void_p * 1)()
_SPECIAL = (
    llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
)


class LlamaModel:
    """Loads the weights and validates them. Raises UserError with llama.cpp's reason if that fails.

    `space_after_special` False: llama.cpp's rule, which also puts a space after a special token, is switched off. The space before
    the text is then added here as in transformers: only if the text does not begin with one.
    `vocabulary_only` loads no tensors, which is enough for token ids.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        space_after_special: bool = True,
        vocabulary_only: bool = False,
        compute: Compute | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        _ = weights.tensors  # damaged headers raise an error here; native code would abort
        native_log.listen()
        llama_cpp.llama_backend_init()
        self.weights = weights
        self.path = weights.path
        self.compute = compute or untested("llama.cpp")
        self._own_space = not space_after_special and _puts_space(weights.header)
        self._library_space = _puts_space(weights.header) and not self._own_space
        self.pointer: Any = self._load(progress, vocabulary_only)
        self.vocabulary: Any = llama_cpp.llama_model_get_vocab(self.pointer)
        self.size: int = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        self.bos: int = llama_cpp.llama_vocab_bos(self.vocabulary)
        self.trained_context: int = llama_cpp.llama_model_n_ctx_train(self.pointer)
        self._pieces: dict[int, bytes] = {}
        self._without_space: LlamaModel | None = None

    def tokens(self, prompt: Prompt) -> list[int]:
        """Return the prompt's token ids, with special tokens in its text parsed, and with one BOS if the prompt says so."""
        ids = self._tokenize(prompt.text)
        if self._own_space and ids and not self._begins_apart(prompt.text, ids[0]):
            ids = self._tokenize(" " + prompt.text)
        if not prompt.bos:
            return ids
        if self.bos < 0:
            raise UserError(f"{self.path}: the prompt begins with a BOS, and this model's vocabulary has none")
        return [self.bos, *ids]

    def plain_tokens(self, text: str) -> list[int]:
        """Return the token ids of a text in mid-answer: without an added space, and without parsing special tokens."""
        if not self._library_space:
            return self._tokenize(text, special=False)
        if self._without_space is None:
            self._without_space = LlamaModel(
                self.weights, space_after_special=False, vocabulary_only=True, compute=self.compute
            )
        return self._without_space._tokenize(text, special=False)

    @property
    def named(self) -> int:
        """Number of tokens without the unused ones at the vocabulary's end, which are padding."""
        for token in range(self.size - 1, -1, -1):
            if not llama_cpp.llama_vocab_get_attr(self.vocabulary, token) & llama_cpp.LLAMA_TOKEN_ATTR_UNUSED:
                return token + 1
        return 0

    def piece(self, token: int) -> bytes:
        """Return the bytes that a token adds to a text; empty for a special token."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._text_of(token)
        return piece

    def is_end_token(self, token: int) -> bool:
        """Whether llama.cpp ends an answer at this token."""
        return bool(llama_cpp.llama_vocab_is_eog(self.vocabulary, token))

    def default_end_ids(self) -> list[int]:
        """Return the tokens at which llama.cpp ends an answer, by the file's metadata and by their texts."""
        return [token for token in range(self.size) if self.is_end_token(token)]

    def is_special(self, token: int) -> bool:
        """Whether the token has no text in an answer."""
        return not self.piece(token)

    def ids_of(self, texts: Collection[str]) -> dict[str, int]:
        """Return the ids of those `texts` that are single tokens."""
        encoded = {text.encode() for text in texts}
        if not encoded:
            return {}
        vocabulary = ((llama_cpp.llama_vocab_get_text(self.vocabulary, token), token) for token in range(self.size))
        return {text.decode(): token for text, token in vocabulary if text in encoded}

    def texts_of(self, tokens: Iterable[int]) -> list[str]:
        """Return the texts of tokens, sorted by id."""
        return [
            llama_cpp.llama_vocab_get_text(self.vocabulary, token).decode(errors="replace") for token in sorted(tokens)
        ]

    @property
    def can_share(self) -> bool:
        """Whether part of a sequence can be copied to another. Not for recurrent models, whose state is one whole."""
        return not (llama_cpp.llama_model_is_recurrent(self.pointer) or llama_cpp.llama_model_is_hybrid(self.pointer))

    @property
    def bytes_per_cell(self) -> int:
        """Cache bytes per token in half precision: keys and values of all layers. An upper bound for sliding windows."""
        heads = llama_cpp.llama_model_n_head(self.pointer) or 1
        width = llama_cpp.llama_model_n_embd(self.pointer) // heads
        header = self.weights.header
        key, value = (
            int(header.values.get(f"{header.architecture}.attention.{part}_length", width)) for part in ("key", "value")
        )
        layers = int(llama_cpp.llama_model_n_layer(self.pointer))
        return 2 * layers * int(llama_cpp.llama_model_n_head_kv(self.pointer)) * (key + value)

    @property
    def is_on_gpu(self) -> bool:
        """Whether the model is computed on a GPU."""
        return self.compute.accelerator != "cpu"

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return int(llama_cpp.llama_model_n_params(self.pointer))

    @property
    def tensor_bytes(self) -> int:
        """Size of all tensors in bytes."""
        return int(llama_cpp.llama_model_size(self.pointer))

    def facts(self) -> VariantFacts:
        """Return facts about the model and how it is computed."""
        return VariantFacts(
            parameters=self.parameters,
            file_bytes=self.weights.file_bytes,
            tensor_bytes=self.tensor_bytes,
            stored_as=(llama_cpp.llama_ftype_name(llama_cpp.llama_model_ftype(self.pointer)) or b"").decode(),
            device=self.compute.accelerator,
            rearranges_weights=self.compute.rearranges_weights,
            compute_notes=self.compute.notes,
            library=self.compute.report,
        )

    def _load(self, progress: Callable[[float], None] | None, vocabulary_only: bool) -> Any:
        settings = llama_cpp.llama_model_default_params()
        settings.vocab_only = vocabulary_only
        settings.use_extra_bufts = self.compute.rearranges_weights
        if self.is_on_gpu:
            settings.n_gpu_layers = -1
        else:
            settings.n_gpu_layers = 0
            # An empty list of devices; without it llama.cpp still computes large products on a GPU.
            settings.devices = ctypes.addressof(_NO_DEVICES)
        settings.check_tensors = True
        overrides = _overrides(self._own_space)
        settings.kv_overrides = overrides

        def loading(fraction: float, _: Any) -> bool:
            if progress:
                progress(fraction)
            return True

        callback = llama_cpp.llama_progress_callback(loading)
        settings.progress_callback = callback
        loaded = llama_cpp.llama_model_load_from_file(os.fsencode(self.path), settings)
        if not loaded:
            raise UserError(f"{self.path}: llama.cpp cannot load it: {native_log.last_error()}")
        return loaded

    def _tokenize(self, text: str, *, special: bool = True) -> list[int]:
        data = text.encode()
        room = len(data) + 8
        while True:
            buffer = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(self.vocabulary, data, len(data), buffer, room, False, special)
            if count >= 0:
                return list(buffer[:count])
            room = -count

    @cached_property
    def _markers(self) -> dict[int, str]:
        """Texts by id of special tokens that are text in an answer."""
        found = self.ids_of(special_tokens.possible_markers())
        return {found[text]: text for text in special_tokens.markers_among(found)}

    def _text_of(self, token: int) -> bytes:
        """The bytes of a token by the rules of `special_tokens`, and by llama.cpp's where these say nothing."""
        if token in self._markers:
            return self._markers[token].encode()
        is_word = llama_cpp.llama_vocab_get_attr(self.vocabulary, token) & llama_cpp.LLAMA_TOKEN_ATTR_NORMAL
        text = llama_cpp.llama_vocab_get_text(self.vocabulary, token).decode(errors="replace")
        return b"" if not is_word and special_tokens.looks_special(text) else self._piece(token)

    def _begins_apart(self, text: str, first: int) -> bool:
        """Whether a text begins with a space or with the text of a special token."""
        if text.startswith((" ", "▁")):
            return True
        special = bool(llama_cpp.llama_vocab_get_attr(self.vocabulary, first) & _SPECIAL)
        return special and text.startswith(
            llama_cpp.llama_vocab_get_text(self.vocabulary, first).decode(errors="replace")
        )

    def _piece(self, token: int) -> bytes:
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_token_to_piece(self.vocabulary, token, buffer, room, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            room = -count


def _puts_space(header: GgufHeader) -> bool:
    """Whether llama.cpp puts a space before a text, by its rule for SentencePiece vocabularies."""
    if header.values.get("tokenizer.ggml.model") != "llama":
        return False
    return bool(header.values.get("tokenizer.ggml.add_space_prefix", True))


def _overrides(no_space: bool) -> Any:
    """Metadata that overrides the file's; the last entry is empty and ends the list."""
    entries: Any = (llama_cpp.llama_model_kv_override * 2)()
    if no_space:
        entries[0].tag = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_BOOL
        entries[0].key = b"tokenizer.ggml.add_space_prefix"
        entries[0].value.val_bool = False
    return entries
