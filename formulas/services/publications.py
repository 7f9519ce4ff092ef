"""Every write that puts a version on record and takes it off again; its days are written in `formulas.records`."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from accounts.selectors import require_kyc
from datafeed.models import Instrument
from datafeed.providers import find_provider
from datafeed.resolutions import unit
from datafeed.selectors import bar_closes, read_bars, source_of
from formulas.engine.chain import first_hash
from formulas.errors import FormulaRetired
from formulas.models import Deployment, DeploymentStatus, Formula, Publication, PublishedSymbol
from formulas.services.compiling import compile_code
from formulas.services.deployments import deploy_formula, set_deployment_status
from formulas.services.formulas import PUBLISHING
from kernel import clock
from kernel.errors import Invalid

MOST_PUBLISHED = 20
# Nobody trades for nothing: a record on lower costs than these would promise what no account can keep.
LEAST_BPS = Decimal(1)
DAILY = ("", "D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What every trade of a record costs, in basis points of the notional for each side."""

    fee_bps: Decimal = Decimal(5)
    slippage_bps: Decimal = Decimal(2)


@transaction.atomic
def publish_formula(
    *, formula: Formula, instruments: Sequence[Instrument], resolution: str, costs: Costs
) -> tuple[Publication, bool]:
    """Put the newest version on record over a fixed universe, and whether it was not so already.

    It is deployed on every instrument; what was on record before ends, and its days stay. Raises `KycRequired`,
    `FormulaRetired`, and errors that name the field.
    """
    require_kyc(formula.author, PUBLISHING)
    formula = Formula.objects.select_for_update(of=("self",)).select_related("version").get(pk=formula.pk)
    if formula.is_retired or formula.version is None:
        raise FormulaRetired
    resolution = _check(instruments, resolution, costs)
    program = compile_code(formula.version.code)
    name = _hash_of(program.version_hash, instruments, resolution, costs)
    current = formula.publications.current().first()
    if current and (current.version_id, current.version_hash) == (formula.version_id, name):
        return current, False
    deployments = [_deployed(formula, instrument, resolution) for instrument in instruments]
    if current:
        _end(current, kept=deployments)
    published = _create(formula, name, program.canonical, resolution, costs, instruments)
    PublishedSymbol.objects.bulk_create(
        PublishedSymbol(publication=published, instrument_id=deployment.instrument_id, deployment=deployment)
        for deployment in deployments
    )
    formula.is_public, formula.performance_score = True, None
    formula.save(update_fields=["is_public", "performance_score", "updated_at"])
    return published, True


def _check(instruments: Sequence[Instrument], resolution: str, costs: Costs) -> str:
    if not 1 <= len(instruments) <= MOST_PUBLISHED:
        raise Invalid.field("symbols", f"A record is of 1 to {MOST_PUBLISHED} symbols.")
    names = {source_of(instrument, resolution)[0] for instrument in instruments}
    name = names.pop()
    if unit(name) not in DAILY:
        raise Invalid.field("resolution", "A record is kept day by day: choose bars of a day or less.")
    if min(costs.fee_bps, costs.slippage_bps) < LEAST_BPS:
        raise Invalid.field("costs", f"Fee and slippage are at least {LEAST_BPS} basis point each.")
    return name


def _hash_of(version_hash: str, instruments: Sequence[Instrument], resolution: str, costs: Costs) -> str:
    """SHA-256 over program, parameters and engine, which `version_hash` covers, and universe, resolution and costs."""
    parts = {
        "program": version_hash,
        "symbols": sorted(instrument.symbol for instrument in instruments),
        "resolution": resolution,
        "fee_bps": float(costs.fee_bps),
        "slippage_bps": float(costs.slippage_bps),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()


def _deployed(formula: Formula, instrument: Instrument, resolution: str) -> Deployment:
    """The deployment that raises the version's signals there: the one that runs already, or a new one."""
    running = formula.deployments.running().filter(version=formula.version, instrument=instrument)
    found = running.filter(resolution=resolution, parameters={}).first()
    return found or deploy_formula(formula=formula, instrument=instrument, resolution=resolution)


def _end(publication: Publication, kept: Sequence[Deployment]) -> None:
    """Close a record, and stop what ran for it alone: its followers would hear two versions at once."""
    publication.ended_at = clock.now()
    publication.save(update_fields=["ended_at"])
    for symbol in publication.symbols.select_related("deployment"):
        if symbol.deployment not in kept and symbol.deployment.status != DeploymentStatus.STOPPED:
            set_deployment_status(deployment=symbol.deployment, status=DeploymentStatus.STOPPED)


def _create(
    formula: Formula, name: str, canonical: str, resolution: str, costs: Costs, instruments: Sequence[Instrument]
) -> Publication:
    canonical_hash = hashlib.sha256(canonical.encode("ascii")).hexdigest()
    is_verified = all(counts(instrument, resolution) for instrument in instruments)
    published = Publication(
        formula=formula,
        version=formula.version,
        version_hash=name,
        canonical_hash=canonical_hash,
        resolution=resolution,
        fee_bps=costs.fee_bps,
        slippage_bps=costs.slippage_bps,
        published_at=int(clock.now().timestamp()) if is_verified else _newest_close(instruments, resolution),
        is_verified=is_verified,
        clone_of=_original(formula, canonical_hash),
    )
    published.head = first_hash(published.header)
    published.save()
    return published


def counts(instrument: Instrument, resolution: str) -> bool:
    """Whether the instrument's bars come from a provider that counts towards a verified score."""
    provider = find_provider(source_of(instrument, resolution)[1].provider)
    return provider is not None and provider.capabilities.counts_towards_score


def _newest_close(instruments: Sequence[Instrument], resolution: str) -> int:
    """When the newest bar there is closed, epoch seconds: the time of a market that is not of today."""
    closes = []
    for instrument in instruments:
        newest = read_bars(instrument, resolution, last=1).time.tolist()
        closes += bar_closes(instrument, resolution, newest)
    return max(closes, default=int(clock.now().timestamp()))


def _original(formula: Formula, canonical_hash: str) -> Publication | None:
    """Where another author was the first to publish the same calculation, what they published."""
    same = Publication.objects.filter(canonical_hash=canonical_hash).select_related("formula").order_by("pk")
    first = same.first()
    return first if first and first.formula.author_id != formula.author_id else None
