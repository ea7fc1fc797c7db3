"""Upper bounds of the tokens of a question, for limits of spending."""


def max_text_tokens(text: str) -> int:
    """Upper bound of the tokens of a text: one per two bytes, plus those of the chat template."""
    return 256 + len(text.encode()) // 2


def max_image_tokens(width: int, height: int, known: int | None = None) -> int:
    """Upper bound of the tokens of an image of this size; `known` is the endpoint's own maximum, if configured.

    The bound of a megapixel is 7,500 tokens. Patches of 28 × 28 pixels make 1,340 of it, tiles of 448 × 448 (InternVL)
    2,560, LLaVA-OneVision's tiles 7,290.
    """
    return known or 2048 + width * height // 192
