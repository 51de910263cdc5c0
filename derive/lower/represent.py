"""From laws to an algebra: checks that the laws fit the letters, then puts both in numbers.

Letters of one joint law are functions on its nodes; arrays are small matrices (x) a growing identity. What a law
cannot say (a missing one, a spectrum for a matrix that is not symmetric, sizes that do not fit) is refused here, in
the letter's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sympy import I, Integer

from derive.errors import CertificationError, LawError
from derive.laws import ArrayLaw, AtomicLaw, Law, NodeLaw, as_law
from derive.symbols import Deterministic, Free, MatrixLetter, Signal

from .algebra import Algebra
from .balls import BallKind, is_positive_semidefinite
from .digits import MpKind
from .element import ARRAYS, Element, Family

__all__ = ["represent"]

_SYMMETRY = 1e-10  # relative: an array computed in floating point is symmetric up to its rounding


def represent(laws: Mapping[Any, Any], letters: Iterable[MatrixLetter], sizes: Mapping[Any, Any], kind: Any) -> Algebra:
    """Represent deterministic matrices and signals over one number kind.

    Parameters
    ----------
    laws : mapping letter, or tuple of letters -> law or array
        Laws of :mod:`derive.laws`, or arrays; a tuple of letters has a joint law.
    letters : iterable of Deterministic and Signal
        Those that occur; each needs a law.
    sizes : mapping dimension Symbol -> number
        Relative sizes, e.g. ``{n: 1, p: c}``; arrays over the batch on array kinds.
    kind : ArrayKind, MpKind or BallKind

    Returns
    -------
    Algebra

    Raises
    ------
    LawError
        A missing law, or one that does not fit its letter.
    CertificationError
        A density with balls.

    Examples
    --------
    >>> import numpy as np
    >>> from derive import Deterministic, dimensions
    >>> from derive.laws import atomic
    >>> from derive.lower import ArrayKind, represent
    >>> p = dimensions("p")
    >>> S = Deterministic("Sigma", p, p, symmetric=True)
    >>> algebra = represent({S: atomic([1, 4])}, [S], {p: 1}, ArrayKind(np))
    >>> float(algebra.trace(algebra.inverse(algebra.letter(S))))
    0.625
    """
    letters = sorted(set(letters), key=lambda letter: (letter.name, str(letter.shape)))
    with kind.context():
        sizes = {dim: _size(size, dim, kind) for dim, size in sizes.items()}
        elements: dict[MatrixLetter, Element] = {}
        given: dict[MatrixLetter, Any] = {}
        arrays: dict[MatrixLetter, ArrayLaw] = {}
        for key, value in laws.items():
            owners, law = _owners(key, value)
            for letter in owners:
                if letter in given:
                    raise LawError(f"{letter.name} was given two laws; put it into one (joint) law")
                given[letter] = law
            if not set(owners) & set(letters):
                continue  # a law for a matrix that the reduced system no longer contains
            if isinstance(law, ArrayLaw):
                arrays[owners[0]] = law
            else:
                elements |= _family(owners, law, sizes, kind)
        _check_blocks(arrays, sizes, kind)
        for letter, law in arrays.items():
            elements[letter] = Element(letter.rows, letter.cols, kind.matrix(_checked_array(letter, law, kind)), ARRAYS)
    for letter in letters:
        if letter not in given:
            raise LawError(_how_to_give(letter))
    return Algebra(kind, sizes, elements)


def _how_to_give(letter: MatrixLetter) -> str:
    name = letter.name
    if isinstance(letter, Signal):
        return (
            f"the signal {name} needs a law: its values on the atoms of the matrices it meets, for example "
            f"{{(S, {name}): joint({{S: [1, 4], {name}: [1, -1]}})}}, or a vector next to an array"
        )
    what = "spectral law" if letter.rows == letter.cols else "law of its singular values"
    return f"no law was given for {name}: give its {what}, e.g. {{{name}: atomic([1, 4], [0.5, 0.5])}}, or an array"


def _size(size: Any, dim: Any, kind: Any) -> Any:
    return kind.number(Integer(size)) if isinstance(size, int) else kind.coerce(size, f"the size of {dim}")


def _owners(key: Any, value: Any) -> tuple[tuple[MatrixLetter, ...], Law]:
    owners = key if isinstance(key, tuple) else (key,)
    for letter in owners:
        if not isinstance(letter, Deterministic | Free | Signal):
            raise LawError(
                f"a law was given for {letter}, which is neither a Deterministic or Free matrix nor a Signal"
            )
        if isinstance(letter, Free) and len(owners) > 1:
            raise LawError(
                f"{letter.name} is free from every other matrix, so it has a law of its own and no joint one"
            )
    names = ", ".join(letter.name for letter in owners)
    law = as_law(value, names)
    if isinstance(law, AtomicLaw):
        if law.letters is not None:
            if set(law.letters) != set(owners):
                inside = ", ".join(letter.name for letter in law.letters)
                raise LawError(f"the joint law of ({inside}) was given under the key ({names}); use the same letters")
            owners = law.letters
        elif law.width != len(owners):
            raise LawError(f"the atoms of the law of {names} have {law.width} entries, expected {len(owners)}")
    elif len(owners) > 1:
        raise LawError(f"({names}) needs a joint law, joint({{...}}) or atomic([(...), ...]); give arrays one by one")
    return owners, law


# laws on nodes -------------------------------------------------------------------------------------------------------


def _family(
    owners: tuple[MatrixLetter, ...], law: AtomicLaw | NodeLaw, sizes: Mapping, kind: Any
) -> dict[MatrixLetter, Element]:
    """The letters of one law as functions on its nodes."""
    columns, masses = _nodes(owners, law, kind)
    rectangular = [letter for letter in owners if not isinstance(letter, Signal) and letter.rows != letter.cols]
    square = [letter for letter in owners if not isinstance(letter, Signal) and letter.rows == letter.cols]
    spaces = {dim for letter in owners for dim in letter.shape if dim != 1}
    names = ", ".join(letter.name for letter in owners)
    if len({frozenset(letter.shape) for letter in rectangular}) > 1 or len(spaces) > (2 if rectangular else 1):
        shapes = ", ".join(f"{letter.name} is {letter.rows} x {letter.cols}" for letter in owners)
        raise LawError(f"the joint law of ({names}) has letters of different spaces: {shapes}")
    real = all(letter.is_real_matrix for letter in owners)
    if rectangular:
        weights, absent = _rectangular_weights(rectangular[0], masses, sizes, kind)
        for letter in square:
            if absent.get(letter.rows, False) is not True:
                raise LawError(
                    f"the joint law of ({names}) does not say what {letter.name} does on the part of the space of "
                    f"size {letter.rows} where {rectangular[0].name} vanishes; pass both as arrays"
                )
        masses = kind.nodes_append(masses, kind.zero)
        columns = [kind.nodes_append(column, kind.zero) for column in columns]
    else:
        weights, absent = dict.fromkeys(spaces, masses), {}
    family = Family(owners, weights, masses, absent)
    if not real:
        bar = Family(owners, weights, masses, absent, conjugated=family)
        object.__setattr__(family, "conjugated", bar)  # the two point at each other
    return {
        letter: Element(letter.rows, letter.cols, column, family)
        for letter, column in zip(owners, columns, strict=True)
    }


def _nodes(owners: tuple[MatrixLetter, ...], law: AtomicLaw | NodeLaw, kind: Any) -> tuple[list[Any], Any]:
    if isinstance(law, NodeLaw):
        _check_points(owners[0], (law.lower, law.upper))
        if isinstance(kind, BallKind):
            raise CertificationError(
                f"the law of {owners[0].name} is {law.described} and cannot be certified: the error of its quadrature "
                f"is not enclosed; give atoms or an array"
            )
        points, weights = law.nodes(kind.bits if isinstance(kind, MpKind) else 53)
        return [kind.nodes(points)], kind.nodes(weights)
    for index, letter in enumerate(owners):
        _check_points(letter, law.column(index))
    return [kind.nodes(law.column(index)) for index in range(len(owners))], kind.nodes(law.weights)


def _check_points(letter: MatrixLetter, points: tuple[Any, ...]) -> None:
    if isinstance(letter, Signal):
        expected, bad = "real values", [x for x in points if x.has(I)]
    elif letter.rows != letter.cols:
        expected, bad = "non-negative singular values", [x for x in points if x.has(I) or x < 0]
    elif not (letter.is_symmetric_matrix or letter.is_hermitian_matrix):
        raise LawError(
            f"{letter.name} is not declared symmetric, so its eigenvalues do not determine the limit: declare "
            f"Deterministic({letter.name!r}, ..., symmetric=True), or pass the matrix itself as an array"
        )
    elif letter.is_hermitian_matrix:
        positive = letter.is_positive_matrix
        expected = "non-negative eigenvalues (it is declared positive)" if positive else "real eigenvalues"
        bad = [x for x in points if x.has(I) or (positive and x < 0)]
    else:
        raise LawError(f"{letter.name} is complex symmetric and has no spectral law; pass it as an array")
    if bad:
        raise LawError(f"the law of {letter.name} must have {expected}, got {bad[0]}")


def _rectangular_weights(letter: MatrixLetter, masses: Any, sizes: Mapping, kind: Any) -> tuple[dict, dict]:
    """Masses in each of the two spaces: min(p, n) singular values, and the rest of the larger space on a node of 0."""
    rows, cols = letter.shape
    for dim in (rows, cols):
        if dim not in sizes:
            raise LawError(f"the singular values of {letter.name} need the relative size of {dim}")
    weights, absent = {}, {}
    for dim, other in ((rows, cols), (cols, rows)):
        ratio, absent[dim] = kind.ratio_capped(sizes[other], sizes[dim])
        weights[dim] = kind.nodes_append(kind.nodes_scale(ratio, masses), 1 - ratio)
    return weights, absent


# arrays --------------------------------------------------------------------------------------------------------------


def _check_blocks(arrays: Mapping[MatrixLetter, ArrayLaw], sizes: Mapping, kind: Any) -> None:
    """All arrays on one space have the same size there, and sizes are in the proportion of the dimensions."""
    blocks: dict[Any, tuple[int, MatrixLetter]] = {}
    for letter, law in arrays.items():
        if isinstance(letter, Signal) and law.shape[1] != 1:
            raise LawError(f"the signal {letter.name} takes a vector, got a {law.shape[0]} x {law.shape[1]} array")
        if letter.rows == letter.cols and law.shape[0] != law.shape[1]:
            raise LawError(f"{letter.name} is square, but its array is {law.shape[0]} x {law.shape[1]}")
        for dim, size in zip(letter.shape, law.shape, strict=True):
            if dim == 1:
                continue
            known, owner = blocks.setdefault(dim, (size, letter))
            if known != size:
                raise LawError(
                    f"{owner.name} and {letter.name} share the dimension {dim}, but their arrays have sizes {known} "
                    f"and {size} there"
                )
    for letter, law in arrays.items():
        (rows, cols), (k, l) = letter.shape, law.shape
        if isinstance(letter, Signal) or rows == cols or rows not in sizes or cols not in sizes:
            continue
        if kind.differs(sizes[rows] * l, sizes[cols] * k):
            raise LawError(f"the array of {letter.name} is {k} x {l}, but {rows}/{cols} is not {k}/{l}")


def _checked_array(letter: MatrixLetter, law: ArrayLaw, kind: Any) -> ArrayLaw:
    array = law.doubles
    if letter.is_real_matrix and np.any(array.imag):
        raise LawError(f"{letter.name} is declared real, but its array has complex entries; declare real=False")
    if isinstance(letter, Signal):
        return law
    scale = 1 + np.max(np.abs(array))
    for declared, conjugate, what in (
        (letter.is_symmetric_matrix, False, "symmetric"),
        (letter.is_hermitian_matrix, True, "hermitian"),
    ):
        if not declared:
            continue
        gap = np.abs(array - (array.T.conj() if conjugate else array.T))
        i, j = np.unravel_index(np.argmax(gap), gap.shape)
        if gap[i, j] > _SYMMETRY * scale:
            raise LawError(
                f"{letter.name} is declared {what}, but its entries ({i}, {j}) and ({j}, {i}) are {array[i, j]} and "
                f"{array[j, i]}"
            )
        # the equations use A' = A: make it exact where the entries were computed in floating point
        law = law.symmetrised(conjugate)
    if letter.is_positive_matrix:
        low = float(np.linalg.eigvalsh(array)[0])
        exactly = isinstance(kind, MpKind | BallKind)
        if low < -_SYMMETRY * scale or (exactly and not is_positive_semidefinite(law.rows)):
            raise LawError(f"{letter.name} is declared positive, but its array has the eigenvalue {low:.6g}")
    return law
