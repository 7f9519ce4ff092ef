import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("notifications", "0005_delivery_channels"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("topic__isnull", False)),
                fields=["stream", "topic", "seq"],
                name="notification_topic",
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                models.F("stream"),
                django.db.models.functions.text.Upper("symbol"),
                models.F("seq"),
                condition=models.Q(("symbol__isnull", False)),
                name="notification_symbol",
            ),
        ),
    ]
