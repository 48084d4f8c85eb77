"""`ssc-ros` and the executables of `ros2 run`: help, errors, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import ssc_ros
from ssc_ros import cli
from ssc_ros.commands import COMMANDS, load
from ssc_ros.core import SscError

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
HEAVY = ("torch", "lightning", "numba", "cv2", "rclpy", "matplotlib", "rosbags", "rerun")


def run(*command: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "120"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_overview_names_every_command_and_imports_nothing_heavy() -> None:
    code = "import sys; from ssc_ros.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += f"print('imported:', [m for m in {HEAVY} if m in sys.modules])"
    shown = run(sys.executable, "-c", code).stdout
    for name in COMMANDS:
        assert f"  {name}" in shown
        assert load(name).HELP in shown
    assert "imported: []" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_ros2_run_has_each_command_and_its_help_teaches(name: str) -> None:
    result = run(str(SCRIPTS / name), "--help")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"usage: ssc-ros {name}")
    assert f"ssc-ros {name} " in result.stdout.partition("\n\n")[2], "no example"
    assert load(name).HELP
    assert "\n" not in load(name).HELP


def test_a_command_of_ros2_run_may_start_processes() -> None:
    """Each process that it starts runs the script under another name (multiprocessing's method "spawn")."""
    code = "import multiprocessing as m, runpy, sys\n"
    code += "if __name__ == '__main__':\n    process = m.get_context('spawn').Process(target=runpy.run_path,"
    code += f" args=({str(SCRIPTS / 'simulate')!r},), kwargs={{'run_name': '__mp_main__'}})\n"
    code += "    process.start()\n    process.join()\n    sys.exit(process.exitcode)\n"
    assert run(sys.executable, "-c", code).returncode == 0


def test_ros2_run_has_nothing_but_the_commands() -> None:
    assert {path.name for path in SCRIPTS.iterdir()} == set(COMMANDS)


@pytest.mark.parametrize(("own", "kept"), [(None, str(cli.SPINS)), ("7", "7")])
def test_idle_threads_spin_briefly_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, own: str | None, kept: str
) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", own or "")  # so that it is put back afterwards
    if own is None:
        monkeypatch.delenv("GOMP_SPINCOUNT")
    cli.main([])
    assert os.environ["GOMP_SPINCOUNT"] == kept


def test_an_unknown_command_is_a_usage_error() -> None:
    result = run("ssc-ros", "fly")
    assert result.returncode == 2
    assert "invalid choice: 'fly'" in result.stderr


def command(run: Callable[[Namespace], int], **attributes: object) -> SimpleNamespace:
    def add_arguments(parser: ArgumentParser) -> None:
        parser.add_argument("--number", type=int, default=0)

    return SimpleNamespace(HELP="", DESCRIPTION="", add_arguments=add_arguments, run=run, **attributes)


def raising(error: BaseException) -> Callable[[Namespace], int]:
    def run(args: Namespace) -> int:
        raise error

    return run


def test_an_error_of_ours_is_one_line_and_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "load", lambda name: command(raising(SscError("no file\nhere"))))
    assert cli.main(["simulate"]) == 1
    assert capsys.readouterr().err == "ssc-ros simulate: no file here\n"


def test_a_package_that_is_not_installed_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = ModuleNotFoundError("No module named 'lightning.pytorch'", name="lightning.pytorch")
    monkeypatch.setattr(cli, "load", lambda name: command(raising(missing)))
    assert cli.main(["train"]) == 1
    assert "pip install 'ssc_ros[train]'" in capsys.readouterr().err


def test_a_missing_module_of_ours_is_a_defect_and_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = ModuleNotFoundError("No module named 'ssc_ros.nonsense'", name="ssc_ros.nonsense")
    monkeypatch.setattr(cli, "load", lambda name: command(raising(missing)))
    with pytest.raises(ModuleNotFoundError):
        cli.main(["train"])


@pytest.mark.parametrize(("name", "status"), [("node", 0), ("replay", 0), ("simulate", 130)])
def test_control_c_is_the_normal_end_of_what_runs_forever(
    monkeypatch: pytest.MonkeyPatch, name: str, status: int
) -> None:
    monkeypatch.setattr(cli, "load", lambda name: command(raising(KeyboardInterrupt())))
    assert cli.main([name]) == status


def test_unknown_arguments_are_forwarded_only_where_a_command_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def run(args: Namespace) -> int:
        seen.append((args.number, args.forwarded))
        return 0

    arguments = ["train", "--number", "3", "--trainer.devices", "2"]
    monkeypatch.setattr(cli, "load", lambda name: command(run, FORWARDS=True))
    assert cli.main(arguments) == 0
    assert seen == [(3, ["--trainer.devices", "2"])]
    monkeypatch.setattr(cli, "load", lambda name: command(run))
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"ssc_ros {ssc_ros.__version__}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ssc-ros ev", {"evaluate", "evaluate-bag"}),
        ("ssc-ros node --seg", {"--segmentation"}),
        ("ssc-ros evaluate --task seg", {"segmentation"}),
    ],
)
def test_the_shell_completes_commands_arguments_and_choices(tmp_path: Path, line: str, expected: set[str]) -> None:
    """Ask as the shell function of argcomplete does."""
    pytest.importorskip("argcomplete")
    answer = tmp_path / "answer"
    environment = os.environ | {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "IFS": " ",
    }
    code = "from ssc_ros.cli import main; main()"
    subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert set(answer.read_text().split()) == expected


@pytest.mark.parametrize("name", ["complete", "demo", "evaluate", "evaluate-bag"])
def test_a_shipped_checkpoint_is_found_by_its_name_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    parser = ArgumentParser()
    load(name).add_arguments(parser)
    wanted = {"--checkpoint": "models/l2cocc_edge.safetensors", "--segmentation": "models/polarnet_edge.safetensors"}
    needed = ["--data", ".", "--sequence", "08"] if name == "evaluate" else []
    needed += ["--bag", "."] if name == "evaluate-bag" else []
    args = parser.parse_args([*needed, *(word for pair in wanted.items() for word in pair)])
    assert args.checkpoint.is_file()
    assert args.segmentation.is_file()


def test_info_finds_a_shipped_checkpoint_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["info", "models/l2cocc_edge.safetensors"]) == 0
    assert "l2cocc" in capsys.readouterr().out
