"""What stands beside the EEG file: ``eeg.json``, ``channels.tsv``, clock and quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab.contact import mean_fine_share
from lab.dataset.bdf import header_error_uv
from lab.dataset.tables import NOT_KNOWN, tsv
from lab.headset_facts import headset_maker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.contact import ChannelContact
    from lab.dataset.counts import Digitised
    from lab.dataset.time_base import TimeBase, Unmeasured
    from lab.opened_session import OpenedSession

TASK: Final = "therapy"
_CHANNEL_COLUMNS: Final = (
    *("name", "type", "units", "sampling_frequency", "reference"),
    *("status", "status_description", "fine_percent"),
)
CHANNELS_DESCRIPTION: Final[Mapping[str, object]] = {
    "status": {
        "Description": "Whether the electrode sat well enough, by the scores that the box"
        " wrote while recording; n/a where it wrote none",
        "Levels": {
            "good": "Fine for at least half of the judged time",
            "bad": "Fine for less than half of the judged time",
        },
    },
    "fine_percent": {
        "Description": "Share of the judged time in which the electrode was good or only"
        " had a warning",
        "Units": "%",
    },
}


@dataclass(frozen=True, slots=True)
class Site:
    """Where the lab is, as far as it publishes that."""

    power_line_hz: int
    institution: str = ""
    department: str = ""
    address: str = ""


def eeg_sidecar(
    session: OpenedSession,
    base: TimeBase,
    channels: Sequence[Digitised],
    *,
    gaps: Sequence[Unmeasured],
    aliases: tuple[str, str],
    site: Site,
) -> dict[str, object]:
    """Return ``eeg.json``; ``aliases`` stand for the box and the headset."""
    board = session.sheet.headset.board if session.sheet else ""
    maker = headset_maker(board)
    software = session.sheet.software if session.sheet else {}
    versions = [f"{name} {software[name]}" for name in sorted(software)]
    proved = all(channel.proved for channel in channels)
    interrupted = any(gap.why not in ("lost", "padding") for gap in gaps)
    return {
        "TaskName": TASK,
        "TaskDescription": "A session of psychotherapy, with a baseline of open and closed"
        " eyes before it where there was time",
        "Instructions": NOT_KNOWN,
        "InstitutionName": site.institution or NOT_KNOWN,
        "InstitutionalDepartmentName": site.department or NOT_KNOWN,
        "InstitutionAddress": site.address or NOT_KNOWN,
        "Manufacturer": maker.manufacturer or NOT_KNOWN,
        "ManufacturersModelName": session.model or NOT_KNOWN,
        "CapManufacturer": NOT_KNOWN,
        "CapManufacturersModelName": NOT_KNOWN,
        "DeviceSerialNumber": aliases[1],
        "StationName": aliases[0],
        "SoftwareVersions": ", ".join(versions) or NOT_KNOWN,
        "SamplingFrequency": base.rate_hz,
        "NominalSamplingFrequency": session.rate_hz,
        "EEGReference": maker.reference or NOT_KNOWN,
        "EEGGround": maker.ground or NOT_KNOWN,
        "EEGPlacementScheme": "10-20 names of where the headset has its electrodes; no"
        " position was measured",
        "PowerLineFrequency": site.power_line_hz,
        "SoftwareFilters": NOT_KNOWN,
        "HardwareFilters": NOT_KNOWN,
        "EEGChannelCount": len(channels),
        "EOGChannelCount": 0,
        "ECGChannelCount": 0,
        "EMGChannelCount": 0,
        "MISCChannelCount": 0,
        "TriggerChannelCount": 0,
        "RecordingDuration": round(base.duration_s, 6),
        "RecordingType": "discontinuous" if interrupted else "continuous",
        "DeviceCounts": proved,
        "DeviceCountsDescription": (
            "The file's whole numbers are the device's own ADC counts, bit by bit"
            if proved
            else "Not counts: the device gives none, or they can't be proved; the numbers"
            " are microvolts on a grid of the file's own"
        ),
        "MaximumErrorMicrovolts": max(c.error_uv + header_error_uv(c) for c in channels),
    }


def channels_table(
    session: OpenedSession, base: TimeBase, contacts: Sequence[ChannelContact]
) -> bytes:
    """Return ``channels.tsv``."""
    board = session.sheet.headset.board if session.sheet else ""
    reference = headset_maker(board).reference or NOT_KNOWN
    rows = []
    for label, contact in zip(session.labels, contacts, strict=True):
        share = contact.fine_share
        fine = None if share is None else round(100 * share, 1)
        said = None if fine is None else f"fine for {fine:g} % of the judged time"
        rows.append(
            (label, "EEG", "uV", base.rate_hz, reference, contact.status, said, fine)
        )
    return tsv(_CHANNEL_COLUMNS, rows)


def sync_sidecar(
    base: TimeBase, alignment: Mapping[str, object], uncertainty_s: float
) -> dict[str, object]:
    """Return ``desc-sync_eeg.json``: how EEG time, host clock and sound hang together."""
    return {
        "Description": "Straight lines between the rows of the table of this name map a"
        " sample of the EEG to seconds of the box's clock since the first sample."
        " Events, voice and sound were placed on EEG time by the same map.",
        "SamplingFrequency": base.rate_hz,
        "Samples": base.n_samples,
        "MeasuredSamples": int(base.index.size),
        "UncertaintySeconds": uncertainty_s,
        "Alignment": alignment,
    }


def sync_table(base: TimeBase) -> bytes:
    """Return ``desc-sync_eeg.tsv``."""
    rows = [
        (int(sample), float(host_s - base.host_s[0]))
        for sample, host_s in base.knots().tolist()
    ]
    return tsv(("sample", "clock_s"), rows)


def quality_sidecar(
    session: OpenedSession,
    base: TimeBase,
    *,
    contacts: Sequence[ChannelContact],
    gaps: Sequence[Unmeasured],
) -> dict[str, object]:
    """Return ``desc-quality_eeg.json``."""
    whys = sorted({gap.why for gap in gaps})
    unmeasured_s = {
        why: round(sum(g.end - g.start for g in gaps if g.why == why) / base.rate_hz, 6)
        for why in whys
    }
    share = mean_fine_share(contacts)
    preparation = session.sheet.preparation if session.sheet else None
    integrity = session.integrity
    return {
        "FineShare": None if share is None else round(share, 4),
        "FineShareAtStart": preparation.good_share if preparation else None,
        "FitOverridden": preparation.fit_overridden if preparation else None,
        "UnmeasuredSeconds": unmeasured_s,
        "LostSamples": integrity.lost_samples,
        "AudioOverruns": integrity.xruns,
        "ErasedParts": len(integrity.erased),
        "EndedInOrder": integrity.clean,
        "RecoveredFromJournalSeconds": integrity.recovered_from_journal_s,
        "Problems": len(integrity.problems),
        "Channels": {
            label: {
                "JudgedSeconds": round(contact.judged_s, 1),
                "Dead": round(contact.shares[0], 4),
                "Bad": round(contact.shares[1], 4),
                "Warning": round(contact.shares[2], 4),
                "Good": round(contact.shares[3], 4),
            }
            for label, contact in zip(session.labels, contacts, strict=True)
        },
    }
