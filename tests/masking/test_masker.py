"""The functions that replace a value: which traits they keep, and that two values never become one."""

import json
import string
from datetime import date, datetime

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schemasync.masking.masker import CannotMask, Masker, MaskKind
from schemasync.masking.permutation import Permutation

# a busy machine must not fail a property: no example has a deadline, and none is too slow to generate
SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

KEYS = st.binary(min_size=1, max_size=32)
TEXTS = st.text(st.sampled_from(string.ascii_letters + string.digits + " @.-_éÉöß李小龍жЖ٣😀\n"), max_size=30)
INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 200)
REALS = st.floats(allow_nan=False, allow_subnormal=False)
DATES = st.dates().map(date.isoformat) | st.datetimes().map(datetime.isoformat) | st.times().map(str)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def masked(key, kind, value):
    return Masker(kind, Permutation(key))(value)


def folded(text):
    """Return the form of a text that NOCASE and RTRIM compare."""
    return "".join(c.lower() if c in string.ascii_uppercase else c for c in text).rstrip(" ")


@given(KEYS, TEXTS)
@SOME
def test_a_text_keeps_its_length_and_the_class_of_each_character(key, text):
    new = masked(key, MaskKind.TEXT, text)
    assert len(new) == len(text)
    assert len(new.encode()) == len(text.encode())
    for old, char in zip(text, new, strict=True):
        assert (old.isalpha(), old.isdigit(), old.isupper()) == (char.isalpha(), char.isdigit(), char.isupper())
        assert old == char or old.isalnum()


@given(KEYS, TEXTS, TEXTS)
@SOME
def test_texts_are_equal_to_each_collation_of_sqlite_if_and_only_if_they_were(key, one, other):
    new, new_other = masked(key, MaskKind.TEXT, one), masked(key, MaskKind.TEXT, other)
    assert (new == new_other) is (one == other)
    assert (folded(new) == folded(new_other)) is (folded(one) == folded(other))
    upper = one.upper() if one.isascii() else one
    assert folded(masked(key, MaskKind.TEXT, upper + "  ")) == folded(new)


@pytest.mark.parametrize(
    ("kind", "values"),
    [(MaskKind.TEXT, TEXTS), (MaskKind.TEXT, INTEGERS), (MaskKind.TEXT, REALS), (MaskKind.DATE, DATES), (MaskKind.TEXT, st.binary(max_size=9))],
    ids=["texts", "integers", "reals", "dates", "blobs"],
)  # fmt: skip
def test_two_values_never_become_one_and_none_stays(kind, values):
    @given(KEYS, values, values)
    @SOME
    def law(key, one, other):
        masker = Masker(kind, Permutation(key))
        assume(repr(one) != repr(other))
        new, new_other = masker(one), masker(other)
        assert repr(new) != repr(new_other)
        assert (repr(new) == repr(one)) is not masker.changes(one)
        assert type(new) is type(one)

    law()


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_all_numbers_of_a_length_change_places_and_none_is_missing(digits):
    masker, numbers = Masker(MaskKind.NUMBER, Permutation(b"key")), range(10 ** (digits - 1), 10**digits)
    assert sorted(map(masker, numbers)) == list(numbers)
    assert not [number for number in numbers if masker(number) == number]
    assert [masker(-number) for number in numbers] != [-masker(number) for number in numbers] or digits == 1


@given(KEYS, INTEGERS)
@SOME
def test_an_integer_keeps_its_sign_and_its_digits_and_fits(key, number):
    new = masked(key, MaskKind.NUMBER, number)
    assert (new < 0, len(str(new))) == (number < 0, len(str(number)))
    assert -(2**63) <= new < 2**63


@given(KEYS, REALS)
@SOME
def test_a_real_keeps_its_sign_its_exponent_and_its_digits(key, number):
    new = masked(key, MaskKind.NUMBER, number)
    assert [c if not c.isdigit() else "#" for c in repr(new)] == [c if not c.isdigit() else "#" for c in repr(number)]


@given(KEYS, st.dates(), st.times())
@SOME
def test_a_date_stays_in_its_year_and_a_time_is_one(key, day, time):
    masker = Masker(MaskKind.DATE, Permutation(key))
    assert date.fromisoformat(masker(day.isoformat())).year == day.year
    moment = datetime.combine(day, time).isoformat(sep=" ")
    assert datetime.fromisoformat(masker(moment)).year == day.year
    assert len(masker(moment)) == len(moment)


@pytest.mark.parametrize("moment", [0, 1_700_000_000, -5, 1_700_000_000_123, 99_999_999_999, 100_000_000_000])
def test_a_unix_time_stays_within_a_year(moment):
    scale = 1000 if abs(moment) >= 10**11 else 1
    for key in (b"a", b"b", b"c"):
        new = masked(key, MaskKind.DATE, moment)
        assert new != moment
        assert abs(new - moment) < 366 * 24 * 3600 * scale


@given(KEYS, JSON, st.booleans())
@SOME
def test_json_keeps_its_keys_its_layout_and_the_length_of_its_values(key, value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    new = masked(key, MaskKind.JSON, text)
    assert len(new) == len(text)
    assert _shape(json.loads(new)) == _shape(value)


def _shape(value):
    match value:
        case dict():
            return {key: _shape(one) for key, one in value.items()}
        case list():
            return [_shape(one) for one in value]
        case str():
            return len(value)
        case int() if value is not True and value is not False:
            return len(str(value))
        case _:
            return value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (MaskKind.DATE, "tomorrow"), (MaskKind.DATE, "2024-02-30"), (MaskKind.DATE, "12:60"), (MaskKind.DATE, 2.5), (MaskKind.DATE, b""),
        (MaskKind.NUMBER, "12a"), (MaskKind.NUMBER, b"1"), (MaskKind.JSON, "{"), (MaskKind.JSON, b"\x00"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_kind_is_refused(kind, value):
    with pytest.raises(CannotMask):
        masked(b"key", kind, value)


@pytest.mark.parametrize("kind", [kind for kind in MaskKind if kind is not MaskKind.KEEP])
def test_null_stays_and_so_does_what_has_nothing_to_replace(kind):
    assert masked(b"key", kind, None) is None
    for value in {
        MaskKind.TEXT: ["", "--", 0],
        MaskKind.NUMBER: ["", 0, 0.0],
        MaskKind.DATE: [""],
        MaskKind.JSON: ["null", "{}"],
    }[kind]:
        masker = Masker(kind, Permutation(b"key"))
        assert masker(value) == value
        assert not masker.changes(value)


def test_values_with_other_traits_are_passed_over_and_none_is_missing():
    """For a CHECK that few values pass, those values are permuted among themselves."""
    masker = Masker(MaskKind.TEXT, Permutation(b"key"), lambda value: (value in ("DE", "FR", "IT"),))
    new = [masker(value) for value in ("DE", "FR", "IT")]
    assert sorted(new) == ["DE", "FR", "IT"]
    assert all(old != value for old, value in zip(("DE", "FR", "IT"), new, strict=True))


def test_a_value_that_no_other_may_take_the_place_of_is_refused():
    with pytest.raises(CannotMask, match="no other value"):
        Masker(MaskKind.TEXT, Permutation(b"key"), lambda value: (value == "DE",))("DE")


def test_another_key_gives_other_values():
    assert masked(b"one", MaskKind.TEXT, "Ann Smith") == masked(b"one", MaskKind.TEXT, "Ann Smith")
    assert masked(b"one", MaskKind.TEXT, "Ann Smith") != masked(b"other", MaskKind.TEXT, "Ann Smith")
