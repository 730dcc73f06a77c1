from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from monai.data import Dataset, ThreadDataLoader
from monai.inferers import SimpleInferer

from monai_mobileunet.data import CaseDataset, collate_cases
from monai_mobileunet.engines import CaseEvaluator

NAMES = ("one", "two", "three")


def refuse_two(value: float):
    def check(tensor: torch.Tensor) -> torch.Tensor:
        if (tensor == value).any():
            raise RuntimeError("out of memory")
        return tensor

    return check


def evaluator(folder: Path, network=None, write=None, read=None, batch_size: int = 1, **options) -> CaseEvaluator:
    """Over images of 1, 2 and 3, with files for masks."""
    cases = [{"image": name, "mask": str(folder / f"{name}.txt"), "value": i} for i, name in enumerate(NAMES, 1)]

    def load(case):
        value = torch.full((1, 2), float(case["value"]))
        return {**case, "image": read(value) if read else value}

    def save(case):
        if write:
            write(case["pred"])
        Path(case["mask"]).write_text(str(float(case["pred"].max())))
        return case

    class Network(torch.nn.Module):
        def forward(self, image):
            return network(image) if network else image

    loader = ThreadDataLoader(CaseDataset(cases, load), batch_size=batch_size, num_workers=0, collate_fn=collate_cases)
    return CaseEvaluator(
        device=torch.device("cpu"),
        val_data_loader=loader,
        network=Network(),
        inferer=options.pop("inferer", SimpleInferer()),
        postprocessing=save,
        output_dir=folder,
        **options,
    )


def written(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.txt"))}


def test_without_a_failure_every_case_is_written_and_nothing_is_raised(tmp_path: Path):
    engine = evaluator(tmp_path / "out")
    for _ in range(2):
        engine.run()
        assert engine.finished == set(NAMES)
    assert written(tmp_path / "out") == {"one": "1.0", "two": "2.0", "three": "3.0"}
    assert (tmp_path / "out" / ".mobileunet").is_dir(), "a search for images knows the folder by it"


@pytest.mark.parametrize("stage", ["read", "network", "write"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_case_that_fails_at_any_stage_is_named_at_the_end_and_the_others_are_done(
    tmp_path: Path, stage: str, batch_size: int, caplog: pytest.LogCaptureFixture
):
    engine = evaluator(tmp_path, batch_size=batch_size, **{stage: refuse_two(2)})
    with pytest.raises(RuntimeError) as error:
        engine.run()
    whole_batch = stage == "network" and batch_size == 3  # which of them it was nobody can tell
    others = {} if whole_batch else {"one": "1.0", "three": "3.0"}
    assert written(tmp_path) == others
    assert set(engine.problems) == set(NAMES) - set(others)
    assert f"{len(engine.problems)} of 3 cases have no mask; the other {len(others)} have theirs" in str(error.value)
    assert "two: was not segmented (RuntimeError: out of memory). The log has the details." in str(error.value)
    assert "in check" in caplog.text, "the traceback"


def test_a_mask_of_an_earlier_run_does_not_stay_where_this_one_failed(tmp_path: Path):
    (tmp_path / "two.txt").write_text("old")
    (tmp_path / ".mobileunet").mkdir()  # of an earlier run
    with pytest.raises(SystemExit, match="error: 1 of 3 cases have no mask"):
        evaluator(tmp_path, network=refuse_two(2), exit_on_error=True).run()
    assert set(written(tmp_path)) == {"one", "three"}
    assert (tmp_path / ".mobileunet" / "replaced" / "two.txt").read_text() == "old"


def test_all_cases_can_fail(tmp_path: Path):
    with pytest.raises(RuntimeError, match="3 of 3 cases have no mask; the other 0"):
        evaluator(tmp_path, read=lambda value: 1 / 0).run()


def test_a_full_disk_ends_the_run_at_once_and_says_what_is_safe(tmp_path: Path):
    def full(pred: torch.Tensor) -> None:
        if (pred == 2).any():
            raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "two.txt"))

    with pytest.raises(RuntimeError, match=r"two\.txt: cannot be written \(No space left on device\)\. 1 case has"):
        evaluator(tmp_path, write=full).run()
    assert set(written(tmp_path)) == {"one"}


def test_an_output_that_cannot_be_written_to_is_said_before_the_first_case(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match=r"error: .*file.*cannot be written to"):
        evaluator(tmp_path / "file" / "out", read=lambda value: 1 / 0, exit_on_error=True).run()


def test_a_runtime_that_is_not_there_ends_the_run_before_the_first_case(tmp_path: Path):
    class Missing(SimpleInferer):
        def prepare(self, network):
            assert not network.training
            raise ModuleNotFoundError("no such runtime")

    with pytest.raises(ModuleNotFoundError, match="no such runtime"):
        evaluator(tmp_path, inferer=Missing()).run()
    assert not written(tmp_path)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loader_that_ends_too_soon_is_no_success(tmp_path: Path):
    class Broken(Dataset):
        def __getitem__(self, index):
            if index == 1:
                raise SystemError("in the loader's thread nobody sees it")
            return {"image": torch.ones(1, 2), "case": NAMES[index], "mask": ""}

    engine = CaseEvaluator(
        device=torch.device("cpu"),
        val_data_loader=ThreadDataLoader(Broken(NAMES), batch_size=1, num_workers=0, collate_fn=collate_cases),
        network=torch.nn.Identity(),
    )
    with pytest.raises(RuntimeError, match=r"2 of 3 cases have no mask.*\n.*2 were never read"):
        engine.run()


def test_files_that_no_run_has_written_are_not_replaced(tmp_path: Path):
    drawn = tmp_path / "two.txt"
    drawn.write_text("by hand")
    with pytest.raises(RuntimeError, match=r"two\.txt: is there, and no run has written it"):
        evaluator(tmp_path).run()
    assert drawn.read_text() == "by hand"
    assert [path.name for path in tmp_path.iterdir()] == ["two.txt"]


def test_a_place_without_the_right_to_write_is_one_case_s_trouble(tmp_path: Path):
    def write(pred: torch.Tensor) -> None:
        if (pred == 2).any():
            raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "two.txt"))

    engine = evaluator(tmp_path, write=write)
    with pytest.raises(RuntimeError, match="1 of 3 cases have no mask"):
        engine.run()
    assert engine.finished == {"one", "three"}
