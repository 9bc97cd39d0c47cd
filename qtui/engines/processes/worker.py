"""The process that computes answers, one per variant: `python -m qtui.engines.processes.worker`.

It exchanges the messages of `protocol.answering` with the runner.
"""

from typing import BinaryIO

from qtui.engines import loading, planning
from qtui.engines.processes import child
from qtui.engines.protocol.answering import Finished, Job, Loaded, MissingItems, Request
from qtui.engines.weights.finding import WeightsFinder
from qtui.processes import events, header, log


def work(incoming: BinaryIO, send: child.Send) -> None:
    """Answer the missing items of one job. Raises UserError if the variant cannot be loaded."""
    job = child.read_message(incoming, Job)
    log.note(*header.variant(job.variant, job.sampling, job.title))
    plan = planning.plan(job, WeightsFinder(send))
    log.note(header.weights(plan.path, plan.planned.facts.file_bytes))
    send(plan.planned)
    missing = child.read_message(incoming, MissingItems).indices
    events.debug(f"{len(missing)} of {len(job.items)} answers are missing")
    child.die_with_pipe(incoming)
    if not missing:
        send(Finished())
        return
    requests = [
        Request(index, plan.prompts[index], job.sampling.for_sample(job.items[index].sample)) for index in missing
    ]
    has_choices = bool(requests[0].prompt.choices)
    load = loading.load_choice_engine if has_choices else loading.load_engine
    engine = load(job.variant, plan, requests, send)
    events.debug("the engine is loaded")
    send(Loaded(engine.loaded_facts))
    with loading.library_errors(job.variant, plan):
        for answered in engine.answer(requests):
            send(answered)
    send(Finished(engine.facts()))


if __name__ == "__main__":
    child.run(work)
