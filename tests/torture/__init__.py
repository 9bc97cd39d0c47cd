"""Torture: processes of a real run are killed at seeded moments, and the run is compared with an undisturbed one."""
