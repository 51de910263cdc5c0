"""Lowering: reduced symbolic systems become straight-line programs over arrays, mpmath or balls."""

from .algebra import Algebra
from .arrays import ArrayKind
from .balls import BallKind
from .digits import MpKind
from .element import Element
from .program import Instruction, Program, compile_program
from .represent import represent

__all__ = [
    "Algebra",
    "ArrayKind",
    "BallKind",
    "Element",
    "Instruction",
    "MpKind",
    "Program",
    "compile_program",
    "represent",
]
