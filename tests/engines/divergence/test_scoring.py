"""The order in which answers are fed: every token once, in its place, never more at once than the limits say."""

from hypothesis import given
from hypothesis import strategies as st

from qtui.engines.divergence.scoring import CELLS, CHUNK, ROWS, FedTokens, cells_needed, chunks, groups

lengths = st.lists(st.integers(1, 3000), max_size=60)


@given(lengths)
def test_every_answer_is_in_one_group_that_fits(counts: list[int]) -> None:
    found = groups(counts)
    assert sorted(index for group in found for index in group) == list(range(len(counts)))
    for group in found:
        assert len(group) <= ROWS
        assert len(group) == 1 or sum(counts[index] for index in group) <= CELLS
        assert sum(counts[index] for index in group) <= cells_needed(counts)


@given(st.lists(st.tuples(st.integers(1, 700), st.integers(0, 699)), min_size=1, max_size=ROWS))
def test_every_token_is_fed_once_in_its_place(shapes: list[tuple[int, int]]) -> None:
    group = [
        FedTokens([row * 1000 + i for i in range(count)], min(first, count - 1))
        for row, (count, first) in enumerate(shapes)
    ]
    seen: list[list[int]] = [[] for _ in group]
    scored: list[list[int]] = [[] for _ in group]
    for pieces in chunks(group):
        assert 0 < sum(len(piece.ids) for piece in pieces) <= CHUNK
        assert len({piece.start for piece in pieces}) == 1
        for piece in pieces:
            assert piece.start == len(seen[piece.row])
            seen[piece.row] += piece.ids
            scored[piece.row] += piece.ids[len(piece.ids) - piece.scored :]
    assert seen == [fed.ids for fed in group]
    assert scored == [fed.ids[fed.first :] for fed in group]


def test_a_row_that_is_through_makes_room_for_the_others() -> None:
    widths = [
        max(len(piece.ids) for piece in pieces) for pieces in chunks([FedTokens([0] * 10, 0), FedTokens([0] * 600, 0)])
    ]
    assert widths == [CHUNK // 2, CHUNK, 600 - CHUNK // 2 - CHUNK]
