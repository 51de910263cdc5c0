"""Published formulas as functions of plain numbers, each with its source.

Nothing in here imports the project: an oracle that shares code with what it judges is not one
(``tests/test_architecture.py`` enforces it).
"""
