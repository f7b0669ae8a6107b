"""The command: what it prints and writes, and how it ends."""

import errno
import os
import pty
import signal
import subprocess
import sys
import tempfile

import pytest

import micrograd_np as mg
from micrograd_np import cli
from micrograd_np.article import networks, report
from micrograd_np.article.networks import NETWORKS

COMMAND = [sys.executable, "-m", "micrograd_np"]
UNDRAWN = """
import sys
from micrograd_np import cli
from micrograd_np.article import report
report.pictures = lambda folder: report.Section("Pictures", (), [])
sys.exit(cli.main())
"""


def article(folder, *options):
    return cli.main(["article", "--out", str(folder / "drawn"), "--steps", "3", *map(str, options)])


@pytest.fixture
def undrawn(monkeypatch):
    """No pictures, which take the longest."""
    monkeypatch.setattr(report, "pictures", lambda folder: report.Section("Pictures", ("picture", "files"), []))


@pytest.fixture
def untrained(monkeypatch):
    def refuse(*_):
        raise AssertionError("training began")

    monkeypatch.setattr(report, "train", refuse)


def test_alone_it_shows_what_it_can_do(capsys):
    assert cli.main([]) == 0
    shown = capsys.readouterr().out
    assert shown.index("article") < shown.index("options:")
    assert "Start with `micrograd-np article`" in shown


def test_python_m_is_the_command():
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: micrograd-np ")
    assert not done.stderr


def test_it_says_its_version(capsys):
    with pytest.raises(SystemExit) as ending:
        cli.main(["--version"])
    assert ending.value.code == 0
    assert capsys.readouterr().out == f"micrograd-np {mg.__version__}\n"


@pytest.mark.parametrize("text", ["0", "-1", "60001", "ten", "1.5", ""])
def test_steps_are_a_number_from_1_to_60000(text, capsys):
    with pytest.raises(SystemExit) as ending:
        cli.main(["article", f"--steps={text}"])
    assert ending.value.code == 2
    assert f"{text!r} is not a number of steps between 1 and 60,000" in capsys.readouterr().err


@pytest.mark.slow
def test_a_short_run_holds_and_says_what_it_did_not_reach(tmp_path, capsys):
    assert article(tmp_path) == 0
    *_, end, to_open = lines = capsys.readouterr().out.splitlines()
    assert end == "All 20 checks held. 9 of the article's figures lie beyond the steps trained."
    assert to_open == f"Open {tmp_path / 'drawn' / '3-layer-network.html'}, which plays the two passes."
    assert lines[:3] == [f"{network.name}: 3 steps, by hand and on the tape" for network in NETWORKS]
    assert sum(line.endswith(": largest differences over 3 steps") for line in lines) == len(NETWORKS)
    cells = [line.split() for line in lines]
    assert "Error at step 0 0.496410031903 0.496410031903 0.496410031903 ok".split() in cells
    assert "l2_delta -z2.grad 0 0 0 ulp ok".split() in cells
    assert len(list((tmp_path / "drawn").iterdir())) == 9


def test_what_does_not_hold_is_exit_status_1(tmp_path, capsys, monkeypatch, undrawn):
    (right,) = mg.sigmoid.rules
    monkeypatch.setattr(mg.sigmoid, "rules", [lambda *args: 1.001 * right(*args)])
    assert article(tmp_path) == 1
    assert capsys.readouterr().out.splitlines()[-2].startswith("15 of 20 checks did NOT hold.")


def test_a_figure_off_in_its_last_digit_is_exit_status_1(tmp_path, capsys, monkeypatch, undrawn):
    *others, three_layers = NETWORKS
    figures = [figure._replace(digits=figure.digits[:-1] + "4") for figure in three_layers.figures]
    monkeypatch.setattr(networks, "NETWORKS", [*others, three_layers._replace(figures=figures)])
    assert article(tmp_path) == 1
    assert capsys.readouterr().out.splitlines()[-2].startswith("1 of 20 checks did NOT hold.")


UNWRITABLE = [
    (["--out", "file/pictures"], "--out file/pictures: cannot write into "),
    (["--out", "file"], "--out file: cannot write into "),
]


