"""Files and requests from strangers: many mutations of valid ones, of which each is taken or refused in one line.

`make fuzz` runs them all; `make test` runs some of each kind. See `targets` for the kinds and `guard` for what counts
as harm.
"""
