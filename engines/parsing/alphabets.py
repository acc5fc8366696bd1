"""Which code page a text in Latin letters is written in, told by the alphabets of the languages that use it.

charset-normalizer measures how much a reading looks like text at all; to it "détresse" and "dźtresse" look alike.
"""

_ALPHABETS = {
    "cp1252": (
        "äöüß", "àâçéèêëîïôùûüœæ", "áéíñóúü¿¡ªº", "ãõáâàçéêíóôúªº", "àèéìòùí", "åäöéæøóôòêà", "áéíóúýþæöðø",
        "äöõüšž", "àèéíïòóúüç·", "éèëïöüê", "ëç",
    ),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíľňóôšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž"),
    "cp1254": ("çğıöşüİâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž"),
    "iso8859_2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíľňóôšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž"),
}  # fmt: skip
"""Of the languages of each code page, the letters that ASCII lacks; the rarest are left out (the Slovak ŕ and ĺ are
the French à and the Swedish å). The first that fits as well as any is taken."""
CODE_PAGES = frozenset(_ALPHABETS)
_SAYS_NOTHING = frozenset("’\xa0\xad")
_PUNCTUATION = frozenset("€‚„…†‡‰‹›‘“”•–—™§©®«»°±·´¤¨")
"""Says nothing either, unless it stands within a word, as the letters of older systems do when read so."""
_NOT_LETTERS = bytes(byte for byte in range(256) if not bytes((byte,)).isalpha())
_LONGEST_RUN = 1.4
_LARGEST_SHARE = 0.25


def latin(data: bytes) -> tuple[str, float]:
    """The code page, and the share of the telling letters that belong to the alphabet it fits best: 0.0 to 1.0.

    ("", 0.0) where the bytes are not those of a text in Latin letters, few of which lie beyond ASCII.
    """
    high = [at for at, byte in enumerate(data) if byte > 0x7F]
    runs = sum(1 for at in high if at == 0 or data[at - 1] < 0x80)
    letters = len(data.translate(None, _NOT_LETTERS)) + len(high)
    if not high or len(high) > _LONGEST_RUN * runs or len(high) > _LARGEST_SHARE * letters:
        return "", 0.0
    readings = {name: data.decode(name, "replace") for name in _ALPHABETS}
    shares = {name: max(_share(text, high, each) for each in _ALPHABETS[name]) for name, text in readings.items()}
    best = max(shares, key=lambda name: shares[name])
    return best, shares[best]


def _share(text: str, high: list[int], alphabet: str) -> float:
    """How many of the letters beyond ASCII are of an alphabet; a capital is none within a word in small letters."""
    telling = fitting = 0
    for at in high:
        letter, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
        is_outside = not (before.islower() and after.islower())
        if letter in _SAYS_NOTHING or (letter in _PUNCTUATION and is_outside):
            continue
        telling += 1
        fitting += letter in alphabet or (letter.lower() in alphabet and not before.islower())
    return fitting / telling if telling else 1.0
