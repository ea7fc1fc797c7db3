"""What the probe `causal_patching` runs on a loaded model."""
