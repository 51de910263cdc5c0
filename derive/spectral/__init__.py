"""Spectra: density, edges, atoms and functionals of the limiting spectral law of a self-adjoint matrix."""
