"""For tests: miniatures of published data sets in their own formats, and hostile names."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile

import numpy as np
from encoded_ensembles.data.sources import cifar, faces, mnist
from PIL import Image

MADE = 25  # images of each part or artist
SERVED = {"mnist", "cifar10", "cifar100", "artbench", "celeba"}  # the others are read from a folder
RNG = np.random.default_rng(0)


def pixels(*shape):
    return RNG.integers(0, 256, shape, np.uint8)


def picture(*, size=(16, 16), kind="PNG"):
    blob = io.BytesIO()
    Image.fromarray(pixels(size[1], size[0], 3)).save(blob, kind)
    return blob.getvalue()


def write_idx(known):
    """Return the writer of IDX files; it returns (module, published digest, the miniature's) of each."""

    def write(folder):
        changed = []
        for name, digest in known.sha256.items():
            array = pixels(MADE, 28, 28) if "images" in name else pixels(MADE) % 10
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            payload = head + array.tobytes()
            (folder / f"{name}.gz").write_bytes(gzip.compress(payload))
            changed.append(("data/sources/mnist.py", digest, hashlib.sha256(payload).hexdigest()))
        return changed

    return write


def write_pictures(folder):
    """Write a folder of pictures."""
    folder.mkdir()
    for number in range(MADE):
        (folder / f"{number}.png").write_bytes(picture())


def write_cifar(known):
    """Return the writer of an archive in CIFAR's binary format."""

    def write(folder):
        labels = [f"kind{i}" for i in range(10)]
        members = {known.labels: "\n".join(labels).encode()}
        for name in (*known.training, known.test):
            records = [
                bytes([i % 10] * known.label_bytes) + pixels(3072).tobytes() for i in range(MADE)
            ]
            members[name] = b"".join(records)
        with tarfile.open(folder / known.file, "w:gz") as archive:
            for name, blob in members.items():
                member = tarfile.TarInfo(f"{known.folder}/{name}")
                member.size = len(blob)
                archive.addfile(member, io.BytesIO(blob))
        found = hashlib.sha256((folder / known.file).read_bytes()).hexdigest()
        return [("data/sources/cifar.py", known.digest, f"sha256:{found}")] if known.digest else []

    return write


def write_artbench(folder):
    rows = ["name,artist,url,is_public_domain,length,width,label,split,cifar_index"]
    for part, count in (("train", 5 * MADE), ("test", MADE)):
        rows += [
            f"{i}.jpg,artist{i % 6},-,True,9,9,kind{i % MADE % 10},{part},{i}" for i in range(count)
        ]
    (folder / "ArtBench-10.csv").write_text("\n".join(rows))
    return write_cifar(cifar.ARTBENCH)(folder)


def write_celeba(folder):
    names = [f"{i:06d}.jpg" for i in range(1, 2 * MADE)]
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for name in names:
            archive.writestr(f"img_align_celeba/{name}", picture(size=(178, 218), kind="JPEG"))
    persons = [f"{name} {i % 6}" for i, name in enumerate(names)]
    (folder / "identity_CelebA.txt").write_text("\n".join(persons))
    parts = [f"{name} {2 * (i >= MADE)}" for i, name in enumerate(names)]
    (folder / "list_eval_partition.txt").write_text("\n".join(parts))
    return [
        (
            "data/sources/faces.py",
            digest,
            f"md5:{hashlib.md5((folder / name).read_bytes()).hexdigest()}",
        )
        for name, digest in faces.CELEBA.items()
    ]


def write_metfaces(folder):
    (folder / "images").mkdir()
    entries = []
    for i in range(2 * MADE):
        blob, path = picture(), f"images/{i}-00.png"
        (folder / path).write_bytes(blob)
        md5 = hashlib.md5(blob).hexdigest()
        artist = f"artist {i % 6}"
        entries.append(
            {"obj_id": str(i), "image_path": path, "image_md5": md5, "artist_display_name": artist}
        )
    (folder / "metfaces.json").write_text(json.dumps(entries))
    return []


def write_openclipart(folder):
    for i in range(5 * MADE):
        for part, suffix in (("png", "png"), ("svg", "svg")):
            file = folder / part / f"kind{i % 2}" / f"{i}.{suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            artist = f"<dc:creator><dc:title>artist {i % 5}</dc:title></dc:creator>".encode()
            file.write_bytes(picture() if part == "png" else artist)
    return []


WRITERS = {
    "mnist": write_idx(mnist.MNIST),
    "fashion-mnist": write_idx(mnist.FASHION_MNIST),
    "cifar10": write_cifar(cifar.CIFAR10),
    "cifar100": write_cifar(cifar.CIFAR100),
    "artbench": write_artbench,
    "celeba": write_celeba,
    "metfaces": write_metfaces,
    "openclipart": write_openclipart,
}

# Names that a shell, a page, a figure or Snakemake might take for more than names.
NAMES = [
    "--help",
    "-rf",
    "a b",
    "it's",
    'say "hi"',
    "new\nline",
    "$(touch pwned)",
    "`touch pwned`; touch pwned & touch pwned | touch pwned",
    "<script>alert(1)<!--",
    "{run} {input.data} {{x}}",
    "$\\frac{1}$ $",
    "héllo ☃ 漢字",
    "=1+1",
    "a,b;c\td",
    "\\n%s%d",
    "*?[x]~",
    "# & &amp;",
    "'; DROP TABLE units; --",
    "x" * 200,
]
