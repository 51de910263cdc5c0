"""Solving the derived equations: which solution, in double precision, to many digits, with a proof."""
