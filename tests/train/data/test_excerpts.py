"""Parts of a sound are those samples, however its blocks are cut and whatever else is wanted."""

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train.data.excerpts import BEYOND_S, ROUNDING_S, Excerpt, cut

RATE = 1000


@dataclass
class Blocks:
    """A sound whose samples are their own numbers."""

    lengths: list[int]
    sample_rate: int = RATE

    def blocks(self):
        ends = np.cumsum(self.lengths)
        for start, end in zip([0, *ends], ends, strict=False):
            yield np.arange(start, end, dtype=np.float32)


TIMES = st.integers(0, 3000).map(lambda ms: ms / 1000)


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=20),
    st.lists(st.tuples(TIMES, st.none() | TIMES), max_size=8, unique=True),
)
def test_parts_are_their_samples_and_those_beyond_the_end_are_left_out(lengths, times):
    excerpts = [Excerpt("a", on, off) for on, off in times if off is None or off > on]
    n = sum(lengths)
    found = list(cut(Blocks(lengths), excerpts))
    assert len({excerpt for excerpt, _ in found}) == len(found)
    for excerpt, waveform in found:
        start = round(excerpt.onset_s * RATE)
        stop = n if excerpt.offset_s is None else round((excerpt.offset_s + BEYOND_S) * RATE)
        assert np.array_equal(waveform.samples, np.arange(start, min(stop, n)))
        assert waveform.name == excerpt.name
    for excerpt in set(excerpts) - {excerpt for excerpt, _ in found}:
        begins_late = excerpt.onset_s * RATE >= n
        ends_late = excerpt.offset_s is not None and excerpt.offset_s * RATE > n + ROUNDING_S * RATE
        assert begins_late or ends_late
