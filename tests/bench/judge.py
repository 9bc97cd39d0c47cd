"""The judge against the study's loop: one question, one reply, the next. Over real HTTP with a fixed latency."""

import asyncio
import time
from collections.abc import Iterator

from qtui.judges import Question, create_judge
from qtui.records import JudgeSpec
from tests.bench.ratio import Ratio, measure
from tests.judges.endpoint import endpoint

LATENCY_SECONDS = 0.05
QUESTIONS = 64
CONCURRENCY = 16


def ratios() -> Iterator[Ratio]:
    def say(*_: object) -> str:
        time.sleep(LATENCY_SECONDS)
        return '{"reason": "timing", "grade": 3}'

    with endpoint(say) as served:
        spec = JudgeSpec("openai", model="grader", base_url=served.base_url, concurrency=CONCURRENCY)
        yield measure(
            f"openai judge, {CONCURRENCY} at once",
            lambda: asyncio.run(_grade(spec, CONCURRENCY)),
            f"one after the other, {LATENCY_SECONDS * 1000:.0f} ms each",
            lambda: asyncio.run(_grade(spec, 1)),
        )


async def _grade(spec: JudgeSpec, at_once: int) -> None:
    judge = create_judge(spec)
    gate = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with gate:
            await judge.grade(Question("q", "r", "c", f"answer {number}"), 1)

    await asyncio.gather(*(one(i) for i in range(QUESTIONS)))
    await judge.close()
