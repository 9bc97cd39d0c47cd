"""`python -m qtui` is `qtui`."""

from qtui.cli import main

main()
