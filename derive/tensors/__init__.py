"""Planted Gaussian tensors: a tensor expression is read, Stein's lemma gives the equations, continuation the solution.

``symbols`` is what a user writes; ``reading`` turns it into networks (``network``); ``stein`` differentiates and
counts loops; ``equations`` closes the system; ``branch`` follows the informative solution; ``tensor_limit`` is what a
user holds.
"""
