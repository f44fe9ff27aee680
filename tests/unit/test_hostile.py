"""Files made to do harm: pickles, bombs, escaping paths. None runs code, fills memory or gets out."""

import ast
import io
import json
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest
import torch
from encoded_ensembles.data import images as data
from encoded_ensembles.data import own_scores, units
from encoded_ensembles.data.sources import pictures
from encoded_ensembles.features import extractors
from encoded_ensembles.members import checkpoint, load, names, network
from encoded_ensembles.storage import files, seals
from encoded_ensembles.storage.files import InputError
from miniatures import NAMES
from PIL import Image
from workspace import REPOSITORY

BANNED_MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
}
BANNED_CALLS = {
    "eval", "exec", "compile", "__import__", "torch.load", "torch.jit.load", "torch.hub.load",
    "pd.read_pickle", "pandas.read_pickle", "yaml.load", "yaml.full_load", "yaml.unsafe_load",
    "os.system", "os.popen", "shutil.unpack_archive",
}  # fmt: skip
# A scheduler and a tokenizer have none; Members asks for its own.
WEIGHTLESS = {"scheduler_kind", "tokenizer", "Members"}
BANNED_METHODS = {"extractall", "extract", "read_pickle", "unsafe_load"}


def offences(source):
    """Return what a module does that could run a file's code or let an archive write anywhere."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names if each.name.split(".")[0] in BANNED_MODULES]
        elif (
            isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in BANNED_MODULES
        ):
            found.append(node.module)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {each.arg: ast.unparse(each.value) for each in node.keywords}
            if name in BANNED_CALLS or name.rpartition(".")[2] in BANNED_METHODS:
                found.append(name)
            if name in ("np.load", "numpy.load") and given.get("allow_pickle") != "False":
                found.append("np.load without allow_pickle=False")
            kind, _, method = name.rpartition(".")
            weighty = method == "from_pretrained" and kind not in WEIGHTLESS
            if weighty and given.get("use_safetensors") != "True":
                found.append("from_pretrained without use_safetensors=True")
            if given.get("allow_pickle", "False") != "False" or given.get("shell") == "True":
                found.append(name)
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "import torch\ntorch.load('x', weights_only=True)",
        "np.load('x')", "np.load('x', allow_pickle=True)", "yaml.load(text)", "eval(text)",
        "archive.extractall(folder)", "subprocess.run(line, shell=True)", "UNet2DModel.from_pretrained(folder)",
    ],
)  # fmt: skip
def test_the_scan_finds(source):
    assert offences(source)


def test_nothing_unpickles_runs_text_or_unpacks_archives():
    scanned = [
        file
        for part in ("workflow", "studies", "benchmarks")
        for file in (REPOSITORY / part).rglob("*.py")
    ]
    assert len(scanned) > 60
    assert not {str(file): found for file in scanned if (found := offences(file.read_text()))}


class Payload:
    """Unpickling it makes a file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.fixture
def marker(tmp_path):
    """A file that must not come to be; a payload that works makes one elsewhere."""
    works = tmp_path / "works"
    pickle.loads(pickle.dumps(Payload(works))).close()
    assert works.exists()
    yield tmp_path / "pwned"
    assert not (tmp_path / "pwned").exists()


def torch_file(marker):
    blob = io.BytesIO()
    torch.save({"weights": Payload(marker)}, blob)
    return blob.getvalue()


def numpy_file(marker):
    blob = io.BytesIO()
    np.save(blob, np.array([Payload(marker)], object), allow_pickle=True)
    return blob.getvalue()


def numpy_archive(marker):
    blob = io.BytesIO()
    np.savez(blob, images=np.array([Payload(marker)], object))
    return blob.getvalue()


POISONS = {
    "pickle": lambda marker: pickle.dumps(Payload(marker)),
    "torch": torch_file,
    "npy": numpy_file,
    "npz": numpy_archive,
}


@pytest.fixture(params=POISONS)
def poison(request, marker):
    return POISONS[request.param](marker)


def write_sealed(file, content, *, kept=None):
    """Write bytes with a seal after them, as whoever makes a hostile file can."""
    file.write_bytes(content + seals.blank_seal(kept).encode())
    seals.seal(file)
    assert seals.read_seal(file).problem is None


def test_data_weights_and_noise(poison, tmp_path):
    file = tmp_path / "file"
    for write in (file.write_bytes, lambda content: write_sealed(file, content)):
        write(poison)
        for read in (
            data.read_images, files.read_arrays, files.read_tensors, files.read_json,
            files.read_facts, files.read_table,
        ):  # fmt: skip
            with pytest.raises(InputError):
                read(file)
        assert checkpoint.Checkpoint(file, key="k", seconds=0).load() is None


@pytest.mark.parametrize(
    "name", [names.WEIGHTS, "diffusion_pytorch_model.bin", "pytorch_model.bin"]
)
def test_members(poison, tmp_path, name):
    config = network.unet_config(shape=(1, 8, 8), widths=[8], layers_per_block=1, attention=False)
    network.build_unet(config, seed=0).save_config(tmp_path)
    kept = {"config.json": files.sha256_file(tmp_path / "config.json")}
    write_sealed(tmp_path / name, poison, kept=kept)
    with pytest.raises(InputError, match="does not hold a network's weights"):
        load.load_unet(tmp_path, device=torch.device("cpu"))


