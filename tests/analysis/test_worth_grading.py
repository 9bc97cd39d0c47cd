"""The order in which pairs are worth a person's grade."""

from qtui.analysis.instrument.worth_grading import Gradings, Worth, most_telling_first


def tasks_of(worths: list[Worth]) -> list[int]:
    return [worth.task for worth in worths]


def test_judges_that_part_and_large_differences_come_first() -> None:
    pairs = [
        Gradings(1, 0, (0.0, 0.0)),
        Gradings(2, 0, (-1.0, 1.0)),
        Gradings(3, 0, (-3.0,)),
        Gradings(4, 0, (-0.5, -0.5)),
    ]
    found = most_telling_first(pairs, 0.2)
    assert tasks_of(found) == [3, 2, 4, 1]
    assert [worth.parted for worth in found] == [0, 2, 0, 0]


def test_a_pair_that_decides_the_verdict_comes_before_one_on_which_judges_part_more() -> None:
    # Nineteen equal pairs and one loss of 4: with it the interval reaches below −0.2, without it the verdict is "equivalent".
    pairs = [Gradings(task, 0, (0.0,)) for task in range(1, 20)] + [
        Gradings(20, 0, (-4.0,)),
        Gradings(21, 0, (-2.5, 2.5)),
    ]
    found = most_telling_first(pairs, 0.2)
    assert (found[0].task, found[0].decides) == (20, True)
    assert (found[1].task, found[1].decides) == (21, False)


def test_far_from_the_boundary_no_single_pair_decides() -> None:
    pairs = [Gradings(task, 0, (-2.0 - task % 2,)) for task in range(1, 41)]
    assert not any(worth.decides for worth in most_telling_first(pairs, 0.2))


def test_pairs_without_grades_come_last_in_the_order_of_the_tasks() -> None:
    pairs = [
        Gradings(2, 1, ()),
        Gradings(2, 0, ()),
        Gradings(1, 0, ()),
        Gradings(9, 0, (-1.0,)),
        Gradings(8, 0, (-1.0,)),
    ]
    assert [(worth.task, worth.sample) for worth in most_telling_first(pairs, 0.2)] == [
        (8, 0),
        (9, 0),
        (1, 0),
        (2, 0),
        (2, 1),
    ]
    assert most_telling_first([], 0.2) == []
