"""Find the images to segment in a data set in BIDS."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from monai_mobileunet.data.bids_names import BidsName, misplaced
from monai_mobileunet.data.errors import DataError, Finding, list_some, refusal, warning
from monai_mobileunet.data.names import image_suffix, is_label_name, is_picture
from monai_mobileunet.data.search.images import ImageSearch
from monai_mobileunet.data.search.places import FoundImage
from monai_mobileunet.data.walking import walk_folders

__all__ = ["choose_suffix", "participant_folders", "search_bids"]

ANATOMY = ("anat", "ct")
"""Folders whose images are segmented where no suffix is named; ``ct`` is that of BIDS's proposal 24."""

LABEL_SUFFIXES = ("probseg", "defacemask")
"""Suffixes of labels beside those that :func:`.names.is_label_name` knows in any data set."""

SUBJECT = "sub-"
RENAME = "Rename or move it, or segment it without --bids."


def search_bids(root: Path, suffix: str | None = None, participants: Sequence[str] = ()) -> ImageSearch:
    """The images of one suffix in ``sub-*/[ses-*/]<datatype>/``; no other folder of the data set is looked into.

    Without a suffix, images are those in ``anat`` and ``ct``, which have one suffix in all of the data set: a
    participant alone is segmented as with the others. Labels are no images.

    Args:
        root: the data set.
        suffix: of the images, such as ``T1w``, in any folder of a participant.
        participants: labels of those that are wanted, with ``sub-`` or without; all by default.

    Returns:
        The images, sorted. The path of each mask is that in a data set of derivatives.

    Raises:
        DataError: no such data set, participant or suffix, several suffixes of which none is named, or none of the
            images of the participants that are named.
    """
    folders = _participants(root, participants)
    unreadable: list[str] = []
    seen = _seen(root, folders, unreadable)
    images = _images_of_bids(seen)
    counts = _counts(images, suffix)
    if participants and suffix is not None:
        chosen = suffix
    else:
        everyone = _images_of_bids(_seen(root, _participants(root), [])) if participants else images
        chosen = choose_suffix(root, _counts(everyone, suffix), suffix)
    searched = ANATOMY if suffix is None else {folder for folder, _ in counts}
    found = [path for path, name in images.items() if name.suffix == chosen and path.parent.name in searched]
    with_images = {path.parts[0] for path in found}
    without = [folder.name for folder in folders if folder.name not in with_images]
    if not found:
        named = chosen if suffix is not None else f"{chosen} in {ANATOMY[0]}"
        raise _none_of_participants(root, without, named, _by_suffix(counts), unreadable)
    problems = {path: problem for path in seen if (problem := _problem(path, chosen, searched))}
    return ImageSearch(
        tuple(FoundImage((root / path,), path.with_name(f"{images[path].derived()}.nii.gz")) for path in found),
        left_out=tuple(_left_out(chosen, images, without)),
        unreadable=tuple(unreadable),
        warnings=tuple(_warnings(root, problems, chosen, without if participants else ())),
    )


def participant_folders(wanted: Sequence[str]) -> tuple[str, ...]:
    """Names of the folders of participants, sorted: ``("sub-01", "sub-02")`` of ``["02", "01,sub-02"]``."""
    labels = {label.removeprefix(SUBJECT) for text in wanted for label in re.split(r"[\s,]+", text) if label}
    return tuple(sorted(SUBJECT + label for label in labels))


def choose_suffix(root: Path, counts: Mapping[tuple[str, str], int], suffix: str | None = None) -> str:
    """The suffix of the images to segment.

    Args:
        root: the data set, for the messages.
        counts: how many images there are, by folder and suffix: ``{("anat", "T1w"): 20}``.
        suffix: the one that was asked for; ``None`` takes the only one in :data:`ANATOMY`.

    Raises:
        DataError: there is none such, or there are several.
    """
    kinds = _by_suffix(counts)
    if not kinds:
        raise refusal(root, "has no NIfTI images of its participants.", "Expected sub-01/anat/sub-01_T1w.nii.gz.")
    held = _listed(kinds)
    if suffix is not None:
        if suffix in kinds:
            return suffix
        raise refusal(root, f"has no images {suffix}; it has {held}.", f"Type --bids-suffix {_nearest(suffix, kinds)}.")
    anatomy = _by_suffix({key: count for key, count in counts.items() if key[0] in ANATOMY})
    if len(anatomy) == 1:
        return next(iter(anatomy))
    if not anatomy:
        problem = f"has no images in anat; it has {held}."
        raise refusal(root, problem, f"Name those to segment: --bids-suffix {next(iter(kinds))}.")
    problem = f"has images of several suffixes: {_listed(anatomy)}."
    raise refusal(root, problem, f"Name those to segment: --bids-suffix {next(iter(anatomy))}.")


def _participants(root: Path, wanted: Sequence[str] = ()) -> list[Path]:
    """The folders of the participants that are wanted; of all, if none is named."""
    if not root.is_dir():
        problem = "is a file." if root.exists() else "no such folder."
        raise refusal(root, problem, "Name the root of a data set in BIDS.")
    folders = {path.name: path for path in sorted(root.glob(f"{SUBJECT}*")) if path.is_dir()}
    if not folders and root.resolve().name.startswith(SUBJECT):
        place = root.resolve()
        label = place.name.removeprefix(SUBJECT)
        remedy = f"Type -i {shlex.quote(str(place.parent))} --participant-label {label}."
        raise refusal(root, "is the folder of a participant; expected the root of a data set.", remedy)
    if not folders:
        remedy = "Name the root of a data set in BIDS, or leave out --bids."
        raise refusal(root, f"has no folder {SUBJECT}01 of a participant.", remedy)
    names = participant_folders(wanted)
    if wanted and not names:  # as of a variable that is not set: all participants would be a surprise
        raise refusal(root, "--participant-label is empty.", "Name a participant, or leave it out for all.")
    unknown = [name for name in names if name not in folders]
    if unknown:
        raise DataError([_unknown(root, name, list(folders)) for name in unknown])
    return [folders[name] for name in names] if names else list(folders.values())


