"""The portal: a steward sees what waits, reads a batch's report, looks at the items behind it, and signs."""
