from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("formulas", "0004_keep_counts"),
    ]

    operations = [
        migrations.AddField(
            model_name="deployment",
            name="stale_since",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="since when it waits for bars that are missing", null=True
            ),
        ),
    ]
