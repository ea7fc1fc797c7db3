"""Inputs of the estimates that a plan shows: rough figures, named in its output, used where nothing was measured."""

PIXELS_PER_TOKEN = 28 * 28  # of the Qwen2-VL family; others are near
PUBLISHED_PIXELS = 640 * 480  # an image of COCO, where the images are not there yet
STEP_SECONDS = 0.03  # of a token of each answer of a batch, of a 7B model on one GPU; over n GPUs, n times as much
PER_MILLION = 1e-6
