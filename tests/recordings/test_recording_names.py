"""Which recording a file was cut from, judging by its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioset_demo.names import file_stem
from audioset_demo.recordings.recording_names import recording_of
from audioset_demo.views import clips, part


@pytest.mark.parametrize(
    ("file", "recording"),
    [
        ("esc50/1-100038-A-14.wav", "100038"),
        ("4-100038-C.flac", "100038"),
        ("fold1/100032-3-0-0.wav", "100032"),
        ("monday/rec_000.wav", "rec"),
        ("rec_12.wav", "rec"),
        ("dog 0:03-0:07", "dog"),
        ("dog_0_03-0_07.wav", "dog"),
        ("rec_012 0:03.25-0:03.50", "rec"),
        ("SITE_20240131 12.00 s.wav", "SITE_20240131"),
        ("site_20240131_054500.wav", "site_20240131_054500.wav"),
        ("day/012.wav", "day/012.wav"),
        ("dog.wav", "dog.wav"),
    ],
)
def test_the_recording_follows_from_the_name(file, recording):
    assert recording_of(file) == recording
    assert recording_of(file, "file") == file


times = st.tuples(st.floats(0, 7_200), st.floats(0.01, 60)).map(lambda pair: (pair[0], sum(pair)))


@given(times, st.sampled_from(["dog", "rec_03", "site_20240131_054500"]))
def test_a_part_that_the_app_cuts_is_of_the_recording_of_the_whole(times, stem):
    clip = clips.from_file(f"{stem}.wav", b"")
    whole = recording_of(clip.name).removesuffix(".wav")
    name = part.name_of(clip, *times)
    assert recording_of(name) == whole
    assert recording_of(f"{file_stem(name)}.wav") == whole
