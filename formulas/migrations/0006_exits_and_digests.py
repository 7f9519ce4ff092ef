"""What ended a position inside a bar becomes a signal's word, and certificates know their bars again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("formulas", "0005_wait_for_bars")]

    operations = [
        migrations.AlterField(
            model_name="signal",
            name="action",
            field=models.CharField(
                help_text="the formula's own word: buy, sell, short, cover or close; or what ended its position inside "
                "the bar: stop_loss, take_profit or trail",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="certificate",
            name="bars",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
