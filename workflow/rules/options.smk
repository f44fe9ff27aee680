"""Shared by all rules: options of shell lines and what jobs ask for, as the configuration says."""


def truth_options(wildcards):
    """Return these files as options of a shell line."""
    options = [(name, f"results/{wildcards.run}/{file}") for name, file in truths()]
    return [part for option in options for part in option]


def foreign_options():
    """Return the options that name scores of other methods, and the units that are left out of them."""
    scores = [f"{name}={file}" for name, file in config["grade"]["scores"].items()]
    excluded = repeated("--excluded", config["units"]["exclude"])
    return [*repeated("--foreign", scores), *excluded] if scores else []


def autoencoder_options():
    """Return the autoencoder whose latents members see, as options of a shell line, if there is one."""
    given = config["model"]["autoencoder"]
    return ["--autoencoder", "results/{run}/autoencoder"] if given else []


def sample_count(wildcards):
    """Return how many samples a noise file is for."""
    part = {"landscape": "sampling", "frechet": "frechet"}[wildcards.use]
    return config[part]["samples"]


def sampling_options():
    """Return how samples are drawn, as options of a shell line."""
    sampling = config["sampling"]
    return [
        *("--scheduler", sampling["scheduler"]),
        *("--precision", sampling["precision"]),
        "--compiled" if sampling["compile"] else "--no-compiled",
        *optional("--batch", sampling["batch"]),
        *autoencoder_options(),
        *prompt_options(),
    ]


def prompt_options():
    """Return the base and the prompts of samples, as options of a shell line, in a text-to-image run."""
    if not prompted():
        return []
    return [
        *(
            "--base",
            "results/{run}/base",
            "--prompts",
            "results/{run}/text/prompts.npz",
        ),
        *optional("--guidance", config["sampling"]["guidance"]),
    ]


def text_options():
    """Return the prompts of samples themselves, as options of a shell line."""
    sampling = config["sampling"]
    return [
        *repeated("--prompt", sampling["prompts"]),
        *optional("--negative", sampling["negative"]),
    ]


def caption_training_options():
    """Return how adapters of a pipeline are trained, except the seed, as options of a shell line."""
    lora, training = config["model"]["lora"], config["training"]
    return [
        *("--base", "results/{run}/base", "--rank", str(lora["rank"])),
        *("--alpha", str(lora["alpha"])),
        *repeated("--target", lora["targets"] or []),
        "--flip" if training["flip"] else "--no-flip",
        *("--epochs", str(training["epochs"])),
        *("--steps-per-epoch", str(training["steps_per_epoch"])),
        *("--learning-rate", str(training["learning_rate"])),
        *("--schedule", training["schedule"]),
        *("--ema", str(training["ema"])),
        *("--precision", training["precision"]),
        *("--prompt-dropout", str(training["prompt_dropout"])),
        *optional("--density", training["density"]),
        *optional("--accumulation", training["accumulation"]),
        "--checkpointing" if training["checkpointing"] else "--no-checkpointing",
        *randomness_options(),
    ]


def taken_options():
    """Return what members that were trained elsewhere have to fit, as options of a shell line."""
    parts = [f"--{part} results/{{run}}/{part}" for part in frozen()]
    return [*parts, "--whole" if layout.whole(config) else "--no-whole"]


def split_options():
    """Return what the digest of a split covers beside images, as options of a shell line."""
    captions = ["--captions", "results/{run}/data/captions.parquet"]
    return [
        "--classes" if config["model"]["classes"] else "--no-classes",
        *(captions if prompted() else []),
    ]


def split_captions():
    """Return the captions that splits depend on, and what is encoded of all images before any split.

    While a job runs whose files are ancient inputs of others, a checkpoint that ends can make Snakemake
    forget the others (seen with 9.27), so nothing is encoded while splits are made.
    """
    encoded = [f"results/{{run}}/text/{name}.npz" for name in ("captions", "latents")]
    needed = [] if taken() else encoded
    return [*caption_files("parquet"), *needed] if prompted() else []


def training_options():
    """Return how networks are trained, except the seed, as options of a shell line."""
    model, training = config["model"], config["training"]
    return [
        *("--widths", ",".join(map(str, model["widths"]))),
        *("--layers-per-block", str(model["layers_per_block"])),
        "--attention" if model["attention"] is True else "--no-attention",
        *(
            []
            if isinstance(model["attention"], bool)
            else repeated("--attention-at", map(str, model["attention"]))
        ),
        *("--dropout", str(model["dropout"])),
        *("--norm-groups", str(model["norm_groups"])),
        "--classes" if model["classes"] else "--no-classes",
        *adapter_options(),
        *autoencoder_options(),
        "--flip" if training["flip"] else "--no-flip",
        *("--epochs", str(training["epochs"])),
        *("--steps-per-epoch", str(training["steps_per_epoch"])),
        *("--learning-rate", str(training["learning_rate"])),
        *("--schedule", training["schedule"]),
        *("--ema", str(training["ema"])),
        *("--precision", training["precision"]),
        *randomness_options(),
    ]


def randomness_options():
    """Return whether members share random numbers, as options of a shell line."""
    shared = config["training"]["shared_randomness"]
    return [f"--{'' if shared else 'no-'}shared-randomness"]


