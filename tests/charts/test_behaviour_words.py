from qtui.charts.behaviour_words import behaviour_title, behaviour_word

FLAGS = ("secondary: looping answers: 9 gained, 0 lost (McNemar, p 0.008 adjusted)",)


def test_a_finding_of_flags_alone_is_not_hidden_behind_no_change() -> None:
    assert behaviour_word("no change found", FLAGS) == "flags"
    assert behaviour_title("no change found", FLAGS) == "no change of length found, but of flags"


def test_the_primary_test_decides_changed() -> None:
    assert behaviour_word("changed", ("shorter answers", *FLAGS)) == "changed"
    assert behaviour_title("changed", ("shorter answers", *FLAGS)) == "changed"


def test_nothing_found_is_nothing_in_a_column() -> None:
    assert behaviour_word("no change found", ()) == behaviour_word(None, ()) == ""
    assert behaviour_title("no change found", ()) == "no change found"
