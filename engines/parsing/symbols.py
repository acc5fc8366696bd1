"""The fonts whose letters are signs."""

_GREEK = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\xb7",
    "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖαβχδεφγηιϕκλμνοπθρστυϖωξψζ•",
)


def read_symbols(text: str, font: str) -> str:
    """What characters below U+0100 of a symbol font show: Greek in Symbol; "" for the pictures of other fonts."""
    if font.strip().lower() != "symbol":
        return ""
    return "".join(each for each in text.translate(_GREEK) if not "\x7f" <= each <= "\xff")
