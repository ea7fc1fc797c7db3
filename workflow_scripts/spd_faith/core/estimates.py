"""Rough inputs of the plan's estimates, listed in its output and used until real measurements exist."""

PIXELS_PER_TOKEN = 28 * 28  # Qwen2-VL family; others are similar
PUBLISHED_PIXELS = 640 * 480  # a COCO image, used while the images do not exist yet
STEP_SECONDS = 0.03  # one decoding step of a batch, 7B model on one GPU; n times as long over n GPUs
PER_MILLION = 1e-6
