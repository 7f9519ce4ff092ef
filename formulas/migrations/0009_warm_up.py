"""A deployment that looks far back warms up before it takes bars."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("formulas", "0008_keep_trials")]

    operations = [
        migrations.AddField(
            model_name="deployment",
            name="is_warming",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="deployment",
            index=models.Index(condition=models.Q(("is_warming", True)), fields=["status"], name="deployment_warming"),
        ),
    ]
