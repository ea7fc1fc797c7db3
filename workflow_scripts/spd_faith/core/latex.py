"""Text for LaTeX: in ASCII, without commands, and legible with the fonts that every pdflatex has."""

import re
import unicodedata

_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "{}$&#%_"},
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\`{}",
    '"': r"{\char34}",  # active in some languages of babel
    **{char: f"{{{char}}}" for char in "[*"},  # after the end of a row they would be its arguments
}
_PUNCTUATION = {
    "–": "{--}",
    "—": "{---}",
    "“": "{``}",
    "”": "{''}",
    "‘": "{`}",
    "’": "{'}",
    "…": r"\ldots{}",
    "•": r"\textbullet{}",
    "§": r"\S{}",
    "©": r"\copyright{}",
    "™": r"\texttrademark{}",
}
_LETTERS = {
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
}
_GREEK = {
    "α": "alpha",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "ε": "epsilon",
    "ζ": "zeta",
    "η": "eta",
    "θ": "theta",
    "ι": "iota",
    "κ": "kappa",
    "λ": "lambda",
    "μ": "mu",
    "ν": "nu",
    "ξ": "xi",
    "π": "pi",
    "ρ": "rho",
    "σ": "sigma",
    "τ": "tau",
    "υ": "upsilon",
    "φ": "phi",
    "χ": "chi",
    "ψ": "psi",
    "ω": "omega",
    "Γ": "Gamma",
    "Δ": "Delta",
    "Θ": "Theta",
    "Λ": "Lambda",
    "Ξ": "Xi",
    "Π": "Pi",
    "Σ": "Sigma",
    "Φ": "Phi",
    "Ψ": "Psi",
    "Ω": "Omega",
}
_MATHS = {
    "−": "-",
    "×": r"\times",
    "±": r"\pm",
    "÷": r"\div",
    "·": r"\cdot",
    "′": "'",
    "″": "''",
    "°": r"^\circ",
    "≤": r"\leq",
    "≥": r"\geq",
    "≠": r"\neq",
    "≈": r"\approx",
    "→": r"\to",
    "←": r"\leftarrow",
    "∞": r"\infty",
    "¹": "^1",
    "²": "^2",
    "³": "^3",
    "µ": r"\mu",
    **{letter: f"\\{name}" for letter, name in _GREEK.items()},
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0308": '"',
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
_COMMANDS = _SPECIAL | _PUNCTUATION | _LETTERS | {char: f"${symbol}$" for char, symbol in _MATHS.items()}
_DOTLESS = {"i": r"\i", "j": r"\j"}
_LIGATURE = re.compile("(?<=-)(?=-)|(?<=')(?=')|(?<=,)(?=,)")  # between two characters that a font would join


def legible(text: str) -> str:
    """The text on one line, with the characters that have no command in LaTeX named: `[U+4E2D U+6587]`."""
    words = unicodedata.normalize("NFC", " ".join(text.split()))
    parts: list[str] = []
    unknown: list[str] = []
    for char in words:
        if not _command(char):
            unknown.append(f"U+{ord(char):04X}")
            continue
        parts += [_named(unknown), char]
        unknown.clear()
    return "".join((*parts, _named(unknown)))


def latex(text: str) -> str:
    """The text as LaTeX: no character of it is read as a command, whatever it holds."""
    return "{}".join("".join(map(_command, part)) for part in _LIGATURE.split(legible(text)))


def _named(unknown: list[str]) -> str:
    return f"[{' '.join(unknown)}]" if unknown else ""


def _command(char: str) -> str:
    """What sets the character; empty if nothing does."""
    if char in _COMMANDS:
        return _COMMANDS[char]
    if char.isascii():
        return char if char.isprintable() else ""
    letter = unicodedata.normalize("NFD", char)
    base, mark = letter[0], letter[1:]
    if mark not in _ACCENTS or not (base.isascii() and base.isalpha()):
        return ""
    return f"\\{_ACCENTS[mark]}{{{_DOTLESS.get(base, base)}}}"