def _unknown(root: Path, name: str, folders: Sequence[str]) -> Finding:
    label, known = name.removeprefix(SUBJECT), [folder.removeprefix(SUBJECT) for folder in folders]
    near = [one for one in known if one.lstrip("0") == label.lstrip("0")] or get_close_matches(label, known)
    problem = f"has no participant {label}; it has {list_some(near or known)} ({len(known)} in all)."
    remedy = f"Type --participant-label {near[0]}." if near else "Name one that it has with --participant-label."
    return Finding(str(root), problem, remedy)


def _none_of_participants(
    root: Path, names: Sequence[str], chosen: str, kinds: Mapping[str, int], unreadable: Sequence[str]
) -> DataError:
    """That no participant who was asked for has an image to segment."""
    shut = f", and {list_some(unreadable)} cannot be searched" if unreadable else ""
    held = f"has no {chosen} of {list_some(names)}; of these it has {_listed(kinds) or 'no images'}{shut}."
    others = f", or type --bids-suffix {_nearest(chosen, kinds)}" if kinds else ""
    return refusal(root, held, f"Name other participants with --participant-label{others}.")


def _nearest(suffix: str, kinds: Mapping[str, int]) -> str:
    return (get_close_matches(suffix, kinds, 1, 0) or list(kinds))[0]


def _seen(root: Path, participants: Sequence[Path], unreadable: list[str]) -> list[Path]:
    """All images of participants, sorted, relative to the data set."""
    return sorted(path.relative_to(root) for folder in participants for path in _images(folder, unreadable))


def _images(participant: Path, unreadable: list[str]) -> Iterator[Path]:
    """Images of a participant at any depth; folders that are files in BIDS, as ``x.ome.zarr``, are not looked into."""
    for _, folders, files in walk_folders(participant, unreadable):
        folders[:] = [folder for folder in folders if not folder.suffix]
        yield from (path for path in files if image_suffix(path) and not is_picture(path))


def _images_of_bids(paths: Sequence[Path]) -> dict[Path, BidsName]:
    return {path: BidsName.of(path) for path in paths if not misplaced(path)}


def _counts(images: Mapping[Path, BidsName], suffix: str | None = None) -> Counter[tuple[str, str]]:
    """How many images there are, by folder and suffix; labels count where a suffix is named alone."""
    return Counter(
        (path.parent.name, name.suffix) for path, name in images.items() if suffix is not None or not _of_label(name)
    )


def _problem(path: Path, chosen: str, searched: Collection[str]) -> tuple[str, str] | None:
    """Why an image is left out that seems to be one of those to segment, and what to do; ``None`` of others."""
    inside, is_chosen = path.parts[1:-1], BidsName.of(path).suffix == chosen
    if len(inside) > (2 if inside[:1] and inside[0].startswith("ses-") else 1):
        reason = "lies below a folder of images, as deeper than sub-01/anat"
        return (reason, RENAME) if is_chosen else None
    if reason := misplaced(path):
        return reason, RENAME
    if is_chosen and path.parent.name not in searched:
        return f"lies in {path.parent.name}, where none is looked for", f"Type --bids-suffix {chosen} for all folders."
    return None


def _of_label(name: BidsName) -> bool:
    return name.suffix in LABEL_SUFFIXES or is_label_name(name.suffix)


def _by_suffix(counts: Mapping[tuple[str, str], int]) -> Counter[str]:
    """How many images there are of each suffix, the most frequent first."""
    kinds: Counter[str] = Counter()
    for (_, suffix), count in counts.items():
        kinds[suffix] += count
    return Counter(dict(sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))))


def _listed(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{suffix} ({count})" for suffix, count in kinds.items())


def _left_out(chosen: str, images: Mapping[Path, BidsName], without: Sequence[str]) -> Iterator[str]:
    """What is there and not segmented, in words."""
    others = {path: name for path, name in images.items() if name.suffix != chosen}
    labels = [path for path, name in others.items() if _of_label(name)]
    kinds = Counter(name.suffix for name in others.values() if not _of_label(name))
    if kinds:
        yield f"images that are no {chosen} ({_listed(dict(sorted(kinds.items())))})"
    if labels:
        yield f"labels ({list_some(labels, 1, ' and {:,} more')})"
    if without:
        yield f"participants without a {chosen} ({list_some(without, 1, ' and {:,} more')})"


def _warnings(
    root: Path, problems: Mapping[Path, tuple[str, str]], chosen: str, without: Sequence[str]
) -> Iterator[Finding]:
    """What is left out for a reason, with one example of each, and participants that were asked for in vain."""
    for reason, remedy in dict.fromkeys(problems.values()):
        paths = [path for path, problem in problems.items() if problem == (reason, remedy)]
        more = f"; it and {len(paths) - 1:,} more like it are left out." if paths[1:] else "; it is left out."
        yield warning(root / paths[0], f"{reason}{more}", remedy)
    for name in without:
        yield warning(root / name, f"has no {chosen}.", "Add the image, or leave out the participant.")
