"""Shared by all rules: checks at the start, and messages at the end and after a failure."""

replan_after_equal_outputs()
look_once_at_a_time()

if workflow.modifier.modify_path("results/run") != "results/run":
    sys.exit(
        "Error: prefix or replace_prefix moves results of this workflow, whose commands name them, too; "
        "leave it out, and tell runs apart by `run` in the configuration."
    )


@atexit.register
def say_what_is_certain():
    """Print at the end of a dry run which jobs are certain, and which depend on the results of others.

    Once, where several modules of a workflow are runs.
    """
    if sentence := getattr(workflow.dag, "said", None):
        print(f"\n{sentence}")
        workflow.dag.said = None


# the same in C, eight times as fast, if PyYAML was built with it
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def checked(config):
    """Return the configuration with defaults, or stop with one sentence."""
    schema = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
    try:
        complete = check_config(
            config, yaml.load(schema.read_text(encoding="utf-8"), Loader=LOADER)
        )
        check_network(complete)
    except InputError as error:
        sys.exit(f"Error: {error}")
    return complete


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


def stop_without_compiler():
    """Stop with one sentence if sampling here needs a compiler for sampling.compile that is not installed.

    On a cluster the machines of the jobs may have one; there the jobs check. Where jobs run is not known before the start.
    """
    if not (config["sampling"]["compile"] and workflow.local_exec):
        return
    planned = (dict(job.rule.params.items()) for job in workflow.dag.needrun_jobs())
    if any("sampling" in params for params in planned):  # `sampling_options`
        try:
            check_compiler()
        except InputError as error:
            sys.exit(f"Error: {error}")


def say_what_failed(logs):
    """Print the last message of each failed job, and the name of its log."""
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
        said.setdefault(sentence or "the job ended without a message", name)
    for sentence, name in said.items():
        print(f"\n{sentence}\n(the whole log of this job: {name})", file=sys.stderr)


WARNED = set()


def warn():
    """Print once what data, units and arithmetic of the run are warned of.

    Logs of jobs are redirected, and with Slurm lie elsewhere. So the Snakemake that the user started
    prints the warnings, from the files in which jobs leave them.
    """
    if not workflow.is_main_process:
        return
    for file in (
        "data/dataset.json",
        "code/properties.json",
        "code/checked.json",
        "contrast/arithmetic.json",
    ):
        path = Path("results", config["run"], file)
        try:
            warnings = json.loads(path.read_text(encoding="utf-8")).get("warnings", [])
        except (OSError, ValueError):
            warnings = []  # not made yet; or damaged, which its readers report
        for warning in warnings:
            if (path, warning) not in WARNED:
                logger.warning(f"Warning: {warning} ({path})")
            WARNED.add((path, warning))
