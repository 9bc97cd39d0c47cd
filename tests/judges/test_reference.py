from qtui.judges import Question, create_judge
from qtui.records import JudgeSpec


async def grade(answer: str, reference: str = "東京は日本の首都です。人口は約千四百万人です。") -> int | None:
    return (await create_judge(JudgeSpec("reference")).grade(Question("問い", reference, "", answer), 1)).grade


async def test_the_reference_itself_has_the_highest_grade() -> None:
    assert await grade("東京は日本の首都です。人口は約千四百万人です。") == 5


async def test_an_answer_without_a_common_character_has_the_lowest_grade() -> None:
    assert await grade("xyz") == 1


async def test_a_partial_answer_lies_between() -> None:
    assert await grade("東京は日本の首都です。") in (2, 3, 4)


async def test_an_empty_answer_is_graded_one() -> None:
    assert await grade("　\n") == 1


async def test_a_task_without_a_reference_is_ungraded() -> None:
    assert await grade("東京", reference=" ") is None


async def test_the_reason_names_overlap_not_quality() -> None:
    reply = await create_judge(JudgeSpec("reference")).grade(Question("", "abc", "", "abc"), 1)
    assert "not quality" in reply.reason