def test_features(poison, tmp_path):
    (tmp_path / extractors.INCEPTION).write_bytes(poison)
    with pytest.raises(InputError, match="is not the TorchScript Inception network"):
        extractors.inception_extractor(tmp_path / extractors.INCEPTION, device=torch.device("cpu"))
    with pytest.raises(InputError):
        extractors.classifier_extractor(tmp_path / extractors.INCEPTION, shape=(1, 8, 8))


def test_tables_and_pictures(poison, tmp_path):
    for name in ("table.parquet", "table.csv"):
        (tmp_path / name).write_bytes(poison)
        with pytest.raises(InputError):
            units.read_table(tmp_path / name, names=np.array(["a"]), column="unit_name")
    (tmp_path / "picture.png").write_bytes(poison)
    with pytest.raises(InputError, match="cannot be read as an image"):
        pictures.open_picture(tmp_path / "picture.png", channels=3)


def test_scores_of_other_methods(poison, tmp_path):
    for name in ("scores.npy", "scores.parquet", "scores.csv"):
        (tmp_path / name).write_bytes(poison)
        with pytest.raises(InputError):
            own_scores.read_foreign([f"mine={tmp_path / name}"], names=np.array(["a"]), samples=1)


def test_arrays_that_claim_to_be_huge(tmp_path):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    blob = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    with zipfile.ZipFile(tmp_path / "file.npz", "w") as archive:
        archive.writestr("images.npy", blob + bytes(8))
    seals.seal_archive(tmp_path / "file.npz")
    with pytest.raises(InputError, match=r"cannot be read as \.npz of arrays"):
        files.read_arrays(tmp_path / "file.npz")
    write_sealed(tmp_path / "file.safetensors", struct.pack("<Q", 1 << 62) + b"{}")
    with pytest.raises(InputError, match="cannot be read as the expected safetensors"):
        files.read_tensors(tmp_path / "file.safetensors")


def png(width, height):
    """Return a grey PNG that says it has so many pixels, and holds none."""

    def chunk(kind, content):
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(10_000, 10_000), (20_000, 20_000), (1_000_000, 1_000_000)])
def test_pictures_too_large_are_refused_from_their_head(tmp_path, size):
    (tmp_path / "giant.png").write_bytes(png(*size))
    with pytest.raises(pictures.GiantError, match="has more than 89478485 pixels"):
        pictures.open_picture(tmp_path / "giant.png", channels=3)
    (tmp_path / "giant.png").write_bytes(png(100, 100))
    with pytest.raises(InputError, match="cannot be read as an image"):
        pictures.open_picture(tmp_path / "giant.png", channels=3)


def test_text_in_a_picture_that_unpacks_without_end(tmp_path):
    content = b"Comment\0\0" + zlib.compress(bytes(1 << 28))
    whole = io.BytesIO()
    Image.new("RGB", (4, 4)).save(whole, "PNG")
    blob = whole.getvalue()
    text = struct.pack(">I", len(content)) + b"zTXt" + content
    text += struct.pack(">I", zlib.crc32(b"zTXt" + content))
    (tmp_path / "bomb.png").write_bytes(blob[:33] + text + blob[33:])
    with pytest.raises(InputError, match="cannot be read as an image"):
        pictures.open_picture(tmp_path / "bomb.png", channels=3)


def test_certificates_name_no_file_outside_their_folder(tmp_path):
    from encoded_ensembles.runs import run
    from encoded_ensembles.sharing import certificates, verification

    digest = "0" * 64
    given = {
        "_type": certificates.STATEMENT,
        "predicateType": certificates.PREDICATE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name in ("a", "b")],
        "predicate": {"sample": 0, "units": [{"name": "u"}], "files": {"../../etc/passwd": digest}},
    }
    files.write_facts(tmp_path / "run.json", {})
    for name in ("../../etc/passwd", "/dev/zero"):
        given["predicate"]["files"] = {name: digest}
        (tmp_path / "c.json").write_text(json.dumps(given))
        with pytest.raises(InputError, match="expected one inside"):
            verification.verify(tmp_path / "c.json", run.Run(tmp_path))


def test_names_in_figures(tmp_path):
    import pandas as pd
    from encoded_ensembles.figures.evidence import attribution_figure
    from encoded_ensembles.figures.style import shorten

    table = pd.DataFrame({"unit_name": NAMES, "joint_z": 1.0, "joint_p": 0.5, "joint_q": 0.5})
    table = table.assign(attributed=True)
    images = np.zeros((len(NAMES), 1, 4, 4), np.float32)
    figure = attribution_figure([(0, images[0], table, images, "")], level=0.05)
    for kind in ("pdf", "png"):
        figure.savefig(tmp_path / f"figure.{kind}")
    shown = {each.get_text().split("\n")[0] for each in (ax.title for ax in figure.axes)}
    assert {shorten(name) for name in NAMES} <= shown
    assert shorten("a\nb") == "a b"
