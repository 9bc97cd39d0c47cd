"""A chat model behind any OpenAI-compatible endpoint as a judge: of single answers, or of two that it compares.

`asking` sends the questions; here is what is asked, and how a reply becomes a grade or a choice. If no reply can be read, the
answer is *ungraded*, never given a low grade, and a comparison *unjudged*, never a tie.
"""

from dataclasses import replace
from typing import Any

from qtui.endpoints.allowance import Outgoing
from qtui.endpoints.budget import Bound
from qtui.endpoints.completion import Completion
from qtui.endpoints.openai_dialect import Dialect
from qtui.judges import prompt, reading
from qtui.judges.asking import Asker, check_key
from qtui.judges.protocol import Question, Reply, fingerprint, unasked_reply
from qtui.judges.wanted import CHOICE_WORDS
from qtui.records import JudgeFacts, JudgeSpec
from qtui.secrets.redaction import redact


def schema(spec: JudgeSpec) -> dict[str, Any]:
    """Return the JSON schema of a reply. The reason comes first: a grade that comes first is given before it is thought of."""
    grade = {"type": "integer", "minimum": spec.scale.lowest, "maximum": spec.scale.highest}
    wanted = {"better": {"type": "string", "enum": list(CHOICE_WORDS)}} if spec.pairwise else {"grade": grade}
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, **wanted},
        "required": ["reason", *wanted],
        "additionalProperties": False,
    }


class OpenAIJudge:
    def __init__(self, spec: JudgeSpec, known: JudgeFacts) -> None:
        self.concurrency = spec.concurrency
        check_key_and_prompt(spec)
        self.fingerprint = fingerprint(spec)
        self._spec = spec
        self._asker = Asker(spec, known, schema(spec))

    @property
    def facts(self) -> JudgeFacts:
        return self._asker.facts

    def body(self, question: Question) -> dict[str, Any]:
        """Return the JSON of a request with this question, for whoever sends it otherwise."""
        return self._asker.body(prompt.messages(self._spec, question))

    def outgoing(self, question: Question) -> Outgoing:
        """Return a request of a batch with this question, for an allowance."""
        return self._asker.outgoing(prompt.messages(self._spec, question), in_batch=True)

    def bound(self, question: Question) -> Bound | None:
        """See `Asker.bound`."""
        return self._asker.bound(prompt.messages(self._spec, question))

    def read(self, completion: Completion, question: Question) -> Reply:
        """Return the grade or choice in a completion that replies to this question, or why there is none."""
        sent = "\n\n".join(message["content"] for message in prompt.messages(self._spec, question))
        asked = prompt.as_sent(self._spec, question)
        if asked.second is not None:
            reply = reading.read_choice(completion, prompt=sent, answers=(asked.answer, asked.second.answer))
        else:
            reply = reading.read(completion, self._spec.scale, prompt=sent, answer=asked.answer)
        return replace(reply, reason=redact(reply.reason)) if reply.grade is not None else reply

    def note_readable(self) -> None:
        """Note that a reply to a request that was sent otherwise could be read."""
        self._asker.prove_form()

    @property
    def dialect(self) -> Dialect:
        """The dialect of `body`, for `learn_refusal` and `left_out`."""
        return self._asker.dialect

    def left_out(self, used: Dialect) -> tuple[str, ...]:
        """See `Asker.left_out`."""
        return self._asker.left_out(used)

    def learn_refusal(self, words: str, used: Dialect) -> bool:
        """See `Asker.learn_refusal`."""
        return self._asker.learn_refusal(words, used)

    async def grade(self, question: Question, take: int) -> Reply:
        if unasked := unasked_reply(self._spec, question):
            return unasked
        replies: list[Reply] = []

        def read(completion: Completion) -> str | None:
            replies.append(self.read(completion, question))
            return None if replies[-1].grade is not None else replies[-1].reason

        asked = await self._asker.ask(prompt.messages(self._spec, question), read)
        if asked.problem:
            return Reply(None, asked.problem, asked.seconds, is_refused=asked.is_refused, usage=asked.usage)
        return Reply(replies[-1].grade, replies[-1].reason, asked.seconds, asked.left_out, usage=asked.usage)

    async def close(self) -> None:
        await self._asker.close()


def check_key_and_prompt(spec: JudgeSpec) -> None:
    """Raises UserError if the prompt has no slot for an answer, or see `check_key`."""
    prompt.check(spec)
    check_key(spec)
