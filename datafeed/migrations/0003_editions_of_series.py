from django.db import migrations, models

import datafeed.models


class Migration(migrations.Migration):
    dependencies = [("datafeed", "0002_gaps_of_series")]

    operations = [
        migrations.AddField(
            model_name="series",
            name=name,
            field=models.BigIntegerField(default=datafeed.models.new_edition, editable=False, help_text=text),
        )
        for name, text in (
            ("edition", "another one whenever bars change otherwise than by a newest one"),
            ("revision", "another one whenever any bar comes or goes"),
        )
    ]
