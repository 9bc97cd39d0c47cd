"""The settings in requests to a server with OpenAI's protocol, for variants and judges alike.

Other servers than OpenAI's have sampling defaults: llama-cpp-python's has a repetition penalty of 1.1, llama-server drops unlikely
tokens. So requests to them also switch off all unused filters. Filters that OpenAI's interface lacks have the names of vLLM and
llama-server, the penalty both of its names. Most servers ignore unknown names. If a server refuses a setting in its own words
(`server_words`), the request is sent again without it. What was left out is kept with the answer, because it is a condition.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from qtui.records import Sampling

ReplyForm = Literal["json_schema", "json_object_schema", "json_object", "text"]
"""How a judge's reply is bound to its form: by a schema, by a schema as llama-cpp-python's server takes it (beside the type
`json_object`), to any JSON object, or only by the prompt's words.
"""

PENALTY_NAMES = ("repetition_penalty", "repeat_penalty")
_OFF: dict[str, float] = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "repeat_penalty": 1.0}
_FORMS: tuple[ReplyForm, ...] = ("json_schema", "json_object_schema", "json_object", "text")
LimitName = Literal["max_tokens", "max_completion_tokens"]
_LIMITS: tuple[LimitName, ...] = ("max_tokens", "max_completion_tokens")

_UNSUPPORTED = re.compile(
    "|".join(
        (
            r"support|unrecogni[sz]ed|unknown|unexpected|forbidden|\bextra\b|extraneous|additional|incompatible|deprecated|no such",
            r"not (?:be )?(?:permitted|allowed|accepted|available|implemented|recogni[sz]ed|known|valid|used|found)",
            r"cannot (?:find|be)|can't be|removed?\b|instead|ignored|invalid (?:parameter|argument|field|property|key)",
            r"only the default|only \S+ is (?:allowed|supported)|may only be|only be set",
            r"must be (?:exactly |set to |equal to )?1(?:\.0)?(?![.\d]| or)",
            r"(?:must|should|has to) (?:not be|be (?:null|none|unset|omitted|empty))",
            r"不支持|不允许|未知|サポート(?:されて|して)い(?:ない|ません)|使用できません",
        )
    ),
    re.IGNORECASE,
)
"""Words that say that a setting is not taken at all, and not that another value of it would be."""
_NOT_TOGETHER = re.compile(
    r"\bboth\b|together|only one|simultaneous|same time|exclusive|either|cannot be used with|one of", re.IGNORECASE
)
_WHAT_IS_KNOWN = re.compile(
    r"expected one of|(?<!un)(?<!not )\b(?:supported|allowed|valid|available|known|permitted|accepted) "
    r"(?:parameters|params|arguments|fields|names|options|keys|properties)\b.*|(?:did you mean)\b.*",
    re.IGNORECASE,
)
_FORM = re.compile(
    r"response[_ -]?format|json[_ -]?(?:schema|object|mode)|structured[_ -]?output|guided|grammar|response[_ -]?schema",
    re.IGNORECASE,
)


_TAKES_OBJECTS = re.compile(r"""["']text["'] (?:or|and) ["']json_object["']""")
"""How a server that checks the type against a list says what the list has; some of these take a schema beside it."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The settings that one server accepts, as far as its refusals have shown."""

    switches_filters_off: bool
    """Whether unused filters are switched off by name. OpenAI's server refuses unknown names."""
    limit_name: LimitName = "max_tokens"
    refused: frozenset[str] = frozenset()
    """Names that the server has refused; they are not sent."""
    reply_form: ReplyForm = "text"

    def settings(self, sampling: Sampling, *, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the settings of a request by name: the limit, the sampling, and the form of the reply (with `schema`)."""
        values: dict[str, Any] = dict(_wanted(sampling, self.switches_filters_off))
        if schema is None:
            values["seed"] = sampling.seed
        values = {name: value for name, value in values.items() if name not in self.refused}
        values[self.limit_name] = sampling.max_tokens
        if schema is not None and self.reply_form == "json_schema":
            wrapped = {"name": "reply", "strict": True, "schema": dict(schema)}
            values["response_format"] = {"type": "json_schema", "json_schema": wrapped}
        elif schema is not None and self.reply_form == "json_object_schema":
            values["response_format"] = {"type": "json_object", "schema": dict(schema)}
        elif schema is not None and self.reply_form == "json_object":
            values["response_format"] = {"type": "json_object"}
        return values

    def left_out(self, sampling: Sampling, *, has_seed: bool = True) -> tuple[str, ...]:
        """Return the names of the settings, as in `Sampling`, that were wanted and not sent, sorted."""
        wanted = {*dict(_wanted(sampling, self.switches_filters_off)), *(["seed"] if has_seed else [])}
        missing = wanted & self.refused
        if not missing.issuperset(PENALTY_NAMES):
            missing -= set(PENALTY_NAMES)  # the server takes the other of the two names
        return tuple(sorted(missing - {"repeat_penalty"}))

    def after_refusal(self, words: str, sent: Mapping[str, Any]) -> "Dialect | None":
        """Return the dialect to try after the server refused these settings in these words; None if they are not the cause."""
        if self.limit_name == "max_tokens" and _refuses_limit(words):
            # Some models accept the limit only under its newer name.
            return replace(self, limit_name="max_completion_tokens")
        if "response_format" in sent and _FORM.search(words):
            if self.reply_form == "json_schema" and _TAKES_OBJECTS.search(words):
                return replace(self, reply_form="json_object_schema")
            return self.with_next_form()
        refused = frozenset(_refused(words, sent))
        return replace(self, refused=self.refused | refused) if refused else None

    def merged(self, other: "Dialect") -> "Dialect":
        """Return the dialect that leaves out what either leaves out."""
        return Dialect(
            switches_filters_off=self.switches_filters_off,
            limit_name=max(self.limit_name, other.limit_name, key=_LIMITS.index),
            refused=self.refused | other.refused,
            reply_form=max(self.reply_form, other.reply_form, key=_FORMS.index),
        )

    def with_next_form(self) -> "Dialect | None":
        """Return this dialect with a looser form of the reply; None if the form is text already."""
        if self.reply_form == "text":
            return None
        # A schema beside `json_object` is tried only where the server's words suggest it: others may ignore it.
        return replace(self, reply_form="text" if self.reply_form == "json_object" else "json_object")


@dataclass(slots=True)
class SharedDialect:
    """What all requests to an endpoint that are under way have learned. It only ever leaves out more, so asking again ends."""

    now: Dialect

    def after_refusal(self, used: Dialect, words: str, sent: Mapping[str, Any]) -> Dialect | None:
        """Return the dialect to ask again with; None if these words name nothing that could be left out."""
        merged = used.merged(self.now)
        if merged != used:
            return merged  # another request has learned more meanwhile
        other = used.after_refusal(words, sent)
        if other is not None:
            self.learn(other)
        return other

    def learn(self, dialect: Dialect) -> None:
        """Leave out from now on what this dialect leaves out."""
        self.now = self.now.merged(dialect)


def initial_dialect(base_url: str | None, reply_form: ReplyForm = "text") -> Dialect:
    """Return the dialect of the first request to an address; None is OpenAI's server."""
    return Dialect(switches_filters_off=base_url is not None, reply_form=reply_form)


def _wanted(sampling: Sampling, switches_filters_off: bool) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) of what a request should contain, apart from limit and seed."""
    yield "temperature", sampling.temperature
    values = {name: sampling.repetition_penalty if name in PENALTY_NAMES else getattr(sampling, name) for name in _OFF}
    for name, value in values.items():
        if switches_filters_off or value != _OFF[name]:
            yield name, value
    if sampling.stop:
        yield "stop", list(sampling.stop)


def _refused(words: str, sent: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the sent settings that the words refuse.

    A filter that is only switched off may be left out whatever is wrong with it (a name that is not known, a value that is not
    allowed). A setting that was asked for is left out only if the server does not take it: another value is the user's choice.
    """
    sentences = [_WHAT_IS_KNOWN.split(sentence)[0] for sentence in re.split(r"[.;](?=\s|$)|\n", words)]
    named = {name: [each for each in sentences if is_named(name, each)] for name in sent if name not in _LIMITS}
    both = [
        each for each in named.get("top_p", ()) if each in named.get("temperature", ()) and _NOT_TOGETHER.search(each)
    ]
    if both:
        yield "top_p"
        return
    for name, places in named.items():
        is_off = name in _OFF and sent[name] == _OFF[name]
        if any(is_off or _UNSUPPORTED.search(each) for each in places):
            yield name


def _refuses_limit(words: str) -> bool:
    """Whether the name `max_tokens` is refused. A limit that is larger than the context is another matter."""
    if re.search(r"too large|too long|context|exceed|at most|less than", words, re.IGNORECASE):
        return False
    newer = "max_completion_tokens" in words
    return (newer or is_named("max_tokens", words)) and _UNSUPPORTED.search(words) is not None


def is_named(name: str, words: str) -> bool:
    """Whether a text names a setting, also in another case (`topK`). `stop` is a common word, so it must look like a name."""
    pattern = name.replace("_", "[_ -]?")
    if name == "stop":
        pattern = r"(?:(?<=['\"`.\[])|(?<=param )|(?<=parameter )|(?<=parameter: )|(?<=field )|(?<=field: )|(?<=supplied: ))stop"
    return re.search(rf"(?<![A-Za-z0-9_]){pattern}(?![A-Za-z0-9_])", words, re.IGNORECASE) is not None
