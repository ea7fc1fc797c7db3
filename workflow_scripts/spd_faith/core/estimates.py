"""Rough inputs of the plan's estimates, listed in its output and used until real measurements exist."""

PIXELS_PER_TOKEN = 28 * 28  # Qwen2-VL family; others are similar
PUBLISHED_PIXELS = 640 * 480  # a COCO image, used while the images do not exist yet
STEP_SECONDS = 0.03  # one decoding step of a batch, 7B model on one GPU; n times as long over n GPUs
PER_MILLION = 1e-6

# Of an engine (vLLM); estimates that nobody measured. A step of 64 answers of a 7B model in bf16 on one H100: 6 ms to
# read weights and cache, 15 ms for the prompts of the answers that start in between (830 tokens each, every second
# step, images shared by a pair's questions), the rest for the CPU. Tensor parallel over n GPUs is for a model n times
# as large, in the same time.
ENGINE_STEP_SECONDS = 0.03
ENGINE_IN_FLIGHT = 64
ENGINE_START_SECONDS = 120.0  # reading 17 GB of weights, compiling, capturing graphs
