"""`manage.py follow_symbol`: an instrument as its vendor describes it, followed from now on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from datafeed.providers.base import ProviderFailed
from datafeed.services import follow_symbol
from kernel.errors import DomainError


class Command(BaseCommand):
    help = "Follow an instrument through an account at a provider. A feed that runs begins within seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("provider", help="the account, such as kite or ccxt:kraken")
        parser.add_argument("symbol", help="what the vendor calls it, such as NSE:INFY or BTC/USD")
        parser.add_argument("resolution", nargs="?", default="1", help="the base resolution; 1 minute where unsaid")

    def handle(self, *args: Any, provider: str, symbol: str, resolution: str, **options: Any) -> None:
        try:
            series = follow_symbol(provider=provider, vendor_symbol=symbol, resolution=resolution)
        except DomainError as error:
            raise CommandError(f"{error.message} {error.errors or ''}".strip()) from None
        except ProviderFailed as failure:
            raise CommandError(str(failure)) from None
        self.stdout.write(f"{series} is followed.")
