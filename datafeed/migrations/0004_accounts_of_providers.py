"""Accounts at providers, and what providers call the instruments of a series."""

from django.db import migrations, models

import datafeed.providers
import kernel.clock

class Migration(migrations.Migration):
    dependencies = [("datafeed", "0003_editions_of_series")]

    operations = [
        migrations.AddField(
            model_name="series",
            name="vendor_symbol",
            field=models.CharField(
                blank=True,
                default="",
                help_text="what the provider calls the instrument, where that is not its symbol",
                max_length=60,
            ),
            preserve_default=False,
        ),
        migrations.CreateModel(
            name="ProviderAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(default=kernel.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("kind", models.CharField(choices=datafeed.providers.account_choices, max_length=20)),
                (
                    "name",
                    models.SlugField(
                        blank=True, help_text="tells accounts of one kind apart, such as kraken", max_length=19
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                ("sealed", models.BinaryField(default=b"", editable=False)),
            ],
            options={
                "ordering": ["kind", "name"],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "name"), name="one_account_of_a_name")
                ],
            },
        ),
    ]
