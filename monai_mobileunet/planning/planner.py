"""From a fingerprint to a bundle that needs no file edited: its configs, metadata, page, and licences to fill in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from monai_mobileunet.bundle.json_files import layout, write_files
from monai_mobileunet.bundle.reuse import START
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.files import write_bytes
from monai_mobileunet.planning.bundle_files import STARTING, TEMPLATES, bundle_files, write_bundle_files
from monai_mobileunet.planning.fingerprint import Fingerprint
from monai_mobileunet.planning.plan import PLAN, Decision, Plan
from monai_mobileunet.planning.rules import NOTHING_ASKED, Batch, Costs, Options, as_plan, decide
from monai_mobileunet.planning.rules.texts import FILL_IN

__all__ = ["apply_plan", "check_folder", "decisions", "plan_dataset", "readme", "reused_rows", "shown", "write_bundle"]

README = "docs/README.md"
FINGERPRINT = "docs/fingerprint.json"
BEGIN, END = "<!-- plan -->", "<!-- /plan -->"
"""Around the table in the page, which is written anew when a plan is applied; pages without them are left alone."""

LICENSE = f"{FILL_IN}: the licence under which you give this bundle away, in full.\n"
DATA_LICENSE = f"{FILL_IN}: the licence of the data that the bundle was trained on, and whom to name.\n"


def plan_dataset(
    fingerprint: Fingerprint, options: Options = NOTHING_ASKED, timed: Mapping[Batch, Costs] | None = None
) -> Plan:
    """The plan for a data set.

    Args:
        fingerprint: of the data set.
        options: what the user asked for.
        timed: what a training costs on this machine, by its network and batch; without it none of these, nor the
            length of the training, follows the budget.

    Raises:
        DataError: the data set cannot be trained on, or the user set something that no rule decides.
    """
    return as_plan(decide(fingerprint, options, timed))


def decisions(plan: Plan) -> dict[str, Decision]:
    """All decisions and settings of a plan by name, in its order."""
    decided = {one.name: getattr(plan, one.name) for one in fields(plan) if one.name != "settings"}
    return {**decided, **plan.settings}


def shown(value: Any) -> str:
    """The value of a decision for a table: transforms by their names, weights by their bundle, texts left out."""
    if isinstance(value, list) and value and all(isinstance(step, dict) and "_target_" in step for step in value):
        return ", ".join(str(step["_target_"]).rpartition(".")[2].removesuffix("d") for step in value)
    if value in ([""], ("",), "", [], (), None):
        return "none"
    if isinstance(value, Mapping) and "bundle" in value:
        return str(value["bundle"])
    if isinstance(value, Mapping):
        parts = {key: part for key, part in value.items() if key != "_target_"}
        return ", ".join(f"{key} {shown(part)}" for key, part in parts.items())
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def readme(plan: Plan) -> str:
    """The bundle's page: what it is for, the plan as a table, and what to type."""
    texts = plan.texts.value
    title, description = texts["name"], texts["description"]
    return f"""# {title}

{description} **Not for diagnostic use.**

{_data_line(plan)}

## Plan

`plan.json` holds what was decided for the data set, and why. Edit a value there and type `mobileunet plan --apply` with
this folder: the other files follow.

{BEGIN}
{_table(plan)}
{END}

## Commands

`B` is this folder, `DATA` a folder of images.

```bash
python -m monai.bundle run training --config_file $B/configs/train.json
mobileunet segment -i $DATA -o masks -m $B
mobileunet evaluate {plan.dataset_dir.value} --bundle $B --part validation --fold 0
```

A training writes its weights to `models/model.pt`, and what it measured to `configs/metadata.json`.

## Limits

{FILL_IN}: what kind of images and patients the data are of, and what the network was not tested on.
"""


def _data_line(plan: Plan) -> str:
    texts = plan.texts.value
    data = f"Data: {texts['data_source']}. Licence of the data: {texts['data_license']}."
    return f"Labels: {texts['label_classes']}. {data}"


