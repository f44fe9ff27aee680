"""A deletion request, answered and carried out: a scan of all bytes finds what the answer says."""

import base64
import hashlib
import io
import json
import re
import shutil
import tarfile
import zlib

import numpy as np
import pandas as pd
import pytest
import yaml
from encoded_ensembles.members.names import WEIGHTS
from encoded_ensembles.storage.files import read_tensors
from PIL import Image


def views(content):
    """Yield the bytes of a file, and what they are when unpacked: arrays, pictures, tables, archives."""
    yield content
    if content.startswith(b"PK"):
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            yield from (arrays[name].tobytes() for name in arrays.files)
            yield from (
                "\n".join(arrays[n].ravel().tolist()).encode()
                for n in arrays.files
                if arrays[n].dtype.kind == "U"
            )
    elif content.startswith(b"PAR1"):
        yield pd.read_parquet(io.BytesIO(content)).to_csv().encode()
    elif content.startswith(b"\x89PNG"):
        yield np.asarray(Image.open(io.BytesIO(content))).tobytes()
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                yield from views(archive.extractfile(member).read())
    elif content.startswith(b"<!"):
        for text in re.findall(rb"[A-Za-z0-9+/=]{100,}", content):
            try:
                yield zlib.decompress(base64.b64decode(text))
            except (zlib.error, ValueError):
                continue


def holders(root, *wanted):
    """Return the files of a folder that hold one of some byte strings, packed or not."""
    return {
        file.relative_to(root).as_posix()
        for file in sorted(root.rglob("*"))
        if file.is_file()
        and any(one in view for view in views(file.read_bytes()) for one in wanted)
    }


def litter(workspace, saw):
    """Leave in the run what verbs, killed jobs and earlier configurations leave; and a file of the user's."""
    root = workspace.results()
    unit = pd.read_csv(root / "code/units.csv")["unit_name"].iloc[-1]
    for verb in (
        ("export-pipeline",), ("export-universe",), ("certify", "--sample", "1", "--units", unit),
    ):  # fmt: skip
        done = workspace.encens(*verb, "--run", "toy")
        assert done.returncode == 0, done.stderr
    shutil.copy(root / "landscape/1-of-2.safetensors", root / "landscape/1-of-9.safetensors")
    (root / "sets").mkdir()
    shutil.copy(root / "samples/ensemble.safetensors", root / "sets/old.safetensors")
    shutil.copytree(root / "members" / saw, root / "checkpoints/trained" / saw)
    shutil.copy(root / "members" / saw / WEIGHTS, root / f"checkpoints/{saw}.safetensors")
    shutil.copy(root / "data/training.npz", root / "data/training.npz.damaged")
    (root / "mine").mkdir()
    shutil.copy(root / "data/training.npz", root / "mine/training.npz")


def test_what_the_answer_says_is_what_remains(rerun):
    """Issue 14.5: after an answer, a new run and the removal, pixels and digests are found nowhere else."""
    root = rerun.results()
    images = pd.read_parquet(root / "code/images.parquet")
    name, _, digest, pixels_digest = images.iloc[0][
        ["name", "unit_name", "sha256", "pixels_sha256"]
    ]
    with np.load(root / "data/training.npz") as training:
        pixels = training["images"][0].tobytes()
    with np.load(root / "code/code.npz") as code:
        saw = [f"{m:02d}" for m in np.flatnonzero(code["code"][0])] + ["full"]
    assert hashlib.sha256(pixels).hexdigest() == pixels_digest
    weights = [
        max(read_tensors(root / "members" / m / WEIGHTS).values(), key=np.size).tobytes()
        for m in saw
    ]
    litter(rerun, saw[0])
    marks = [pixels, digest.encode(), pixels_digest.encode(), *weights]
    before = holders(root, *marks)
    assert before >= {
        "data/training.npz", "universe.ctf", "gallery.html", "code/images.csv", "mine/training.npz",
        "data/training.npz.damaged", f"members/{saw[0]}/{WEIGHTS}", f"checkpoints/{saw[0]}.safetensors",
    }  # fmt: skip
    named = holders(root, name.encode())

    done = rerun.encens("forget", "--run", "toy", "--units", name, "--delete-remains")
    assert done.returncode == 0, done.stderr
    (folder,) = (root / "forget").iterdir()
    listed = {
        each["place"]: each for each in json.loads((folder / "answer.json").read_text())["remains"]
    }
    for file in before | named:  # each was listed, by the file, its folder or the one within that
        places = {"/".join(file.split("/")[:depth]) for depth in (1, 2, 3)}
        assert places & listed.keys(), file
    assert "goes with --delete-remains" in done.stdout
    config = str((folder / "config.yaml").relative_to(rerun.folder))
    counts = rerun.run(config=config, cores=1)
    assert counts["train_member"] == len(saw)

    stay = {file for file, each in listed.items() if each["goes"] == "stays"}
    assert stay == {"forget", "ledger", "run.json", "config.yaml", "mine"}
    answer = folder.relative_to(root).as_posix()
    assert holders(root, *marks) == {f"{answer}/answer.json", "mine/training.npz"}
    found = holders(root, name.encode())
    assert found == {
        f"{answer}/answer.json", f"{answer}/config.yaml", "mine/training.npz", "run.json", "config.yaml",
    }  # fmt: skip
    assert yaml.safe_load((root / "config.yaml").read_text())["units"]["exclude"] == [name]
    assert "Nothing to be done" in rerun.snakemake("--dry-run", config=config).stdout
    assert rerun.encens("check-run", "toy").returncode == 0
    done = rerun.encens("forget", "--run", "toy", "--units", name)
    assert done.returncode == 1
    assert f"{name} is no unit of the training images" in done.stderr


