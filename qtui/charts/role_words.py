"""Names of variants with their roles: a control arm or noise floor is marked as such wherever a figure of it is shown."""

from qtui.records import CONTROL_ARM, NOISE_FLOOR


def is_yardstick(role: str) -> bool:
    """Whether the role is control arm or noise floor, whose difference does not measure quantization."""
    return role in (CONTROL_ARM, NOISE_FLOOR)


def titled(name: str, role: str) -> str:
    """`control arm F16`; the name alone for candidates and baselines, and for a variant whose name is its role."""
    return f"{role} {name}" if is_yardstick(role) and name != role else name


def followed(name: str, role: str) -> str:
    """`F16 (control arm)`, `FP16 (baseline)`, for lists that put the name first; candidates have the name alone."""
    return name if role in ("candidate", name) else f"{name} ({role})"
