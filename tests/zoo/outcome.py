"""What became of one architecture: a plain record, and how it is written in a table."""

from dataclasses import dataclass, field

KL_LIMIT = 1e-4
"""Nats per token, mean."""
GAP_LIMIT = 1e-2
"""Two tokens whose logits are nearer than this are exchanged by rounding."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two greedy answers part."""

    token: int
    """How many tokens are equal before."""
    gap: float
    """How far apart the logits of the two tokens are for the first side."""

    @property
    def is_rounding(self) -> bool:
        return self.gap < GAP_LIMIT

    def __str__(self) -> str:
        return f"after {self.token} tokens, where the two likeliest logits are {self.gap:.3f} apart"


@dataclass(slots=True)
class Side:
    """One engine. Every text is a sentence of qtui, empty where all is well."""

    error: str = ""
    """Why it could not be loaded, converted or computed."""
    ends: tuple[str, ...] = ()
    """Texts of the tokens that end an answer."""
    batched: list[Difference] = field(default_factory=list)
    """Where answers of a batch part from the same answers alone."""

    @property
    def is_right_batched(self) -> bool:
        return all(difference.is_rounding for difference in self.batched)


@dataclass(slots=True)
class Outcome:
    """One architecture on both engines."""

    name: str
    architecture: str = ""
    model_type: str = ""
    transformers: Side = field(default_factory=Side)
    conversion: str = ""
    """Why it cannot be converted; empty if it was."""
    converted_by: str = ""
    """`qtui` or `llama.cpp`."""
    llama_cpp: Side = field(default_factory=Side)
    gguf_architecture: str = ""
    gguf_ends: tuple[str, ...] = ()
    """The end tokens that the GGUF file alone names, as a baseline."""
    prompts_equal: bool = True
    """Whether the GGUF file's own template and BOS give the folder's prompts."""
    other_ids: list[str] = field(default_factory=list)
    """Texts whose token ids differ."""
    other_pieces: list[str] = field(default_factory=list)
    """Tokens that add other bytes to an answer."""
    answers: list[Difference] = field(default_factory=list)
    """Where greedy answers of the two engines part."""
    kl: float | None = None
    """Mean over the tokens of the answers, in nats."""

    @property
    def faults(self) -> list[str]:
        """What is wrong; empty if both engines run it and agree."""
        found = [f"transformers: {self.transformers.error}"] if self.transformers.error else []
        found += [f"conversion: {self.conversion}"] if self.conversion else []
        found += [f"llama.cpp: {self.llama_cpp.error}"] if self.llama_cpp.error else []
        for name, side in (("transformers", self.transformers), ("llama.cpp", self.llama_cpp)):
            found += [f"{name}: answers of a batch differ {side.batched[0]}"] if not side.is_right_batched else []
        if self.transformers.ends and self.llama_cpp.ends and self.transformers.ends != self.llama_cpp.ends:
            found.append(f"other tokens end answers: {self.transformers.ends} and {self.llama_cpp.ends}")
        found += [] if self.prompts_equal else ["prompts of the GGUF file differ from the folder's"]
        found += [f"texts have other token ids, such as `{self.other_ids[-1]}`"] if self.other_ids else []
        found += [f"tokens have other texts: {', '.join(self.other_pieces[:5])}"] if self.other_pieces else []
        found += [f"answers differ {each}" for each in self.answers if not each.is_rounding][:1]
        return found + ([f"mean KL {self.kl:.1e}"] if self.kl is not None and self.kl >= KL_LIMIT else [])
