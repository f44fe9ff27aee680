"""Shared by all rules: what is checked and said at the start, at the end, and after a failure."""

replan_after_equal_outputs()

if workflow.modifier.modify_path("results/run") != "results/run":
    sys.exit(
        "Error: prefix or replace_prefix moves results of this workflow, whose commands name them, too; "
        "leave it out, and tell runs apart by `run` in the configuration."
    )


@atexit.register
def say_what_is_certain():
    """Say at the end of a dry run what of it is certain, and what depends on what jobs find."""
    if sentence := getattr(workflow.dag, "said", None):
        print(f"\n{sentence}")


def checked(config):
    """Return the configuration with defaults, or stop with one sentence."""
    schema = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
    try:
        found = check_config(config, yaml.safe_load(schema.read_text(encoding="utf-8")))
        check_network(found)
    except InputError as error:
        sys.exit(f"Error: {error}")
    return found


def check_clock(run):
    """Stop with one sentence where files of a run are dated in the future.

    Snakemake goes by dates: what is made after the clock went back would look older than what it
    outdates. Only at the start: jobs of a run may see other clocks.
    """
    ahead = files_ahead(Path("results") / run) if workflow.is_main_process else []
    if ahead:
        sys.exit(
            f"Error: {ahead[-1]} is dated in the future: the clock went back, and Snakemake could not "
            "tell what is up to date. Set the clock right, or date such files now with "
            f"`encens check-run results/{run} --redate`."
        )


def stop_second_writers():
    """Stop with one sentence if jobs that an earlier Snakemake gave to Slurm may still write here.

    A killed Snakemake leaves them behind. To start them a second time would be to write twice. Jobs
    of a Snakemake that runs are left to its lock, which keeps others off its files.
    """
    asked = ["squeue", "--me", "--noheader", "--format=%i\t%Z\t%k"]
    try:
        listed = subprocess.run(asked, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return  # no Slurm here
    if len(list(Path(".snakemake/locks").glob("*.output.lock"))) > 1:
        return  # one is this Snakemake's own
    # Number, folder and comment, in which the plugin names the rule.
    jobs = re.findall(r"^(\S+)\t(.+)\trule_", listed.stdout, re.MULTILINE)
    here = [number for number, folder in jobs if Path(folder).resolve() == Path.cwd()]
    if here:
        sys.exit(
            "Error: Slurm still has jobs of an earlier snakemake in this folder: "
            f"{' '.join(here)}; wait until squeue --me no longer lists them, or end them with: "
            f"scancel {' '.join(here)}"
        )


def say_what_failed(logs):
    """Say at the end, where it is seen, what each failed job said last, and in which log the rest is."""
    texts = [Path(log).read_text(encoding="utf-8", errors="replace") for log in logs]
    failed = re.findall(r"^ +log: (.+?) \(check log", "\n".join(texts), re.MULTILINE)
    said = {}
    for name in filter(os.path.isfile, dict.fromkeys(failed)):
        lines = Path(name).read_text(errors="replace").strip().splitlines()
        starts = [
            number
            for number, line in enumerate(lines)
            if line.startswith("encens: error: ")
        ]
        sentence = "\n".join(lines[(starts or [-1])[-1] :])
        said.setdefault(sentence or "the job ended without a word", name)
    for sentence, name in said.items():
        print(f"\n{sentence}\n(all that this job said: {name})", file=sys.stderr)


WARNED = set()


def warn():
    """Print once what data and units of the run are warned of.

    Logs of jobs are redirected, and lie elsewhere with Slurm: this is said by the Snakemake that the
    user started, from the files in which those jobs leave their warnings.
    """
    if not workflow.is_main_process:
        return
    for file in ("data/dataset.json", "code/properties.json"):
        path = Path("results", config["run"], file)
        try:
            found = json.loads(path.read_text(encoding="utf-8")).get("warnings", [])
        except (OSError, ValueError):
            found = []  # not made yet, or damaged, which jobs that read it say
        for warning in found:
            if (path, warning) not in WARNED:
                logger.warning(f"Warning: {warning} ({path})")
            WARNED.add((path, warning))
