"""Benchmarks: `python -m benchmarks NAME`; a peer beside us in the same run, medians, the result checked."""
