"""Scripts as minifiers write them, which give each function's variables new names each time."""

from __future__ import annotations

import re
from random import Random

_NAME = re.compile(r"(?<![.\w$])[a-z]{1,3}(?![\w$])")
_WORDS = ("var", "let", "if", "for", "of", "new", "get")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def script(seed: int, functions: int) -> str:
    """Functions with local variables of one letter, global ones of three."""
    random = Random(seed)
    everywhere = ["".join(random.choices(_LETTERS, k=3)) for _ in range(functions)]
    found = []
    for name in everywhere:
        own = random.sample(_LETTERS, 4)
        body = [
            random.choice((
                f"var {random.choice(own)}={random.choice(own)}.length;",
                f"if({random.choice(own)}>{random.randrange(99)})return {random.choice(own)};",
                f"{random.choice(own)}.forEach({random.choice(everywhere)});",
                f"console.log({random.choice(own)},{random.choice(everywhere)}({own[0]}));",
            ))
            for _ in range(random.randint(3, 9))
        ]  # fmt: skip
        found.append(f"function {name}({','.join(own)}){{{''.join(body)}}}")
    return "".join(found)


def renamed(before: str, seed: int) -> bytes:
    """The same with other names in each function, and everywhere."""
    random = Random(seed)
    shuffled = dict(zip(_LETTERS, random.sample(_LETTERS, 26), strict=True))

    def other(known: dict[str, str], name: str) -> str:
        if name in _WORDS:
            return name
        if len(name) > 1:
            return "".join(shuffled[letter] for letter in name)
        return known[name]

    parts = re.split(r"(?=function )", before)
    found = []
    for part in parts:
        known = dict(zip(_LETTERS, random.sample(_LETTERS, 26), strict=True))
        found.append(_NAME.sub(lambda match, known=known: other(known, match[0]), part))
    return "".join(found).encode()
