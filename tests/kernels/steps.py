"""Random step expressions for hypothesis."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

IMMEDIATES = (("k", 8), ("n", 3))
_CONSTANTS = [0, 1, 2, 3, 7, 8, 15, 16, 17, 127, 128, 254, 255]


LOOKUPS = ("key[index]", "key[index]", "key[byte]", "key[byte + index]", "key[key[n] ^ index]")


def values(
    bits: int = 64, *, state: bool = False, more: Sequence[str] = ()
) -> st.SearchStrategy[str]:
    """Texts over ``byte``, the immediates and ``more``, with a liking for values that stay small."""
    constants = _CONSTANTS if bits == 8 else [*_CONSTANTS, 256, 257, 1000, 65535]
    names = ["byte", "byte", "k", "n", *(["state"] if state else []), *more]
    leaves = st.sampled_from([*names, *map(str, constants)])

    def combine(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        binary = st.builds(
            lambda op, a, b: f"({a} {op} {b})",
            st.sampled_from(["+", "-", "*", "&", "|", "^", "==", "!=", "<", "<=", ">", ">="]),
            parts,
            parts,
        )
        modulo = st.builds(
            lambda a, m: f"({a} % {m})", parts, st.sampled_from([1, 2, 3, 10, 16, 255])
        )
        shift = st.builds(
            lambda a, op, amount: f"({a} {op} {amount})",
            parts,
            st.sampled_from(["<<", ">>"]),
            st.sampled_from(["0", "1", "4", "7", "8", "9", "16", "63", "n", "k"]) | parts,
        )
        masked = st.builds(
            lambda a, m: f"({a} & {m})", parts, st.sampled_from([1, 3, 7, 15, 127, 255])
        )
        choice = st.builds(lambda t, a, b: f"({t} ? {a} : {b})", parts, parts, parts)
        return binary | modulo | shift | masked | choice

    return st.recursive(leaves, combine, max_leaves=6)


def folds(bits: int, more: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Steps of every form: reductions most of the time."""
    joined = st.builds(
        lambda op, value, flipped: f"({value}) {op} state" if flipped else f"state {op} ({value})",
        st.sampled_from(["+", "+", "^", "|", "&"]),
        values(bits, more=more),
        st.booleans(),
    )
    minus = st.builds("state - ({})".format, values(bits))
    chosen = st.builds(
        lambda op, value, first: (
            f"state {op} ({value}) ? {'state' if first else f'({value})'}"
            f" : {f'({value})' if first else 'state'}"
        ),
        st.sampled_from(["<", "<=", ">", ">="]),
        values(bits, more=more),
        st.booleans(),
    )
    arms = joined | minus | st.just("state")
    guarded = st.builds(
        lambda test, then, other: f"({test}) ? ({then}) : ({other})",
        values(bits, more=more), arms, arms,
    )  # fmt: skip
    wrapped = st.builds(
        lambda step, mask: f"({step}) {mask}",
        joined | minus, st.sampled_from(["& 255", "& 3", "% 16", "% 65536", "& 0xfffffffff"]),
    )  # fmt: skip
    return (
        joined | joined | minus | chosen | guarded | wrapped | values(bits, state=True, more=more)
    )
