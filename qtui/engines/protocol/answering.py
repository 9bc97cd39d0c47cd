"""What the runner and a worker say to each other: one JSON object per line, runner to stdin, worker to stdout.

The order of a worker's life:

    runner  → Job                        what to answer
    worker  → Loading*                   fetching weights, hashing them: only where that takes long
    worker  → Planned                    content keys of all answers, found without loading the model
    runner  → Wanted                     which of them are still missing (none: the worker ends)
    worker  → Loading*, Loaded           quantizing, reading weights
    worker  → (Answered | Progress | Unanswered)*
    worker  → Finished  |  Failed        Failed ends the variant; a worker that dies without either is reported by the runner

The worker keeps its real stdout for these lines alone; what native libraries print goes to stderr, which is the log.
The runner keeps the worker's stdin open for as long as it wants answers: its end is how a worker learns that the runner is gone.
Exit code 0 after Finished, 1 after Failed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from qtui.records import FinishReason, PromptSource, Sampling, VariantSpec
from qtui.variant_facts import VariantFacts


class Item(msgspec.Struct, frozen=True):
    """One answer asked for: `task` is the 1-based position, `input` the task's text."""

    task: int
    sample: int
    input: str


class Job(msgspec.Struct, frozen=True, tag=True):
    variant: VariantSpec
    sampling: Sampling
    prompt: PromptSource
    items: list[Item]
    allows_cpu: bool = False
    """Whether the user allowed the CPU where a GPU is there and cannot be used."""
    title: str = ""
    """For the log, e.g. `run 3, variant 7`."""


class Planned(msgspec.Struct, frozen=True, tag=True):
    """`keys[i]` belongs to `Job.items[i]`; `facts` is what the files and the plan say."""

    keys: list[str]
    prompt_hash: str
    """Hash of the rendered prompts of all items; equal on both sides when both sides were asked the same."""
    facts: VariantFacts


class Wanted(msgspec.Struct, frozen=True, tag=True):
    """Indices into `Job.items`."""

    indices: list[int]


class Loading(msgspec.Struct, frozen=True, tag=True):
    phase: str
    fraction: float | None = None


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """`facts` is what became known while loading."""

    facts: VariantFacts


class Answered(msgspec.Struct, frozen=True, tag=True):
    index: int
    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    prompt_ids_hash: str = ""
    """See `decoding.prompt_hash`; empty where the tokens are not known here (an endpoint)."""


class Unanswered(msgspec.Struct, frozen=True, tag=True):
    """This one item could not be answered (its prompt is longer than the context, say); the others go on."""

    index: int
    reason: str


class Progress(msgspec.Struct, frozen=True, tag=True):
    """Sums since loading. A newer one replaces an older one. At most a few per second."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float
    active: int
    rss_bytes: int
    gpu_bytes: int | None = None


class Finished(msgspec.Struct, frozen=True, tag=True):
    """`facts` is what was measured while answering."""

    facts: VariantFacts = VariantFacts()


class Failed(msgspec.Struct, frozen=True, tag=True):
    """`reason` is for the user: what happened, to what, what to do."""

    reason: str


FromWorker = Planned | Loading | Loaded | Answered | Unanswered | Progress | Finished | Failed

Report = Callable[[FromWorker], None]


class Prompt(msgspec.Struct, frozen=True):
    """One rendered prompt. `text` is without the BOS text; `bos` says whether exactly one BOS token goes before it."""

    text: str
    bos: bool
    space_after_special: bool = True
    """Whether a SentencePiece tokenizer, which puts a space before a text, does so after each special token too.

    llama.cpp and the `legacy` tokenizers of transformers do, the others do not. Both engines follow this field.
    """
    end_token_texts: tuple[str, ...] | None = None
    """Texts of the tokens that end an answer, as the baseline's files name them; None leaves it to the weights at hand."""
    system: str | None = None
    """For endpoints that apply a template of their own: `text` is what the user says, this is the system's message."""


class Request(msgspec.Struct, frozen=True):
    """One answer for an engine to make. `index` goes back in `Answered`; `sampling` has the seed of this very answer."""

    index: int
    prompt: Prompt
    sampling: Sampling


class Engine(Protocol):
    """A model that is loaded and sized for the requests of one job: `loading.load_engine` makes it whole."""

    @property
    def loaded_facts(self) -> VariantFacts:
        """Of `Loaded`: what became known while loading."""
        ...

    def answer(self, requests: Sequence[Request]) -> Iterator[Answered | Unanswered | Progress]:
        """Answer all requests, each yielded the moment it is complete, in any order."""
        ...

    def facts(self) -> VariantFacts:
        """Of `Finished`: what was measured while answering."""
        ...


_decode_from_worker: msgspec.json.Decoder[FromWorker] = msgspec.json.Decoder(FromWorker)


def encode(message: msgspec.Struct) -> bytes:
    """One line with its newline. JSON escapes newlines inside strings, so a line is a message."""
    return msgspec.json.encode(message) + b"\n"


def decode_from_worker(line: bytes) -> FromWorker:
    return _decode_from_worker.decode(line)
