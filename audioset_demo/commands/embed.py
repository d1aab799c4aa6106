"""`audioset-demo embed`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from audioset_demo.audio.resampling import require_resampler
from audioset_demo.commands.clips import add_clips, encode, report_failure
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.names import distinct_names
from audioset_demo.storage import check_output, write_atomically


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_clips(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="OUT.npz|OUT.h5",
        help="of one clip, its arrays; of several, a group of arrays for each",
    )


def run(arguments: argparse.Namespace) -> int:
    output = arguments.output
    if output.suffix.lower() not in (".npz", ".h5", ".hdf5"):
        raise AudioSetDemoError(
            f"--output {output} ends in '{output.suffix}'. Give a name that ends in .npz or .h5."
        )
    check_output(output, [Path(clip) for clip in arguments.clips])
    from audioset_demo.embeddings.writing import embeddings_hdf5, embeddings_npz
    from audioset_demo.encoders import load_encoder

    require_resampler(arguments.resampler)
    encoder = load_encoder(arguments.encoder, arguments.device)
    encoded = []
    for clip, name in zip(arguments.clips, distinct_names(arguments.clips), strict=True):
        try:
            encoded.append(replace(encode(encoder, clip, arguments), name=name))
        except AudioSetDemoError as error:
            report_failure(clip, error, as_json=False)
    if encoded:
        write = embeddings_npz if output.suffix.lower() == ".npz" else embeddings_hdf5
        content = write(encoded)
        write_atomically(output, lambda part: part.write_bytes(content))
        for clip in encoded:
            print(f"{clip.name}: {len(clip.times_s)} frames by {encoder.title}")
            for note in clip.notes:
                print(f"  note: {note}")
    return 1 if len(encoded) < len(arguments.clips) else 0
