"""The language of a learning problem: data, estimators and what is asked of them, above matrix expressions.

A :class:`Dataset` is a matrix of features and a vector of labels, an estimator such as :func:`ridge` is a matrix
expression in them, and :func:`excess_risk` averages its squared error over the random vectors of the problem (true
coefficients, label noise). What comes out are traces of Gaussian blocks, as :func:`derive.limit` takes them. Nothing
here knows a limit.
"""
