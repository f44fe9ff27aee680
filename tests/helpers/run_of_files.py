"""For tests of certificates: a run of files alone, without a trained network."""

import numpy as np
import pandas as pd
from encoded_ensembles.codes.splits import to_ranges
from encoded_ensembles.data.images import image_digests, pixel_digests, set_digest
from encoded_ensembles.runs.run import Run
from encoded_ensembles.sharing import certificates
from encoded_ensembles.storage import files

CODE = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], bool)
UNITS = ["a", "b", "c"]
UNIT_OF = np.array([0, 0, 1, 2])
SHAPE = (1, 4, 4)


def write_member(run, member, rows, *, base=None):
    """Write the split and the record of a member that is trained on some images."""
    digest = set_digest(run.images["sha256"].to_numpy()[rows])
    facts = {"images": to_ranges(np.array(rows)), "digest": digest}
    files.write_facts(run.folder / f"splits/{member}.json", facts)
    folder = run.folder / "members" / member
    frozen = {"base": base} if base else {}
    files.write_facts(folder / "training.json", {"split": digest} | frozen)
    for name in ("config.json", "diffusion_pytorch_model.safetensors"):
        (folder / name).write_text(f"{name} of {member}")


def make_run(folder):
    """Write a run of four images in three units, with four members."""
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 4, 1), dtype=np.uint8)
    names = [f"x/{i}" for i in range(4)]
    table = {
        "name": names,
        "unit_name": np.array(UNITS)[UNIT_OF],
        "sha256": image_digests(pixels, names),
        "pixels_sha256": pixel_digests(pixels),
    }
    files.write_table(folder / "code/images.parquet", pd.DataFrame(table))
    arrays = {"code": CODE, "unit_of": UNIT_OF, "unit_names": np.array(UNITS)}
    files.write_arrays(folder / "code/code.npz", arrays)
    noise = np.zeros((3, 2, *SHAPE), np.float32)
    files.write_tensors(folder / "noise/landscape.safetensors", {"noise": noise})
    config = {"run": "made", "model": {}, "sampling": {"scheduler": "ddpm"}}
    files.write_facts(folder / "run.json", {"config": config})
    made = Run(folder)
    for member in range(4):
        write_member(made, f"{member:02d}", np.flatnonzero(CODE[UNIT_OF, member]))
    return made


def certify(run, folder, *, sample=1, keep=None, shape=SHAPE, picture=None, units=("a",)):
    """Write a certificate of a picture as `encens certify` does, with whatever is wrong about it."""
    image = np.linspace(-1, 1, np.prod(shape), dtype=np.float32).reshape(shape)
    mask = np.array([False, False, True, True]) if keep is None else np.array(keep, bool)
    path = folder / "certificate.safetensors"
    subjects = certificates.write_picture(path, image, sample=sample, keep=mask)
    if picture is not None:
        certificates.write_picture(folder / "other.safetensors", picture, sample=0, keep=mask)
        (folder / "other.png").replace(subjects[1])
    text = certificates.statement(run, sample=sample, units=list(units), subjects=subjects)
    file = path.with_suffix(".json")
    file.write_bytes(certificates.dump(text))
    return file
