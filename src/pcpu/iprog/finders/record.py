"""What records of sites are (spec/iprog-abi.md D8): two numbers of 64 bits each.

The first holds the place in the blob, the form, how the site is written, which is 0 until its
target is moved, and its extra; the second the target. A site of the form BASED is about two
addresses, of which the record has what it takes to make both. Where an extra is too large it has a
record of its own behind the site's.
"""

from __future__ import annotations

from pcpu.iprog.sites import Form

RECORD = 16  # bytes
PLACE = (1 << 40) - 1
FORM, HOW, EXTRA = 40, 45, 49  # bits of the first number from which on these are in it
FORMS, HOWS = 31, 15
APART = -1 << 14  # in the place of an extra that the next record has
OWN_RECORD = FORMS  # the form of that one
UPPER, LOWER = 32, 0xFFFFFFFF  # the extra of a based site is in both numbers
_BASED = Form.BASED.value


def numbers_of(place: int, form: int, target: int, extra: int) -> tuple[int, int]:
    """The numbers of a site's record. Where its extra is APART, the next one is ``own_record``."""
    more, told = extra, target
    if form == _BASED:
        more, far = extra >> UPPER, target - extra
        if 0 <= more < -APART and far >> 31 == far >> UPPER:
            told = extra << UPPER | far & LOWER
        else:
            more = APART
    if not APART < more < -APART:
        more = APART
    return place & PLACE | form << FORM | more << EXTRA, told


def own_record(place: int) -> int:
    """The first number of the record of an extra, which is the second."""
    return place & PLACE | OWN_RECORD << FORM


def is_apart(about: int) -> bool:
    """Whether the next record has the extra of this one."""
    return about >> EXTRA == APART


def is_own(about: int) -> bool:
    """Whether a record is of an extra."""
    return about >> FORM & FORMS == OWN_RECORD
