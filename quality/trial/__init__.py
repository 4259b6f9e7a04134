"""The trial base: the same cases for every model, judged slice by slice, and what the failures ask for next."""
