import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("notifications", "0003_fill_places_and_kinds"),
    ]

    operations = [
        migrations.AlterField(
            model_name="readingstate",
            name="stream",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="notifications.stream",
            ),
        ),
        migrations.AlterField(
            model_name="readingstate",
            name="seq",
            field=models.PositiveBigIntegerField(editable=False),
        ),
    ]
