"""`audioset-demo embed`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from audioset_demo.audio.resampling import require_resampler
from audioset_demo.commands import folders
from audioset_demo.commands.clips import add_clips, chosen_encoder, encode, report_failure
from audioset_demo.embeddings.frames import ENCODER_TITLES
from audioset_demo.errors import AudioSetDemoError
from audioset_demo.names import distinct_names
from audioset_demo.storage import check_output, write_atomically

FILE_SUFFIXES = (".npz", ".h5", ".hdf5")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_clips(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="OUT.npz|OUT.h5|OUT",
        help="of one clip, its arrays; of several, a group of arrays for each; a folder: a file "
        "for each of many recordings, listed in OUT/files.csv, what could not be read in "
        "OUT/failed.csv; the same command goes on where it was stopped",
    )
    folders.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    output = arguments.output
    suffix = output.suffix.lower()
    require_resampler(arguments.resampler)
    if suffix in FILE_SUFFIXES:
        folders.refuse_without_folder(arguments)
        return _embed_clips(arguments)
    if suffix and not output.is_dir():
        raise AudioSetDemoError(
            f"--output {output} ends in '{output.suffix}'. Give a name that ends in .npz or .h5, "
            "or that of a folder, without a dot."
        )
    return _embed_folder(arguments)


def _embed_folder(arguments: argparse.Namespace) -> int:
    from audioset_demo.device import resolve_device
    from audioset_demo.encoders import resolve_encoder
    from audioset_demo.folder.embed_job import EmbedJob
    from audioset_demo.folder.table import FILES_FILE

    resolve_device(arguments.device)  # refused before the work
    encoder = resolve_encoder(chosen_encoder(arguments))
    job = EmbedJob(encoder=encoder, **folders.settings_of(arguments))
    totals = folders.work_through_folder(job, arguments)
    print(
        f"{totals.n_files:,} files of embeddings, listed in {arguments.output / FILES_FILE}, by "
        f"{ENCODER_TITLES[encoder]}"
    )
    return folders.exit_code(totals, arguments.output)


def _embed_clips(arguments: argparse.Namespace) -> int:
    output = arguments.output
    check_output(output, [Path(clip) for clip in arguments.clips])
    from audioset_demo.embeddings.writing import embeddings_hdf5, embeddings_npz
    from audioset_demo.encoders import load_encoder

    encoder = load_encoder(chosen_encoder(arguments), arguments.device)
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
