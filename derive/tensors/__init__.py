"""Planted Gaussian tensors: a tensor expression is read, Stein's lemma gives the equations, continuation the solution.

``symbols`` is what a user writes; ``reading`` turns it into networks (``network``); ``stein`` differentiates and
counts loops; ``equations`` closes the system; ``branch`` follows the informative solution; ``kac_rice`` counts critical
points, from which come the solution below the threshold (``uninformative``) and the ground state of the noise
(``complexity``); ``tensor_limit`` is what a user holds.
"""
