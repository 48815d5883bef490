"""Benchmarks: netgrad beside what people use today, one process a contender, alternating in one session."""
