"""Checks of an experiment's weights before its run starts: those on this disk, by names, sizes and headers of their files.

Otherwise a shard that is missing would be found when its variant's turn comes, which may be hours later.
"""

from collections.abc import Iterator
from pathlib import Path

from qtui.engines import available, planning
from qtui.engines.quantizing import imatrix_source
from qtui.engines.weights import finding
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from qtui.experiment.experiment import Experiment
from qtui.files import toml_text
from qtui.files.toml_location import line_of
from qtui.records import VariantSpec


def check_weights(experiment: Experiment) -> None:
    """Raise UserError with the problem of every variant whose weights are here and cannot be used, `file:line: key: problem`.

    Weights that are only on the hub are checked by the worker, before it downloads them. Nothing is hashed or loaded.
    """
    problems = [f"{_place(experiment, variant)}: {problem}" for variant, problem in _problems(experiment) if problem]
    if problems:
        raise UserError("\n".join(dict.fromkeys(problems)))


def _problems(experiment: Experiment) -> Iterator[tuple[VariantSpec, str]]:
    seen: dict[tuple[str, str, str], str] = {}
    for variant in experiment.variants:
        if variant.engine == "openai":
            continue
        what = (variant.engine, variant.weights, f"{variant.imatrix or ''}{variant.pickled_weights}")
        if what not in seen:
            seen[what] = _problem(variant)
            yield variant, seen[what]


def _problem(variant: VariantSpec) -> str:
    """Why a variant's weights cannot be used; empty if they can, or are not here. Without its engine nothing is checked."""
    try:
        available.version_of(variant.engine)
    except UserError:
        return ""  # the run says what to install
    try:
        path = finding.path_on_disk(variant.weights)
        if path is None:
            return ""
        weights = open_weights(path)
        weights.check_files()
        planning.check_settings(variant, weights)
        planning.check_pickled(variant, weights)
        if variant.imatrix and not imatrix_source.is_text(Path(variant.imatrix)):
            from qtui.engines.quantizing import imatrix  # loads numpy

            imatrix.read(Path(variant.imatrix))
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"{error.filename or variant.weights}: cannot be read ({error.strerror or error})"
    return ""


def _place(experiment: Experiment, variant: VariantSpec) -> str:
    """`file:line: models[1].variants[2].weights` of a variant; without a line if it is none of the file's own (a control arm)."""
    models = toml_text.parse(experiment.text, experiment.origin).get("models", [])
    for i, model in enumerate(models):
        for j, each in enumerate(model.get("variants", [])):
            if (model.get("name"), each.get("name")) == (variant.model, variant.name):
                line = line_of(experiment.text, ("models", i, "variants", j, "weights"))
                place = f"{experiment.origin}:{line}" if line else str(experiment.origin)
                return f"{place}: models[{i + 1}].variants[{j + 1}].weights"
    return f"{experiment.origin}: {variant.model} {variant.name}"
