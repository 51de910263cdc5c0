"""Limits of limits: one parameter of a derived system tends to 0, to infinity or to a number, by dominant balance."""
