"""For tests of the configuration: where each key shows and what tests it. A new key needs a line here."""

from typing import Any, NamedTuple


class Line(NamedTuple):
    """How a key shows in what a rule runs.

    Attributes:
        keys: of the configuration.
        rule: that owns it.
        pair: of values of the first key; {tmp} in them is a folder with files one and two.
        shown: what the rule's shell line and inputs hold with each; {} is the value, None is nothing.
        group: of GROUPS, what else the configuration says.
    """

    keys: str
    rule: str
    pair: tuple[Any, Any]
    shown: str | tuple[str | None, str | None]
    group: str = ""


PLANTS = (
    [{"name": "a", "kind": "mark", "images": 3}],
    [{"name": "b", "kind": "colour", "images": 4, "together": False}],
)
# Keys that exclude each other are in different groups; few, since each group is parsed twice.
GROUPS = {
    "": {},
    "second": {"dataset": {"name": "mnist"}, "units": {"by": "table"}},
    "folder": {"dataset": {"name": "folder", "path": "one", "size": 8}},
    "third": {
        "units": {"by": "duplicates"}, "code": {"family": "min-distance"}, "landscape": {"mode": "screened"},
        "influence": {"distances": ["lpips", "openclip", "dinov2"]}, "frechet": {"extractor": "inception"},
    },
    "captioned": {
        "dataset": {"name": "folder", "path": "one", "size": 8, "captions": True},
        "units": {"by": "word", "words": ["cat"]},
    },
    "text": {
        "dataset": {"name": "folder", "path": "one", "size": 8, "captions": True},
        "model": {"base": "a/b"}, "sampling": {"prompts": ["a"]},
    },
    "taken": {
        "dataset": {"name": "folder", "path": "one", "size": 8, "captions": True},
        "model": {"base": "a/b"}, "sampling": {"prompts": ["a"]}, "members": {"given": "one"},
    },
    "openmoji": {"dataset": {"name": "openmoji", "path": "one", "size": 8}},
    "smoke": {},
}  # fmt: skip
LINES = [
    Line("run", "all", ("one", "two"), "results/{}/run.json"),
    Line("dataset.name", "fetch_dataset", ("digits", "mnist"), "--name {} "),
    Line("dataset.path", "fetch_dataset", ("{tmp}/one", "{tmp}/two"), "--path {} ", "second"),
    Line("dataset.mirror", "fetch_dataset", ("http://a", "http://b"), "--mirror {} ", "second"),
    Line("dataset.images", "fetch_dataset", (100, 101), "--images {} "),
    Line("dataset.heldout", "fetch_dataset", (102, 103), "--heldout-images {} "),
    Line("dataset.spare", "fetch_dataset", (104, 105), "--spare-images {} "),
    Line("dataset.size", "fetch_dataset", (8, 16), "--size {} "),
    Line("dataset.channels", "fetch_dataset", (1, 3), "--channels {} "),
    Line("dataset.part", "fetch_dataset", ("train", "all"), "--part {} "),
    Line("dataset.captions", "fetch_dataset", (False, True), (None, "--captions results/{run}/data/captions.parquet "), "folder"),
    Line("dataset.default_caption", "fetch_dataset", ("a {}", "an image"), "--default-caption {} ", "captioned"),
    Line("dataset.openmoji.vendors", "fetch_dataset", (["openmoji"], ["twemoji"]), ("--vendor openmoji ", "--vendor twemoji "), "openmoji"),
    Line("dataset.openmoji.skin_tones", "fetch_dataset", (False, True), (None, "--skin-tones "), "openmoji"),
    Line("dataset.openmoji.label", "fetch_dataset", ("author", "group"), "--label {} ", "openmoji"),
    Line("dataset.labels", "fetch_dataset", (7, 9), "--labels {} "),
    Line("dataset.per_label", "fetch_dataset", (80, 90), "--per-label {} "),
    Line("dataset.border", "fetch_dataset", (0, 4), "--border {} "),
    Line("dataset.seed", "fetch_dataset", (11, 12), "--seed {} "),
    Line(
        "dataset.plant[].name dataset.plant[].kind dataset.plant[].images dataset.plant[].together",
        "fetch_dataset", PLANTS, ("--plant a:mark:3:together ", "--plant b:colour:4:apart "), "second",
    ),
    Line("units.by", "encode_units", ("image", "label"), "--by {} "),
    Line("units.table", "encode_units", ("{tmp}/one.csv", "{tmp}/two.csv"), "--table {} ", "second"),
    Line("units.column", "encode_units", ("a", "b"), "--column {} ", "second"),
    Line("units.metric", "encode_units", ("phash", "pixels"), "--metric {} ", "third"),
    Line("units.threshold", "encode_units", (0.5, 0.25), "--threshold {} ", "third"),
    Line("units.words", "encode_units", (["cat", "red dog"], ["bird"]), ("--word cat --word red dog ", "--word bird "), "captioned"),
    Line("units.exclude", "fetch_dataset", (["u"], ["v"]), ("--exclude u ", "--exclude v ")),
    Line("code.family", "encode_units", ("random", "balanced"), "--family {} "),
    Line("code.members", "encode_units", (12, 14), "--members {} "),
    Line("code.weight", "encode_units", (6, 5), "--weight {} "),
    Line("code.distance", "encode_units", (2, 4), "--distance {} ", "third"),
    Line("code.null_words", "encode_units", (31, 32), "--null-words {} "),
    Line("code.seed", "encode_units", (13, 14), "--seed {} "),
    Line("model.widths", "train_member", ([16], [16, 24]), ("--widths 16 ", "--widths 16,24 ")),
    Line("model.layers_per_block", "train_member", (1, 2), "--layers-per-block {} "),
    Line("model.attention", "train_member", (True, [0]), ("--attention ", "--attention-at 0 ")),
    Line("model.dropout", "train_member", (0.25, 0.5), "--dropout {} "),
    Line("model.classes", "train_member", (False, True), ("--no-classes ", "--classes "), "second"),
    Line("model.norm_groups", "train_member", (8, 4), "--norm-groups {} "),
    Line("model.base", "fetch_base", ("a/one", "a/two"), "--base {} ", "second"),
    Line("model.autoencoder", "fetch_autoencoder", ("a/one", "a/two"), "--autoencoder {} ", "second"),
    Line("model.lora.rank", "train_member", (2, 3), "--rank {} ", "second"),
    Line("model.lora.alpha", "train_member", (5, 6), "--alpha {} ", "second"),
    Line("model.lora.targets", "train_member", (["q"], ["k"]), ("--target q ", "--target k "), "second"),
    Line("members.given", "take_member", ("{tmp}/one", "{tmp}/two"), "--given {} ", "taken"),
    Line("members.whole", "take_member", (False, True), ("--no-whole ", "--whole "), "taken"),
    Line("training.epochs", "train_member", (201, 202), "--epochs {} "),
    Line("training.steps_per_epoch", "train_member", (3, 4), "--steps-per-epoch {} "),
    Line("training.learning_rate", "train_member", (0.25, 0.125), "--learning-rate {} "),
    Line("training.schedule", "train_member", ("constant", "cosine"), "--schedule {} "),
    Line("training.ema", "train_member", (0.75, 0.875), "--ema {} "),
    Line("training.flip", "train_member", (False, True), ("--no-flip ", "--flip ")),
    Line("training.precision", "train_member", ("float32", "bfloat16"), "--precision {} "),
    Line("training.members_per_job", "train_members_0", (2, 3), ("splits/01.json", "splits/02.json"), "second"),
    Line("training.seed", "train_member", (15, 16), "--seed {} "),
    Line("training.prompt_dropout", "train_adapter", (0.25, 0.5), "--prompt-dropout {} ", "text"),
    Line("training.density", "train_adapter", ("uniform", "logit_normal"), "--density {} ", "text"),
    Line("training.accumulation", "train_adapter", (2, 3), "--accumulation {} ", "text"),
    Line("training.checkpointing", "train_adapter", (False, True), ("--no-checkpointing ", "--checkpointing "), "text"),
    Line("sampling.prompts", "encode_prompts", (["a"], ["b"]), ("--prompt a ", "--prompt b "), "text"),
    Line("sampling.negative", "encode_prompts", ("c", "d"), "--negative {} ", "text"),
    Line("sampling.guidance", "ablate_block", (3, 4), "--guidance {} ", "text"),
    Line("sampling.cut", "encode_prompts", (False, True), ("--no-cut ", "--cut "), "text"),
    Line("sampling.samples", "draw_noise", (20, 21), "--samples {} "),
    Line("sampling.scheduler", "ablate_block", ("ddpm", "ddim"), "--scheduler {} "),
    Line("sampling.steps", "draw_noise", (22, 23), "--steps {} "),
    Line("sampling.batch", "ablate_block", (17, 18), "--batch {} "),
    Line("sampling.precision", "ablate_block", ("float32", "bfloat16"), "--precision {} "),
    Line("sampling.compile", "ablate_block", (False, True), ("--no-compiled ", "--compiled ")),
    Line("sampling.seed", "draw_noise", (17, 18), "--seed {} "),
    Line("landscape.mode", "screen_block", ("exact", "screened"), (None, "encens screen-block "), "second"),
    Line("landscape.top", "screen_block", (4, 5), "--top {} ", "third"),
    Line("landscape.missed", "screen_block", (0.25, 0.75), "--missed {} ", "third"),
    Line("landscape.budget", "screen_block", (0.25, 0.75), "--budget {} ", "third"),
    Line("landscape.blocks", "measure_influence", (2, 3), "1-of-{}.safetensors"),
    Line("landscape.sets", "ablate_units", ({"s": ["u"]}, {"s": ["v"]}), ("--units u ", "--units v ")),
    Line("influence.distances", "measure_influence", (["ssim"], ["features"]), ("--distances ssim ", "--distances features ")),
    Line("influence.weights.lpips", "measure_influence", ("{tmp}/one.csv", "{tmp}/two.csv"), "--weights lpips={} ", "third"),
    Line("influence.weights.openclip", "measure_influence", ("{tmp}/one.csv", "{tmp}/two.csv"), "--weights openclip={} ", "third"),
    Line("influence.weights.dinov2", "measure_influence", ("{tmp}/one.csv", "{tmp}/two.csv"), "--weights dinov2={} ", "third"),
    Line("contrast.levels", "follow_members", (250, 350), "--levels {} "),
    Line("contrast.null_words", "measure_contrast", (51, 52), "--null-words {} "),
    Line("contrast.attributed", "measure_contrast", (0.125, 0.25), "--attributed {} "),
    Line("contrast.candidates", "follow_members", (66, 67), "--candidates {} "),
    Line("contrast.decoys", "follow_members", (1, 3), "--draws {} "),
    Line("contrast.weights", "measure_contrast", ("likeness", "learnt"), "--weights {} "),
    Line("queries.folder", "choose_queries", ("{tmp}/one", "{tmp}/two"), "--folder {} "),
    Line("queries.training", "choose_queries", (7, 8), "--training-images {} "),
    Line("queries.heldout", "choose_queries", (7, 8), "--heldout-images {} "),
    Line("queries.decoys", "follow_queries", (1, 3), "--draws {} "),
    Line("queries.seed", "follow_queries", (70, 71), "--noise-seed {} "),
    Line("retrain.units", "choose_controls", (6, 7), "--units {} "),
    Line("retrain.named", "choose_controls", (["u"], ["v"]), ("--named u ", "--named v ")),
    Line("retrain.fresh", "sample_controls", (1, 2), "--fresh-units {} "),
    Line("retrain.seed", "train_member", (24, 25), "--seed {} "),
    Line("heldout.models", "measure_heldout", (8, 9), "--halves {} "),
    Line("heldout.repeats", "measure_heldout", (1, 2), "--repeats {} "),
    Line("heldout.share", "split_heldout", (0.25, 0.75), "--share {} "),
    Line("heldout.seed", "split_heldout", (26, 27), "--half-seed {} "),
    Line("grade.scores", "grade_methods", ({"m": "{tmp}/one.csv"}, {"m": "{tmp}/two.csv"}), ("--foreign m={tmp}/one.csv ", "--foreign m={tmp}/two.csv ")),
    Line("grade.bootstrap", "grade_methods", (30, 40), "--bootstrap {} "),
    Line("grade.seed", "grade_methods", (28, 29), "--seed {} "),
    Line("rivals.gradients", "score_rivals", (False, True), (None, "--full ")),
    Line("rivals.levels", "project_gradients", (11, 12), "--levels {} "),
    Line("rivals.projection", "project_gradients", (64, 128), "--projection {} "),
    Line("rivals.noise", "project_gradients", ("image", "common"), "--noise {} "),
    Line("rivals.damping", "score_rivals", ([0.25], [0.5]), ("--damping 0.25 ", "--damping 0.5 ")),
    Line("rivals.degraded", "score_rivals", ([0.25], [0.5]), ("--degraded 0.25 ", "--degraded 0.5 ")),
    Line("rivals.seed", "project_gradients", (41, 42), "--seed {} "),
    Line("frechet.extractor", "score_frechet", ("classifier", "pixels"), ("--classifier ", None)),
    Line("frechet.inception", "score_frechet", ("{tmp}/one.csv", "{tmp}/two.csv"), "{}", "third"),
    Line("frechet.samples", "score_frechet", (60, 61), "--samples {} "),
    Line("frechet.kept", "sample_frechet", ([4], [5]), ("--kept 1,4,6,12 ", "--kept 1,5,9,14 ")),
    Line("frechet.repeats", "sample_frechet", (3, 4), "--repeats {} "),
    Line("frechet.blocks", "score_frechet", (2, 3), "1-of-{}.npz"),
    Line("figures.samples", "plot_influence", ([0], [1, 2]), ("--chosen 0 ", "--chosen 1,2 ")),
    Line("figures.top", "plot_influence", (3, 4), "--top {} "),
    Line("gallery.samples", "make_gallery", (62, 63), "--shown {} "),
    Line("gallery.pictures", "make_gallery", (64, 65), "--pictures {} "),
    Line("smoke", "train_member", (False, True), ("--epochs 400 ", "--epochs 2 "), "smoke"),
]  # fmt: skip
# Tests of two values and two results; those of unit/config/test_config_results.py by their name alone, others by room and file.
RESULTS = {
    "code.": "test_every_key_of_the_code_changes_the_words",
    "model.base": "test_every_key_of_an_adapter_changes_what_it_predicts",
    "model.lora.": "test_every_key_of_an_adapter_changes_what_it_predicts",
    "model.autoencoder": "members/test_latents.py::test_latents_are_the_mode_shifted_and_scaled",
    "model.": "test_every_key_of_the_network_changes_what_it_predicts",
    "training.prompt_dropout": "members/test_text_training.py::test_prompts_are_dropped_by_image_and_epoch",
    "training.density": "members/test_text_training.py::test_the_density_changes_the_levels",
    "training.accumulation": "members/test_text_training.py::test_parts_of_a_batch_and_checkpointing_change_no_weight",
    "training.checkpointing": "members/test_text_training.py::test_parts_of_a_batch_and_checkpointing_change_no_weight",
    "sampling.prompts": "members/test_prompted.py::test_samples_take_prompts_in_turn",
    "sampling.negative": "members/test_prompted.py::test_guidance_leads_away_from_no_prompt_or_the_negative_one",
    "sampling.guidance": "members/test_prompted.py::test_guidance_leads_away_from_no_prompt_or_the_negative_one",
    "sampling.cut": "members/test_prompts.py::test_long_prompts_are_reported_with_their_length",
    "training.": "members/test_training.py::test_every_key_of_the_recipe_changes_the_weights",
    "sampling.precision": "ensemble/test_placement.py::test_bfloat16_moves_samples_a_little",
    "sampling.compile": "ensemble/test_placement.py::test_compiled_members_differ_in_the_last_digits",
    "sampling.": "test_seed_steps_and_scheduler_of_sampling_change_the_samples",
    "contrast.levels": "influence/test_contrast.py::test_levels_up_to_the_highest_count_and_count_alike",
    "contrast.candidates": "influence/test_naming.py::test_units_beyond_the_candidates_are_tested_by_contrast",
    "contrast.decoys": "influence/test_naming.py::test_decoys_have_free_words_of_their_own_and_are_rarely_named",
    "contrast.": "test_null_words_and_the_false_discovery_rate_decide_what_is_attributed",
    "queries.": "commands/test_choose_queries.py::test_every_key_changes_the_pictures",
    "retrain.": "test_every_key_of_retraining_changes_the_controls",
    "heldout.": "test_share_seed_and_number_change_the_half",
    "rivals.": "test_every_key_of_the_rivals_changes_their_scores",
    "frechet.extractor": "features/test_extractors.py::test_the_extractor_is_the_one_that_is_there",
    "frechet.inception": "features/test_extractors.py::test_inception_is_clean_fids_protocol",
    "frechet.samples": "features/test_frechet.py::test_spare_images_are_shared",
    "frechet.": "test_sizes_and_repeats_change_the_masks",
}
PART = {"training.members_per_job"}  # of which the lower number's files are among the higher's
DECIDING = {part.partition(".")[0] for part in RESULTS}
CHANGE_NOTHING = {  # as their descriptions say
    "training.members_per_job", "sampling.batch", "landscape.blocks", "frechet.blocks",
}  # fmt: skip
