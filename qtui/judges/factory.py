"""Creating the judge that a spec describes, and checking that it can work here."""

from typing import assert_never

from qtui.endpoints import endpoint
from qtui.errors import UserError
from qtui.judges.protocol import Judge, fingerprint
from qtui.records import JudgeFacts, JudgeSpec


def check_judge(spec: JudgeSpec) -> None:
    """Raises UserError if a judge described by the user cannot work here, or if the description contains a secret.

    Sends no request to the judge.
    """
    if spec.kind == "openai":
        from qtui.judges import openai

        address = spec.base_url or ""
        problems = [
            ("base_url", problem) for problem in (endpoint.address_problem(address), *endpoint.unset_variables(address))
        ]
        if spec.api_key_env:
            problems.append(("api_key_env", endpoint.key_name_problem(spec.api_key_env)))
        if lines := [f"judge {spec.label}: {key}: {problem}" for key, problem in problems if problem]:
            raise UserError("\n".join(lines))
        openai.check_key_and_prompt(spec)


def create_judge(spec: JudgeSpec, facts: JudgeFacts = JudgeFacts()) -> Judge:  # noqa: B008 - the record is frozen
    """The judge that a spec describes. Raises UserError if it cannot work here (for instance, its key is not set).

    `facts` are what is known already about asking it.
    """
    if spec.kind == "reference":
        from qtui.judges.reference import ReferenceJudge

        return ReferenceJudge(fingerprint(spec), spec.scale)
    if spec.kind == "openai":
        from qtui.judges.openai import OpenAIJudge

        return OpenAIJudge(spec, facts)
    assert_never(spec.kind)
