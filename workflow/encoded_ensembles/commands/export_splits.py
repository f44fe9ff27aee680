"""encens export-splits."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

if TYPE_CHECKING:
    import numpy as np

    from encoded_ensembles.data.images import ImageSet

README = """The splits of the run {run}, for a trainer of your choice.

Train one network on each of the folders {first} to {last} and full, all with the same settings and the same seed.
Put them into one folder, with a copy of splits.json: of LoRA, the files {first}.safetensors to full.safetensors, or
folders of these names with one LoRA each. Then set members.given to that folder and run snakemake. docs/text.md says more.
Begin with one: once {first} is trained, snakemake results/{run}/members/{first}/training.json reads it, or says why not.

The pictures are links. To train on another machine, copy what they lead to: rsync -aL or cp -rL.
{captioned}"""
CAPTIONED = """
Of LoRA, all have to change the same layers with the same rank. Accepted are changes of the denoiser (unet or transformer) only, none
of text encoders, as plain A and B: no DoRA, LoHa, LoKr, or LoCon with CP decomposition. Captions are encoded by the
last layer of a text encoder: no clip_skip. For example, in this folder:

    # kohya's sd-scripts, of Stable Diffusion 1.5 (of SDXL sdxl_train_network.py; FLUX needs other options; not SD3);
    # without --network_train_unet_only they train the text encoders too, and --train_data_dir in place of
    # --dataset_config would read numbers of repeats in the folders' names
    for name in {names}; do
      accelerate launch /path/to/sd-scripts/train_network.py --dataset_config $name.toml \\
        --pretrained_model_name_or_path BASE --network_module networks.lora --network_dim 16 --network_alpha 16 \\
        --network_train_unet_only --learning_rate 1e-4 --seed 0 --max_train_steps 1000 --output_dir ../trained --output_name $name
    done

    # diffusers, examples/text_to_image, of Stable Diffusion 1.5 (of SDXL train_text_to_image_lora_sdxl.py)
    for name in {names}; do
      accelerate launch train_text_to_image_lora.py --train_data_dir $name --caption_column text \\
        --resolution {size} --center_crop --pretrained_model_name_or_path BASE --rank 16 --learning_rate 1e-4 --seed 0 --max_train_steps 1000 --output_dir ../trained/$name
    done
"""


def export_splits(
    run: Annotated[Path, Option(help="folder of a run with its splits, or its name in results/")],
    output: Annotated[Path, Option(help="output folder, new or empty")],
    pictures: Annotated[
        Path | None,
        Option(
            help="the folder in dataset.path, whose files are linked to; without, squares are written as PNG"
        ),
    ] = None,
) -> None:
    """Write a folder with pictures and captions for each member, to train them elsewhere.

    Of a run whose splits are made (snakemake splits). Also splits.json, which members.given needs, README.txt, and
    with captions a configuration of each folder for kohya's sd-scripts.
    """
    import tempfile

    from encoded_ensembles.members.outside import SPLITS
    from encoded_ensembles.runs import layout
    from encoded_ensembles.sharing import training_folders
    from encoded_ensembles.storage.files import (
        InputError,
        read_facts,
        read_table,
        write_facts,
        write_text,
    )

    folder, images, rows_of = _read_splits(run)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"--output is {output}, which is not empty, expected a new folder.")
    originals = []
    if pictures:
        border = read_facts(folder / layout.DATASET).get("border", 0)  # earlier runs lack it
        originals = training_folders.originals(images, pictures, border=border)
    plain = [each.plain for each in originals]
    files = training_folders.file_names(images.names.tolist(), plain=plain if pictures else None)
    captions = None
    if (folder / layout.CAPTIONS).is_file():
        table = read_table(folder / layout.CAPTIONS)
        texts = table.loc[table["part"] == "training"].set_index("name")["caption"]
        captions = dict(zip(files, texts[images.names], strict=True))
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as beside:
        new = Path(beside) / "new"
        own, (_, size, _, channels) = new / training_folders.PICTURES, images.images.shape
        if pictures:
            paths = training_folders.place_originals(originals, own, files, channels=channels)
        else:
            paths = training_folders.write_squares(images, own, files)
        digests, names = {}, list(rows_of)
        for name, rows in rows_of.items():
            chosen = {files[row]: paths[row] for row in rows}
            training_folders.write_folder(new / name, chosen, captions)
            if captions:
                config = training_folders.kohya_config(name, size=size)
                write_text(new / f"{name}.toml", config)
            digests[name] = (folder / layout.SPLITS / f"{name}.sha256").read_text()
        write_facts(new / SPLITS, {"run": folder.name, "splits": digests})
        captioned = CAPTIONED.format(names=" ".join(names), size=size) if captions else ""
        text = README.format(run=folder.name, first=names[0], last=names[-2], captioned=captioned)
        write_text(new / "README.txt", text)
        if output.exists():
            output.rmdir()
        new.rename(output)
    print(f"{output}: {len(names)} folders to train on, splits.json and README.txt")
    if not all(plain):
        print(
            f"{plain.count(False)} of {len(plain)} pictures are written as PNG instead of linked to, since trainers "
            "would pass over them, or see another picture: rotated, transparent, of other colours, or of a format that "
            "not all read"
        )


def _read_splits(run: Path) -> "tuple[Path, ImageSet, dict[str, np.ndarray]]":
    """Return the folder of a run, its training images, and their rows in each split, by name.

    The splits are those of its code: a larger ensemble of before may have left others.

    Args:
        run: the folder, or its name in results/.

    Raises:
        InputError: a split is missing, or is of other images.
    """
    from encoded_ensembles.codes.splits import FULL, from_ranges, read_coded, select
    from encoded_ensembles.runs import layout
    from encoded_ensembles.storage.files import InputError, read_facts

    folder = next(
        (each for each in (run, Path("results") / run) if (each / layout.SPLITS).is_dir()), run
    )
    rows_of = {}
    try:
        images, arrays = read_coded(folder / layout.TRAINING, folder / layout.CODE)
        for name in [*(f"{member:02d}" for member in range(arrays["code"].shape[1])), FULL]:
            manifest = read_facts(folder / layout.SPLITS / f"{name}.json")
            select(images, manifest)
            rows_of[name] = from_ranges(manifest["images"])
    except FileNotFoundError as error:
        raise InputError(
            f"{run} holds no splits, expected the folder or the name of a run with {layout.SPLITS}/; make them "
            "with snakemake splits."
        ) from error
    return folder, images, rows_of
