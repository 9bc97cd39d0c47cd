"""A row of scores that nobody graded, to be replaced field by field."""

from qtui.figures.scores import ScoreRow

NO_GRADES = {str(grade): 0 for grade in range(1, 6)}


def score_row() -> ScoreRow:
    return ScoreRow(
        run_id=1, experiment="study", model="org/small", baseline="FP16", candidate="Q4_K_M", judge=None, n=0, answered=100,
        ungraded=100, takes=0, baseline_mean=None, candidate_mean=None, difference=None, sd=None, interval90=None, interval95=None,
        wins=None, ties=None, losses=None, flips_down=None, flips_up=None, big_down=None, big_up=None, noise_flips=None, mde80=None,
        tasks_needed=None, verdict="ungraded", verdict_text="ungraded: no judge has graded both sides", rule=None,
        behaviour="no change found", behaviour_reasons=(), guards=(), notes=(), histogram_baseline=NO_GRADES,
        histogram_candidate=NO_GRADES, causes=(), claim_p_holm=None, comparisons=1,
    )  # fmt: skip
