"""The process that answers, one per variant.

`python -m qtui.engines.processes.worker`, with the messages of `protocol.answering`.
"""

from typing import BinaryIO

from qtui.engines import compute, planning
from qtui.engines.conversion import kept_gguf
from qtui.engines.planning import Plan
from qtui.engines.processes import child
from qtui.engines.protocol.answering import Engine, Finished, Job, Loaded, Loading, Request, Wanted
from qtui.processes import header, log


def work(asked: BinaryIO, say: child.Say) -> None:
    job = child.read(asked, Job)
    log.note(*header.variant(job.variant, job.sampling, job.title))
    plan = planning.plan(job, say)
    log.note(header.weights(plan.path, plan.planned.facts.get("file_bytes")))
    say(plan.planned)
    wanted = child.read(asked, Wanted).indices
    child.die_at_end_of(asked)
    if not wanted:
        say(Finished({}))
        return
    requests = [
        Request(index, plan.prompts[index], job.sampling.for_sample(job.items[index].sample)) for index in wanted
    ]
    engine = _engine(job, plan, say)
    say(Loading("loading weights"))
    say(Loaded(engine.load(requests, say)))
    for answered in engine.answer(requests):
        say(answered)
    say(Finished(engine.facts()))


def _engine(job: Job, plan: Plan, say: child.Say) -> Engine:
    variant, path = job.variant, plan.path
    compute.hide_unused_gpus(plan.compute)
    if variant.engine == "openai" or path is None:
        from qtui.engines.openai import OpenAIEngine

        return OpenAIEngine(variant)
    if variant.engine == "transformers":
        from qtui.engines.transformers.engine import TransformersEngine

        return TransformersEngine(variant, path, plan.compute)
    from qtui.engines.llama_cpp.engine import LlamaCppEngine

    if path.is_dir():
        how = kept_gguf.Conversion(trust_remote_code=variant.trust_remote_code)
        path = kept_gguf.made_gguf(path, plan.fingerprint, variant.precision, plan.engine_version, say, how=how)
    return LlamaCppEngine(variant, path, compute.verified(path, plan.compute, say))


if __name__ == "__main__":
    child.run(work)
