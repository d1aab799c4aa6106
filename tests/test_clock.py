"""Times read alike everywhere: seconds below a minute, then minutes and seconds."""

from audioset_demo.clock import column, stamp, stamp_range, whole


def test_a_time_has_minutes_from_one_minute_on():
    times = [0.0, 59.99, 59.996, 62.345, 3_661.5]
    assert [stamp(time) for time in times] == [
        "0.00 s",
        "59.99 s",
        "1:00.00",
        "1:02.34",
        "61:01.50",
    ]


def test_whole_seconds_are_those_that_have_passed():
    assert [whole(time) for time in (0.0, 59.996, 62.345, 3_661.5)] == [
        "0:00", "0:59", "1:02", "61:01",
    ]  # fmt: skip


def test_ranges_name_the_unit_once():
    assert stamp_range(1.92, 2.88) == "1.92 to 2.88 s"
    assert stamp_range(59.52, 60.48) == "59.52 s to 1:00.48"


def test_a_column_is_in_order_when_it_is_sorted_as_text():
    seconds = [5.0, 65.25, 599.0, 4_000.0]
    assert (
        column(seconds)
        == sorted(column(seconds))
        == ["00:05.00", "01:05.25", "09:59.00", "66:40.00"]
    )
