"""A record's account goes on from where its last day ended."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("formulas", "0006_exits_and_digests")]

    operations = [
        migrations.AddField(
            model_name="publishedsymbol",
            name="account",
            field=models.BinaryField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="publishedsymbol",
            name="market",
            field=models.BinaryField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="publishedsymbol",
            name="edition",
            field=models.BigIntegerField(editable=False, null=True),
        ),
    ]
