"""Progress of long loops."""

from encoded_ensembles.progress import track


def test_progress_is_lines_without_a_terminal(capsys):
    assert list(track(range(3), label="steps", total=3)) == [0, 1, 2]
    assert capsys.readouterr().err.endswith("steps: 3 of 3\n")
