"""What a variant is called where it is no candidate: a control arm and a noise floor say so wherever a figure of theirs stands."""

from qtui.records import CONTROL_ARM, NOISE_FLOOR


def is_yardstick(role: str) -> bool:
    """Whether its difference is about something else than quantization."""
    return role in (CONTROL_ARM, NOISE_FLOOR)


def titled(name: str, role: str) -> str:
    """`control arm F16`; candidates and baselines go by their names alone, and what is named by its role is named once."""
    return f"{role} {name}" if is_yardstick(role) and name != role else name


def followed(name: str, role: str) -> str:
    """`F16 (control arm)`, `FP16 (baseline)`, for lists in which the name comes first."""
    return name if role in ("candidate", name) else f"{name} ({role})"
