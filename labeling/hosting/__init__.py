"""What runs in Label Studio's own environment, not in ours."""