@pytest.mark.parametrize(
    ("options", "message"), UNWRITABLE, ids=lambda case: " ".join(case) if isinstance(case, list) else ""
)
def test_what_cannot_be_written_is_refused_before_the_training(
    options, message, tmp_path, monkeypatch, capsys, untrained
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert cli.main(["article", *options]) == 2
    assert capsys.readouterr().err.startswith(f"micrograd-np: {message}")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_folder_without_permission_is_refused(tmp_path, capsys, monkeypatch, untrained):
    def denied(dir):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", denied)
    assert article(tmp_path) == 2
    assert capsys.readouterr().err.endswith(f"cannot write into {tmp_path}: Permission denied. Choose another.\n")


@pytest.mark.slow
def test_a_pipe_gets_plain_lines(tmp_path):
    command = [*COMMAND, "article", "--steps", "3", "--out", tmp_path]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.startswith("11 lines: 3 steps, by hand and on the tape\n")
    assert not {"\x1b", "\r"} & set(done.stdout)
    assert not done.stderr


@pytest.mark.slow
def test_a_terminal_gets_a_bar(tmp_path):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", UNDRAWN, "article", "--steps", "3", "--out", tmp_path]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = b"".join(received(ours))
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[" in shown
    assert b"100%" in shown
    assert b"All 20 checks held." in shown


def received(terminal):
    while True:
        try:
            yield os.read(terminal, 4096)
        except OSError:  # the other side has hung up
            return


@pytest.mark.slow
@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the process", "to its group, as a terminal does"])
def test_ctrl_c_ends_cleanly(send, tmp_path):
    command = [*COMMAND, "article", "--out", tmp_path / "drawn"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
    with subprocess.Popen(command, **options) as process:
        process.stdout.readline()
        send(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.strip() == "Interrupted. All files written so far are complete."
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    command = [sys.executable, "-c", UNDRAWN, "article", "--steps", "3", "--out", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_a_reader_that_leaves_the_list_of_lessons_is_no_error(tmp_path):
    command = [sys.executable, "-m", "micrograd_np", "learn"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, text=True, env=os.environ | {"HOME": str(tmp_path)}
    )
    os.close(writing)
    assert done.stderr == ""


def test_the_package_does_not_load_what_only_the_command_needs():
    source = "import sys, micrograd_np; print({'rich', 'argparse', 'matplotlib', 'graphviz'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


SCRIPT = """
import numpy as np
import micrograd_np as mg

w = mg.Tensor([1.0, 2.0], requires_grad=True)
loss = (np.tanh(w) ** 2).sum()


def other():
    return (w * w).sum()


def nothing():
    pass


def three():
    return 3


class Model:
    pass
"""


@pytest.mark.parametrize(("function", "op"), [("", "tanh(w)"), (":other", "w * w")])
def test_a_users_script_is_drawn(tmp_path, capsys, function, op):
    script, out = tmp_path / "mine.py", tmp_path / "mine.txt"
    script.write_text(SCRIPT, encoding="utf-8")
    assert cli.main(["draw", f"{script}{function}", "--out", str(out)]) == 0
    assert op in out.read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"Open {out}\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [("net.svg", " (net.svg went to the script; to draw into it, write -o net.svg)"), ("mine.txt", ""), ("7", "")],
)
def test_a_picture_among_the_arguments_of_the_script_is_said(given, said, tmp_path, capsys, monkeypatch, undrawn):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "mine.txt").touch()
    assert cli.main(["draw", "mine.py", given]) == 0
    assert capsys.readouterr().out == f"Open graph.html{said}\n"


def test_o_is_short_for_out(tmp_path, capsys, undrawn):
    script, out = tmp_path / "mine.py", tmp_path / "mine.txt"
    script.write_text(SCRIPT, encoding="utf-8")
    assert cli.main(["draw", str(script), "-o", str(out)]) == 0
    assert out.exists()


def test_a_script_is_all_that_draw_needs(capsys):
    with pytest.raises(SystemExit):
        cli.main(["draw"])
    assert "the following arguments are required: FILE.py[:FUNCTION]\n" in capsys.readouterr().err


def test_options_of_the_script_without_dashes_before_them_say_so(capsys):
    with pytest.raises(SystemExit):
        cli.main(["draw", "mine.py", "--size", "7"])
    assert "unrecognized arguments: --size 7; options of the script stand after --" in capsys.readouterr().err


def test_pdf_without_graphviz_is_an_error_in_a_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT, encoding="utf-8")
    assert cli.main(["draw", str(script), "--out", str(tmp_path / "a.pdf")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("micrograd-np: PDF needs the program `dot`")
    assert said.count("\n") == 1


def test_a_script_is_given_arguments_and_the_folder_is_made(tmp_path):
    script, out = tmp_path / "mine.py", tmp_path / "new" / "mine.TXT"
    script.write_text(SCRIPT + "import sys\nloss = w.sum() * float(sys.argv[2])\n", encoding="utf-8")
    assert cli.main(["draw", "--out", str(out), str(script), "--", "--size", "7"]) == 0
    assert "sum(w) * 7" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("function", "out", "message"),
    [
        (":none", "a.svg", "has no function none"),
        (":nothing", "a.svg", "nothing returns None, in which there is no Tensor to draw."),
        (":three", "a.svg", "three returns 3, in which there is no Tensor to draw."),
        (":Model", "a.svg", "in which there is no Tensor to draw"),
        ("", "a.xyz", "a picture is saved as .svg"),
        ("x", "a.svg", "no such file"),
    ],
)
def test_what_cannot_be_drawn_is_exit_status_2(tmp_path, capsys, function, out, message):
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT, encoding="utf-8")
    assert cli.main(["draw", f"{script}{function}", "--out", str(tmp_path / out)]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / out).exists()
