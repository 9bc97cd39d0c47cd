"""The process that answers, one per variant: `python -m qtui.engines.processes.worker`.

Its messages are those of `protocol.answering`.
"""

from typing import BinaryIO

from qtui.engines import loading, planning
from qtui.engines.processes import child
from qtui.engines.protocol.answering import Finished, Job, Loaded, Request, Wanted
from qtui.engines.weights.finding import WeightsFinder
from qtui.processes import header, log


def work(asked: BinaryIO, say: child.Say) -> None:
    job = child.read(asked, Job)
    log.note(*header.variant(job.variant, job.sampling, job.title))
    plan = planning.plan(job, WeightsFinder(say))
    log.note(header.weights(plan.path, plan.planned.facts.file_bytes))
    say(plan.planned)
    wanted = child.read(asked, Wanted).indices
    child.die_at_end_of(asked)
    if not wanted:
        say(Finished())
        return
    requests = [
        Request(index, plan.prompts[index], job.sampling.for_sample(job.items[index].sample)) for index in wanted
    ]
    engine = loading.load_engine(job.variant, plan, requests, say)
    say(Loaded(engine.loaded_facts))
    for answered in engine.answer(requests):
        say(answered)
    say(Finished(engine.facts()))


if __name__ == "__main__":
    child.run(work)
