"""The words of qtui as types: what parts hand to each other. Values only, no behaviour but what follows from the fields.

Every record is frozen. Where a field may be unknown (an import does not know the sampling of a study), its type says so.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from qtui.variant_facts import VariantFacts

FinishReason = Literal["stop", "length", "unknown"]
EngineName = Literal["transformers", "llama.cpp", "openai"]
Role = Literal["baseline", "candidate", "control arm", "noise floor"]
"""What a variant is there for: see `experiment.roles` for the last two."""
CONTROL_ARM: Role = "control arm"
NOISE_FLOOR: Role = "noise floor"
UNKNOWN = "unknown"
"""A condition or a fact that nobody recorded: of an import, of a model that the catalog does not know."""
NOTHING_TO_DO = "nothing to do"
"""Outcome of a later attempt of a run that found everything done: no work."""


def content_hash(*parts: Any) -> str:
    """SHA-256 over the canonical JSON of the parts, as 64 hexadecimal digits."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Task:
    """One instruction. `reference` is a model answer, `criteria` what the grader looks at; both may be empty."""

    input: str
    reference: str = ""
    criteria: str = ""

    @property
    def hash(self) -> str:
        return content_hash("task", self.input, self.reference, self.criteria)


@dataclass(frozen=True, slots=True)
class TaskSet:
    """An ordered list of tasks. The hash is over their content and order, not over the name or where they came from."""

    name: str
    tasks: tuple[Task, ...]
    source: str = ""

    @property
    def hash(self) -> str:
        return content_hash("task set", [[t.input, t.reference, t.criteria] for t in self.tasks])


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn. The defaults are greedy and leave every filter of an engine off."""

    max_tokens: int = 1024
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps all tokens."""
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 42
    samples: int = 1
    """Answers per task; more than one needs a temperature above 0."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer, beside the end token of the model."""

    def conditions(self) -> str:
        """Canonical JSON of what decides an answer's content: everything but how many samples were asked for."""
        values = asdict(self)
        del values["samples"]
        return json.dumps(values, ensure_ascii=False, sort_keys=True)

    def for_sample(self, sample: int) -> "Sampling":
        """The sampling of one answer: its seed depends on the sample number alone, so order and batch do not matter."""
        return replace(self, seed=self.seed + sample, samples=1)


@dataclass(frozen=True, slots=True)
class PromptSource:
    """Where the prompt of a model comes from, the same for all its variants.

    `template` is the text of a Jinja chat template. Where it is None the template is read from `weights` (the baseline's), and
    where those have none the task's input is the prompt as it is.
    """

    template: str | None = None
    weights: str | None = None
    system: str | None = None
    bos: bool | None = None
    """Whether one BOS token goes before the prompt; None lets the tokenizer of `weights` say, for both sides alike."""


