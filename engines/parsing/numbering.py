"""The marks of list items: numbers and letters as Office counts them, hyphens for bullets."""

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
# Word begins letters anew, doubled, after z, and knows no larger Roman numbers; a forged start must not fill memory.
_LARGEST = 3999
_LARGEST_LETTERS = 26 * 10


def bullet(depth: int) -> str:
    """The mark of an item without a number: a hyphen for each level (0 is the outermost)."""
    return "-" * (min(max(depth, 0), 8) + 1)


def number(value: int, shape: str) -> str:
    """A number as `lowerLetter`, `upperLetter`, `lowerRoman`, `upperRoman` (words of Open XML) or else in digits."""
    written = str(value)
    if "Letter" in shape and 0 < value <= _LARGEST_LETTERS:
        written = chr(ord("a") + (value - 1) % 26) * ((value - 1) // 26 + 1)
    elif "Roman" in shape and 0 < value <= _LARGEST:
        written = _roman(value)
    elif shape == "decimalZero":
        written = f"{value:02}"
    return written.upper() if shape.startswith("upper") else written


def _roman(value: int) -> str:
    parts = []
    for size, letters in _ROMAN:
        parts.append(letters * (value // size))
        value %= size
    return "".join(parts)
