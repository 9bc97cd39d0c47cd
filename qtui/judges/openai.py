"""A chat model behind any OpenAI-compatible endpoint as the judge of single answers.

`asking` sends the questions; here is what is asked, and how a reply becomes a grade. If no reply can be read, the answer is
*ungraded*, never given a low grade.
"""

from dataclasses import replace
from typing import Any

from qtui.endpoints.completion import Completion
from qtui.endpoints.openai_dialect import Dialect
from qtui.judges import prompt, reading
from qtui.judges.asking import Asker, check_key
from qtui.judges.protocol import Question, Reply, empty_reply, fingerprint, template
from qtui.records import JudgeFacts, JudgeSpec, Scale
from qtui.secrets.redaction import redact


def schema(scale: Scale) -> dict[str, Any]:
    """Return the JSON schema of a reply. The reason comes first: a grade that comes first is given before it is thought of."""
    grade = {"type": "integer", "minimum": scale.lowest, "maximum": scale.highest}
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, "grade": grade},
        "required": ["reason", "grade"],
        "additionalProperties": False,
    }


class OpenAIJudge:
    def __init__(self, spec: JudgeSpec, known: JudgeFacts) -> None:
        self.concurrency = spec.concurrency
        check_key_and_prompt(spec)
        self.fingerprint = fingerprint(spec)
        self._spec = spec
        self._asker = Asker(spec, known, schema(spec.scale))

    @property
    def facts(self) -> JudgeFacts:
        return self._asker.facts

    def body(self, question: Question) -> dict[str, Any]:
        """Return the JSON of a request with this question, for whoever sends it otherwise."""
        return self._asker.body(prompt.messages(self._spec, question))

    def read(self, completion: Completion, question: Question) -> Reply:
        """Return the grade in a completion that replies to this question, or why there is none."""
        sent = "\n\n".join(message["content"] for message in prompt.messages(self._spec, question))
        answer = prompt.as_sent(self._spec, question).answer
        reply = reading.read(completion, self._spec.scale, prompt=sent, answer=answer)
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
        if not question.answer.strip():
            return empty_reply(self._spec.scale)
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
    """Raises UserError if the prompt has no slot for the answer, or see `check_key`."""
    prompt.check(template(spec))
    check_key(spec)