@dataclass(frozen=True, slots=True)
class VariantSpec:
    """One way to run a model: engine + weights + precision."""

    model: str
    name: str
    engine: EngineName
    weights: str
    """A folder or .gguf file, a hub id, `hub-repo:file.gguf`, a catalog name; for `openai` the name the endpoint knows."""
    precision: str
    """`float32`, `Q4_K_M`, …; by default the variant's name where the engine knows such a type."""
    role: Role = "candidate"
    seed_offset: int = 0
    """Added to the seed of the experiment's sampling."""
    slots: int | None = None
    """How many answers are decoded at once (requests in flight for `openai`); None lets the device say. Part of the key."""
    context: int | None = None
    """Tokens per answer, prompt included; None lets the engine take what prompts and max_tokens need."""
    threads: int | None = None
    base_url: str | None = None
    """Address of an endpoint, perhaps with `${NAME}` for the value of an environment variable; see `endpoint`."""
    api_key_env: str | None = None
    api: Literal["chat", "completions"] = "chat"
    """Of an endpoint: `chat` lets it apply the model's template, `completions` sends the prompt as qtui renders it."""
    trust_remote_code: bool = False

    @property
    def is_baseline(self) -> bool:
        return self.role == "baseline"


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """A grader. `label` is what screens and exports call it."""

    kind: Literal["reference", "openai"]
    model: str = ""
    base_url: str | None = None
    """As of a variant."""
    api_key_env: str = "OPENAI_API_KEY"
    takes: int = 1
    prompt: str | None = None
    """Text of the prompt template with {input_text} {output_text} {eval_aspect} {pred}; None is qtui's own."""
    concurrency: int = 8
    temperature: float = 0.0
    max_tokens: int = 1024

    @property
    def label(self) -> str:
        return "reference" if self.kind == "reference" else f"openai:{self.model}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One variant's text for one task and sample, as an engine gave it. `key` names everything that decided it."""

    key: str
    text: str
    finish_reason: FinishReason
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    """From the moment the answer took a slot to its last token."""
    prompt_ids_hash: str = ""
    """Of the prompt's token ids; empty where they are not known (an endpoint, an import)."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One judge's 1–5 for one answer and one take. `grade` None is *ungraded*: asked, and no readable reply."""

    key: str
    judge: str
    take: int
    grade: int | None
    reason: str = ""
    fingerprint: str = ""
    """Hash of the judge's settings (model, prompt template, sampling); grades of two fingerprints are not the same scale."""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """A token with its probability on both sides. `text` is empty for a token that ends an answer."""

    text: str
    baseline_p: float
    candidate_p: float


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a candidate would first have said something else: `baseline` and `candidate` are the likeliest tokens there.

    `token` and `character` count from 0 and are places in the baseline's answer.
    """

    token: int
    character: int
    baseline: TokenChoice
    candidate: TokenChoice


@dataclass(frozen=True, slots=True)
class AnswerDivergence:
    """A candidate against one answer of the baseline, token by token. `key` names everything that decided it.

    `kl`, `baseline_logp` and `candidate_logp` are little-endian float32, one per token: the divergence of the distributions there
    and the log-probability of the answer's own token, in nats. `flags` is a byte per token: 1 both sides have the same
    likeliest token, 2 the answer's token is the baseline's likeliest.
    """

    key: str
    kl: bytes
    baseline_logp: bytes
    candidate_logp: bytes
    flags: bytes
    parting: Parting | None
    """None where both sides have the same likeliest token throughout."""

    @property
    def tokens(self) -> int:
        return len(self.flags)


@dataclass(frozen=True, slots=True)
class VariantProgress:
    """What the store knows of one variant of a run, counts included."""

    id: int
    run_id: int
    position: int
    model: str
    name: str
    is_baseline: bool
    engine: str
    precision: str
    weights: str
    state: str
    """waiting, preparing, loading, answering, done, failed or cancelled."""
    phase: str
    """One line on what the worker is doing now, e.g. `quantizing`; empty when there is nothing to say."""
    reason: str
    """Why the variant failed; empty otherwise."""
    expected: int
    answered: int
    empty: int
    truncated: int
    role: str = "candidate"
    """Of `Role`."""
    facts: VariantFacts = field(default_factory=VariantFacts)
    """What the worker found in its files and measured."""
    last_answered: float | None = None
    """When the last answer was kept (seconds since the epoch)."""
    broke_off: float | None = None
    """When the last one was kept before the variant was loaded once more, after the run was interrupted; None if it never was.

    For runs of an older qtui, which kept no attempts.
    """


@dataclass(frozen=True, slots=True)
class JudgeProgress:
    id: int
    run_id: int
    label: str
    takes: int
    state: str
    """waiting, grading, done or failed."""
    reason: str
    expected: int
    graded: int
    ungraded: int
    last_graded: float | None = None
    """When the last grade was kept (seconds since the epoch)."""
    fingerprint: str = ""
    """Hash of the judge's settings, as in its grades."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A stretch in which a runner worked on a run. Times are seconds since the epoch."""

    host: str
    pid: int
    started: float
    seen: float
    """The runner's last heartbeat."""
    ended: float | None
    """None while the runner works; also where it was killed, until the run is resumed."""
    outcome: str
    """done, failed, cancelled, interrupted or NOTHING_TO_DO; empty before the end."""
    paused_seconds: float
    """Of pauses that are over."""
    paused_since: float | None

    def active_seconds(self, now: float | None = None) -> float:
        """Without pauses; until `now` where the runner still works, else until its end or its last heartbeat."""
        until = now if now is not None else self.seen if self.ended is None else self.ended
        pause = until - self.paused_since if self.paused_since is not None else 0.0
        return max(0.0, until - self.started - self.paused_seconds - max(0.0, pause))


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run with everything that the Runs pane shows. Times are seconds since the epoch."""

    id: int
    experiment: str
    source: Literal["run", "import"]
    origin: str
    """The experiment's file, or the folder that was imported."""
    state: str
    """running, paused, done, failed, cancelled, or interrupted: begun, not ended, and nobody holds its lease."""
    reason: str
    task_set: str
    tasks: int
    created: float
    started: float | None
    ended: float | None
    variants: tuple[VariantProgress, ...]
    judges: tuple[JudgeProgress, ...]
    attempts: tuple[Attempt, ...] = ()
    """The oldest first."""
    ends: tuple[str, ...] = ()
    """What ends its runner although nobody cancels it, as words after "ends": `with Slurm job 4711`. What ended a runner stays."""
    ends_at: float | None = None
    """When at the latest; None where that is not known."""

    @property
    def active(self) -> bool:
        return self.state in ("running", "paused")

    def active_seconds(self, now: float) -> float | None:
        """How long runners worked on the run, without pauses and without the time between two attempts.

        An attempt that found nothing to do is no work. None where an older qtui worked on the run: it kept no attempts.
        """
        if self.started is None or not self.attempts or self.attempts[0].started > self.started:
            return None
        last = self.attempts[-1]
        return sum(
            attempt.active_seconds(now if self.active and attempt is last else None)
            for attempt in self.attempts
            if attempt.outcome != NOTHING_TO_DO
        )

    @property
    def expected(self) -> int:
        return sum(v.expected for v in self.variants)

    @property
    def answered(self) -> int:
        return sum(v.answered for v in self.variants)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v.model for v in self.variants))