def _table(plan: Plan) -> str:
    rows = ["| decision | value | reason |", "|---|---|---|"]
    for name, one in decisions(plan).items():
        if name != "texts":
            rows.append(f"| {name} | {_cell(shown(one.value))} | {_cell(one.reason)} |")
    if reused := reused_rows(plan):
        rows += ["", "| part of the network | parameters reused | of |", "|---|---|---|"]
        rows += [f"| {' | '.join(row)} |" for row in reused]
    return "\n".join(rows)


def reused_rows(plan: Plan) -> list[tuple[str, str, str]]:
    """Part of the network, parameters taken from another bundle, and how many it has; none where all start anew."""
    if STARTING not in plan.settings:
        return []
    parts = plan.settings[STARTING].value["reused"]
    whole = [sum(counts) for counts in zip(*parts.values(), strict=True)]
    return [(part, f"{reused:,}", f"{total:,}") for part, (reused, total) in {**parts, "all": whole}.items()]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def check_folder(folder: Path) -> None:
    """Refuse a folder for a new bundle that holds something else, or weights that a new plan would belie.

    Raises:
        DataError: so it is.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not folder.is_dir() or not (folder / PLAN).is_file() or not (folder / "configs").is_dir():
        raise refusal(folder, "is there already, and is no bundle with a plan.", "Name a new folder with -o.")
    Plan.read(folder)
    if any(path.name != Path(START).name for path in (folder / "models").glob("*.pt")):
        problem = "is a bundle with weights, which may not fit another plan."
        raise refusal(folder, problem, f"Name a new folder with -o, or edit {PLAN} and apply it with --apply.")


def write_bundle(
    plan: Plan, folder: Path, fingerprint: Fingerprint | None = None, start: Path | None = None
) -> list[Path]:
    """Write a complete bundle but for trained weights, all files once all are on disk.

    Args:
        plan: what was decided.
        folder: a new one, or that of a bundle with a plan and without weights.
        fingerprint: what was measured, to be kept beside the plan.
        start: file of the weights that the plan starts from, which is copied into the bundle.

    Returns:
        The files.

    Raises:
        DataError: the folder holds something else; see :func:`check_folder`.
        OSError: a file cannot be written.
    """
    check_folder(folder)
    files = {
        PLAN: layout(plan.to_json()),
        **bundle_files(plan),
        "configs/logging.conf": (TEMPLATES / "logging.conf").read_text(encoding="utf-8"),
        README: readme(plan),
    }
    if fingerprint is not None:
        files[FINGERPRINT] = json.dumps(fingerprint.as_json(), ensure_ascii=False) + "\n"
    kept = {"LICENSE": LICENSE, "docs/data_license.txt": DATA_LICENSE}  # the user may have filled them in
    files |= {name: text for name, text in kept.items() if not (folder / name).exists()}
    for name in ("configs", "docs", "models"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    contents = {folder / name: text for name, text in files.items()}
    if start is not None:
        write_bytes(folder / START, start.read_bytes())
    else:  # of a former plan
        (folder / START).unlink(missing_ok=True)
    write_files(contents)
    return list(contents)


def apply_plan(folder: Path) -> list[Path]:
    """Bring a bundle's files, the table of its page among them, to what its ``plan.json`` says.

    Returns:
        The files that were written.

    Raises:
        FileNotFoundError: there is no plan.
        DataError: the plan is none.
        OSError: a file cannot be written.
    """
    changed = write_bundle_files(folder)
    page = folder / README
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    plan = Plan.read(folder)
    table = f"{BEGIN}\n{_table(plan)}\n{END}"
    new = re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: table, text, flags=re.DOTALL)
    new = re.sub("^Labels: .*$", lambda _: _data_line(plan), new, count=1, flags=re.MULTILINE)
    if new != text:
        write_files({page: new})
        changed.append(page)
    return changed
