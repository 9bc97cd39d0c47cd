"""Logits for fed tokens from a checkpoint on transformers: a chunk is the same columns of all rows, padded at the end.

Attention looks only back, so padding at the end of a row changes nothing before it. Finished rows are removed from the cache.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qtui.engines.device_choice import Compute
from qtui.engines.divergence.scoring import Piece
from qtui.engines.prompts import thought_markers
from qtui.engines.protocol.answering import Prompt, Report, Request
from qtui.engines.transformers import cache_use, loading
from qtui.engines.transformers.engine import TransformersEngine
from qtui.engines.weights.weights import Weights
from qtui.records import VariantSpec
from qtui.variant_facts import VariantFacts


def load_scorer(
    variant: VariantSpec, weights: Weights, compute: Compute, requests: Sequence[Request], report: Report
) -> "TransformersScorer":
    """Return the scorer for the prompts and sampling of these requests. Raises UserError with the library's reason on failure."""
    engine = loading.load_engine(variant, weights, compute, requests, report)
    return TransformersScorer(engine, engine.end_tokens.for_sampling(requests[0].sampling))


class TransformersScorer:
    """A `Scorer` on transformers."""

    def __init__(self, engine: TransformersEngine, end_ids: frozenset[int]) -> None:
        self.engine = engine
        self.end_ids = end_ids
        self.size = int(engine.model.config.get_text_config().vocab_size)
        # Some tokenizers have tokens without a row in their model.
        self.named = min(self.size, len(engine.tokenizer.library))
        self._can_keep = "logits_to_keep" in inspect.signature(engine.model.forward).parameters
        self._rows: list[int] = []

    @property
    def loaded_facts(self) -> VariantFacts:
        return self.engine.loaded_facts

    @property
    def trained_context(self) -> int | None:
        trained = getattr(self.engine.model.config.get_text_config(), "max_position_embeddings", None)
        return trained if isinstance(trained, int) else None

    @property
    def can_spread(self) -> bool:
        return True

    def twin(self) -> "TransformersScorer":
        return TransformersScorer(self.engine, self.end_ids)

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        return self.engine.tokenizer.tokens(prompt)

    def answer_ids(self, text: str) -> list[int]:
        return thought_markers.answer_ids(text, self.engine.tokenizer)

    def piece(self, token: int) -> bytes:
        return self.engine.tokenizer.piece(token)

    def reserve(self, cells: int) -> None:
        """Do nothing: the cache grows as it is filled."""

    def begin(self, rows: int) -> None:
        self._rows = list(range(rows))
        self._cache = cache_use.new_cache(self.engine.model) if self.engine.cache_use.extends else None
        self._fed: list[list[int]] = [[] for _ in self._rows]

    @torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore]
    def spread(self, rows: int) -> None:
        if self._cache is not None:
            cache_use.keep_rows(self._cache, torch.zeros(rows, dtype=torch.long, device=self.engine.device))
        self._fed = [list(self._fed[0]) for _ in range(rows)]
        self._rows = list(range(rows))

    @torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore]
    def feed(self, pieces: Sequence[Piece]) -> NDArray[Any]:
        self._keep([piece.row for piece in pieces])
        start, width = pieces[0].start, max(len(piece.ids) for piece in pieces)
        for fed, piece in zip(self._fed, pieces, strict=True):
            fed.extend(piece.ids)
        # Where a cache cannot be extended, every row is read from its beginning.
        read = [fed if self._cache is None else piece.ids for fed, piece in zip(self._fed, pieces, strict=True)]
        ids = torch.zeros(len(pieces), width if self._cache is not None else start + width, dtype=torch.long)
        for place, tokens in enumerate(read):
            ids[place, : len(tokens)] = torch.tensor(tokens)
        first = min(len(piece.ids) - piece.scored for piece in pieces)
        # To the library 0 means all.
        width_kept = max(1, width - first)
        out = cache_use.forward(
            self.engine.model,
            self._cache,
            self.engine.cache_use.parameter,
            input_ids=ids.to(self.engine.device),
            attention_mask=torch.ones(len(pieces), start + width, dtype=torch.long, device=self.engine.device),
            **({"logits_to_keep": width_kept} if self._can_keep else {}),
        )
        logits = out.logits[:, -width_kept:]
        parts = [
            logits[place, len(piece.ids) - piece.scored - (width - width_kept) : len(piece.ids) - (width - width_kept)]
            for place, piece in enumerate(pieces)
            if piece.scored
        ]
        if not parts:
            return np.empty((0, self.size), np.float32)
        scored_logits: NDArray[Any] = torch.cat(parts).float().cpu().numpy()
        return scored_logits

    def _keep(self, rows: list[int]) -> None:
        if rows != self._rows:
            places = [self._rows.index(row) for row in rows]
            if self._cache is not None:
                cache_use.keep_rows(self._cache, torch.tensor(places, device=self.engine.device))
            self._fed = [self._fed[place] for place in places]
            self._rows = rows
