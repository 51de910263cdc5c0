"""Measured ratios against peers and against the linear algebra underneath; ``python -m benchmarks`` prints the
table.
"""
