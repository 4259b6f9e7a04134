"""Is it good enough: probes, duplicates, leakage, expectations, the gate, the sign-off and the trial base."""