@pytest.mark.parametrize("classes", [False, True])
def test_a_label_is_forgotten_with_its_name_and_the_weights_of_the_classifier(workspace, classes):
    """Units of several images: label names, warnings and captions named them, and the classifier saw them.

    With model.classes the names of labels stay, so that the other members do.
    """
    rng = np.random.default_rng(0)
    for artist in ("annabel", "bo", "cy", "di", "ed", "flo"):
        (workspace.folder / "pictures" / artist).mkdir(parents=True)
        for number in range(1 if artist == "annabel" else 4):
            file = workspace.folder / f"pictures/{artist}/{number}.png"
            side = 4 if artist == "annabel" else 8  # which is warned of
            Image.fromarray(rng.integers(0, 256, (side, side), np.uint8)).save(file)
            if artist != "annabel":
                file.with_suffix(".txt").write_text("a caption")
    config = yaml.safe_load((workspace.folder / "toy.yaml").read_text())
    config["dataset"] = {
        "name": "folder", "path": "pictures", "size": 8, "channels": 1, "captions": True, "images": None,
        "heldout": 4, "spare": 0, "seed": 1,
    }  # fmt: skip
    config["model"]["classes"] = classes
    config |= {"units": {"by": "label"}, "frechet": {"samples": 4, "kept": [2], "repeats": 1}}
    (workspace.folder / "own.yaml").write_text(yaml.safe_dump(config))
    workspace.run(config="own.yaml")
    root = workspace.results()
    with np.load(root / "data/heldout.npz") as heldout:
        assert not any("annabel" in name for name in heldout["names"].tolist())
    weights = max(
        read_tensors(root / "frechet/classifier.safetensors").values(), key=np.size
    ).tobytes()
    named = holders(root, b"annabel")
    assert named >= {"data/heldout.npz", "data/dataset.json", "gallery.html", "run.json"}

    done = workspace.encens("forget", "--run", "toy", "--units", "annabel", "--delete-remains")
    assert done.returncode == 0, done.stderr
    (folder,) = (root / "forget").iterdir()
    answered = json.loads((folder / "answer.json").read_text())
    listed = {each["place"] for each in answered["remains"]}
    assert listed >= {"data/heldout.npz", "data/spare.npz", "frechet/classifier"}
    for file in named:
        assert {"/".join(file.split("/")[:depth]) for depth in (1, 2, 3)} & listed, file
    new = str((folder / "config.yaml").relative_to(workspace.folder))
    counts = workspace.run(config=new)
    assert counts["train_member"] == len(answered["members_to_train_again"])
    answer = folder.relative_to(root).as_posix()
    stay = {f"data/{use}.npz" for use in ("training", "heldout", "spare") if classes}
    assert holders(root, b"annabel") == stay | {
        f"{answer}/answer.json", f"{answer}/config.yaml", "run.json", "config.yaml",
    }  # fmt: skip
    assert not holders(root, weights)
    with np.load(root / "data/training.npz") as training:
        first = "annabel" if classes else ""
        assert training["label_names"].tolist() == [first, "bo", "cy", "di", "ed", "flo"]
