"""Formatting of numbers."""

from reports.tables.numbers import (
    coordinate,
    distance,
    duration,
    loss,
    multiple,
    percent,
    share,
    significant,
    size,
    unit,
)


def test_numbers_are_formatted_as_documented():
    assert [loss(x) for x in (0.2435712, 1e-9, 12.5, None)] == ["0.243571200", "1.00000000e-9", "12.5000000", "—"]
    assert [multiple(x) for x in (0.876, 0, 1.2e6, 1e-4, None)] == ["0.88", "0", "1.2e6", "1.0e-4", "—"]
    assert [distance(x) for x in (1.234e-7, 0)] == ["1.2e-7", "0"]
    assert [coordinate(x) for x in (-0.0105991, -1e-9, None)] == ["-0.010599", "0.000000", "—"]
    assert percent(0.0123) == "1.2 %"


def test_a_time_has_a_suitable_unit_and_three_digits():
    times = (0.0000769, 0.0123456, 1.5, 412.3, 2.5e-8, 0.9999e-3, 1e-12, None)
    assert [duration(x) for x in times] == [
        "76.9 µs", "12.3 ms", "1.50 s", "412 s", "25.0 ns", "1.00 ms", "0.00100 ns", "—",
    ]  # fmt: skip


def test_times_share_the_unit_of_the_smallest_unless_the_largest_becomes_too_long():
    assert [unit(x).sign for x in ([2e-5, 2e-3], [5e-4, 2e-2], [4.0, 9e9], [3e-10], [])] == [
        "µs", "ms", "s", "ns", "s",
    ]  # fmt: skip


def test_ordinary_numbers_have_three_digits_and_no_exponent():
    assert [significant(x) for x in (999.6, 9.996, 12345, 0.01234, -2.5, 0, 1e12)] == [
        "1,000", "10.0", "12,345", "0.0123", "-2.50", "0", "1.00e12",
    ]  # fmt: skip
    assert [share(x) for x in (0.00123, 0.35, 1.174, None)] == ["0.12 %", "35 %", "117 %", "—"]
    assert [size(x) for x in (1, 1000, 10_000, 2_500_000, 10**10, None)] == [
        "1", "1,000", "10⁴", "2,500,000", "10¹⁰", "—",
    ]  # fmt: skip