def adapter_options():
    """Return what members are adapters of, and how, as options of a shell line, if they are."""
    base, lora = config["model"]["base"], config["model"]["lora"]
    if not base:
        return []
    return [
        *("--base", "results/{run}/base", "--rank", str(lora["rank"])),
        *("--alpha", str(lora["alpha"])),
        *repeated("--target", lora["targets"] or ATTENTION),
    ]


def verbatim(values):
    """Return what rules take values with braces from, since Snakemake looks for wildcards in strings."""

    def taken(wildcards):
        return values

    return taken


def optional(name, value):
    """Return `name value` for a shell line, or nothing if the value is null."""
    return [] if value is None else [name, str(value)]


def unit_options(gone=()):
    """Return the options that say what a unit is; of words without those that are left out."""
    units = config["units"]
    if units["by"] == "table":
        return ["--by", "table", "--table", units["table"], "--column", units["column"]]
    if units["by"] == "duplicates":
        threshold = str(units["threshold"])
        metric = ["--metric", units["metric"], "--threshold", threshold]
        return ["--by", "duplicates", *metric]
    words = [word for word in units["words"] if word not in gone]
    return ["--by", units["by"], *repeated("--word", words)]


def caption_files(ending):
    """Return the table of captions with an ending, as a list of none or one."""
    captioned = config["dataset"]["captions"]
    return [f"results/{{run}}/data/captions.{ending}"] if captioned else []


def default_caption_option():
    """Return the option that gives images without a caption one."""
    default = config["dataset"]["default_caption"]
    return ["--default-caption", default] if default else []


def pictogram_options():
    """Return the options that choose pictograms, if the data set is openmoji."""
    if config["dataset"]["name"] != "openmoji":
        return []
    chosen = config["dataset"]["openmoji"]
    return [
        *repeated("--vendor", chosen["vendors"]),
        *(["--skin-tones"] if chosen["skin_tones"] else []),
        *("--label", chosen["label"]),
    ]


def repeated(name, values):
    """Return `name value` for each value."""
    return [part for value in values for part in (name, value)]


def exclude_options():
    """Return the options that leave units out of the training images."""
    excluded = repeated("--exclude", config["units"]["exclude"])
    return [*excluded, *unit_options()] if excluded else []


def set_options(wildcards):
    """Return the options that name the units of a set."""
    return repeated("--units", config["landscape"]["sets"][wildcards.set])


def named_options():
    """Return the units that the configuration names, as options of a shell line."""
    sets, retrain = config["landscape"]["sets"], config["retrain"]
    members = [f"{name}={unit}" for name, units in sets.items() for unit in units]
    return [
        *repeated("--unit-set", members),
        *repeated("--named", retrain["named"]),
        *("--retrained", str(retrain["units"])),
    ]


def checked_blocks():
    """Return how many blocks the units are shared by; 1 where samples are."""
    screened = config["landscape"]["mode"] == "screened"
    return 1 if screened else config["landscape"]["blocks"]


def plant_options():
    """Return the options that name the plants."""
    return repeated(
        "--plant",
        [
            f"{plant['name']}:{plant['kind']}:{plant['images']}:"
            + ("together" if plant["together"] else "apart")
            for plant in config["dataset"]["plant"]
        ],
    )


def distance_options():
    """Return the options that name distances beside the Euclidean, and their weights."""
    files = [f"{network}={file}" for network, file in distance_weights().items()]
    names = repeated("--distances", config["influence"]["distances"])
    return [*names, *repeated("--weights", files)]


def growing(amount):
    """Return the minutes that a job requests: `amount` times the number of the attempt."""

    def needed(wildcards, attempt):
        return attempt * amount

    return needed


def memory(rule):
    """Return the MB that a job of a rule requests, times the number of the attempt.

    It follows from the configuration and the numbers of images, units and weights. These are estimated until
    the data exist.
    """

    def needed(wildcards, attempt, rulename):
        folder = Path("results", config["run"])
        # What comes from the hub is of an unknown size until it is fetched.
        fetched = [folder / part / f"{part}.json" for part in frozen()]
        files = [
            folder / "data/dataset.json",
            folder / "code/properties.json",
            *fetched,
        ]
        made = tuple(file.stat().st_mtime_ns for file in files if file.is_file())
        return attempt * asked_memory(rule, made, gpu=on_gpu(rulename))

    return needed


def on_gpu(rulename):
    """Return whether the jobs of a rule run on a GPU, here or on another machine."""
    resources = workflow.get_rule(rulename).resources
    # Of a rule that requests none, Snakemake gives an empty resource.
    gpu, gres = (getattr(resources.get(kind), "raw", None) for kind in ("gpu", "gres"))
    here = workflow.local_exec and not gpu_is_here()
    return (str(gpu or 0) != "0" or "gpu" in str(gres)) and not here


@cache
def asked_memory(rule, made, *, gpu):
    """Return the memory in MB that a job of a rule requests; `made` are the times of the files read."""
    # --set-scatter may change the numbers of blocks.
    blocks = {
        part: len(getattr(gather, part)("{scatteritem}"))
        for part in ("landscape", "frechet")
    }
    scattered = config | {
        part: config[part] | {"blocks": count} for part, count in blocks.items()
    }
    return memory_mb(rule, scattered, *expected_size(made), gpu=gpu)


@cache
def expected_size(made):
    """Return the size of the run; `made` are the times of the files read."""
    return size_of(config, Path("results", config["run"]))
