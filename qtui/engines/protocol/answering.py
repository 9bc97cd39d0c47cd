"""The messages between the runner and a worker: one JSON object per line, the runner's on stdin, the worker's on stdout.

The life of a worker:

    runner  → Job                        what to answer
    worker  → Loading*                   download and hash weights, if that takes long
    worker  → Planned                    content keys of all answers, computed without loading the model
    runner  → MissingItems               which answers are still missing (if none, the worker ends)
    worker  → Loading*, Loaded           convert, quantize and load weights
    worker  → (Answered | Progress | Unanswered)*
    worker  → Finished  |  Failed        Failed ends the variant; if a worker dies without either, the runner reports it

The worker's real stdout carries only these lines; output of native libraries goes to stderr, which is the log.
The runner keeps the worker's stdin open as long as it needs answers; its end tells the worker that the runner is gone.
Exit code 0 after Finished, 1 after Failed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from qtui.records import ChoiceScore, FinishReason, PromptSource, Sampling, Thoughts, Turn, VariantSpec
from qtui.variant_facts import VariantFacts


class Item(msgspec.Struct, frozen=True):
    """One answer to compute: `task` is the task's position, from 1, `sample` counts from 0, `input` is the task's text."""

    task: int
    sample: int
    input: str
    earlier: tuple[Turn, ...] = ()
    """The turns before this one in its conversation, with this variant's own answers."""
    choices: tuple[str, ...] = ()
    """Texts whose likelihood after the prompt is the answer; empty if the answer is generated. A job has items of one sort."""
    before_choice: str | None = None
    """What stands between prompt and choice; None is a space, and nothing after a chat template."""


class Job(msgspec.Struct, frozen=True, tag=True):
    """All that a worker needs to answer: one variant and the items of a run."""

    variant: VariantSpec
    sampling: Sampling
    prompt: PromptSource
    items: list[Item]
    allows_cpu: bool = False
    """Whether the user allowed the CPU in place of a GPU that cannot be used."""
    date: str = ""
    """The date that templates are told, as 2026-01-31; empty is today."""
    title: str = ""
    """For the log, e.g. `run 3, variant 7`."""
    has_conversations: bool = False
    """Whether the run has tasks of several turns, also if this job has none: the model must be able to see earlier turns."""


class Planned(msgspec.Struct, frozen=True, tag=True):
    """The plan of a job: `keys[i]` belongs to `Job.items[i]`; `facts` are known from files, before loading."""

    keys: list[str]
    prompt_hash: str
    """Hash of the rendered prompts of all items that begin a conversation. Two variants with the same hash get the same prompts.

    The prompts of later turns have a variant's own answers in them, so they differ.
    """
    facts: VariantFacts


class MissingItems(msgspec.Struct, frozen=True, tag=True):
    """The items to compute, as indices into `Job.items` (for divergence: `Comparison.answers`)."""

    indices: list[int]


class Loading(msgspec.Struct, frozen=True, tag=True):
    """Progress before the first answer. `phase` is for the user; `fraction` is 0 to 1, None if it is not known.

    `weights_bytes` is the size of the weights that the phase reads, if it tells nothing before it has read them all.
    """

    phase: str
    fraction: float | None = None
    weights_bytes: int | None = None


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded. `facts` became known while loading."""

    facts: VariantFacts


class Answered(msgspec.Struct, frozen=True, tag=True):
    """One complete answer. `index` is into `Job.items`; the token counts are without the end token; `seconds` is its duration."""

    index: int
    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    prompt_ids_hash: str = ""
    """See `decoding.prompt_hash`; empty for an endpoint, whose tokens are not known."""
    thoughts: Thoughts | None = None
    """None if `text` is all that the model wrote. `completion_tokens` counts thoughts too."""
    left_out: tuple[str, ...] = ()
    """Settings of the sampling that an endpoint refused, so that its own were in force."""
    choice_scores: tuple[ChoiceScore, ...] | None = None
    """Of an item with choices: one per choice. `text` is then the likeliest one, `completion_tokens` are the tokens of its text."""


class Unanswered(msgspec.Struct, frozen=True, tag=True):
    """One item cannot be answered (for example, its prompt is longer than the context). The others continue."""

    index: int
    reason: str


class Progress(msgspec.Struct, frozen=True, tag=True):
    """Totals since loading, memory in bytes, `active` answers in progress. A newer message replaces an older one."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float
    active: int
    rss_bytes: int
    gpu_bytes: int | None = None


class Finished(msgspec.Struct, frozen=True, tag=True):
    """All items are answered or unanswered. `facts` were measured while answering."""

    facts: VariantFacts = VariantFacts()


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The worker cannot continue. `reason` is for the user: what happened, to what, what to do."""

    reason: str


FromWorker = Planned | Loading | Loaded | Answered | Unanswered | Progress | Finished | Failed

Report = Callable[[FromWorker], None]


class Prompt(msgspec.Struct, frozen=True):
    """One rendered prompt. `text` does not contain the BOS; `bos` says whether one BOS token precedes it."""

    text: str
    bos: bool
    space_after_special: bool = True
    """Whether a SentencePiece tokenizer, which puts a space before a text, also puts one after each special token.

    llama.cpp and the `legacy` tokenizers of transformers do, others do not. Both engines follow this field.
    """
    end_token_texts: tuple[str, ...] | None = None
    """Texts of the tokens that end an answer, from the baseline's files. If None, the variant's weights decide."""
    system: str | None = None
    """The system message, for endpoints that apply their template themselves; `text` is then the user message."""
    thinking_tags: tuple[str, str] | None = None
    """Tags of thoughts that the experiment names, besides the known ones."""
    earlier: tuple[Turn, ...] = ()
    """The turns before `text`, for endpoints that apply their template themselves."""
    choices: tuple[str, ...] = ()
    """As in `Item`."""
    continuations: tuple[str, ...] = ()
    """Per choice what follows `text`: what stands before the choice, and the choice in the tokenizer's form of Unicode."""


class Request(msgspec.Struct, frozen=True):
    """One answer for an engine to compute. `index` is returned in `Answered`; `sampling` contains this answer's seed."""

    index: int
    prompt: Prompt
    sampling: Sampling


class Engine(Protocol):
    """A loaded model, sized for the requests of one job; created by `loading.load_engine`."""

    @property
    def loaded_facts(self) -> VariantFacts:
        """The facts of `Loaded`: what became known while loading."""
        ...

    def answer(self, requests: Sequence[Request]) -> Iterator[Answered | Unanswered | Progress]:
        """Answer all requests. Yields each answer as soon as it is complete, in any order."""
        ...

    def facts(self) -> VariantFacts:
        """Return the facts of `Finished`: what was measured while answering."""
        ...


_decode_from_worker: msgspec.json.Decoder[FromWorker] = msgspec.json.Decoder(FromWorker)


def encode(message: msgspec.Struct) -> bytes:
    """Return a message as one line with its newline. JSON escapes newlines in strings, so one line is one message."""
    return msgspec.json.encode(message) + b"\n"


def decode_from_worker(line: bytes) -> FromWorker:
    """Return the message in a line. Raises msgspec.DecodeError for anything else."""
    return _decode_from_worker.decode(line)
