from django.db import migrations, models
from django.db.models import Avg, Count, F, OuterRef, Subquery
from django.db.models.functions import Coalesce


def count_what_is_there(apps, schema_editor):
    Formula = apps.get_model("formulas", "Formula")
    Subscription = apps.get_model("formulas", "Subscription")
    Review = apps.get_model("formulas", "Review")

    def of_others(rows, figure):
        others = rows.filter(formula=OuterRef("pk")).exclude(user=F("formula__author"))
        return Subquery(others.order_by().values("formula").annotate(figure=figure).values("figure"))

    Formula.objects.update(
        total_subscribers=Coalesce(of_others(Subscription.objects.filter(is_active=True), Count("pk")), 0),
        total_reviews=Coalesce(of_others(Review.objects.all(), Count("pk")), 0),
        average_rating=of_others(Review.objects.all(), Avg("rating")),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("formulas", "0003_keep_records"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="formula", name="formula_market"),
        migrations.RemoveIndex(model_name="formula", name="formula_category"),
        migrations.AddField(
            model_name="formula",
            name="average_rating",
            field=models.FloatField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="formula",
            name="total_reviews",
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="formula",
            name="total_subscribers",
            field=models.PositiveIntegerField(default=0, editable=False, help_text="active ones"),
        ),
        migrations.AddField(
            model_name="formula",
            name="score_rank",
            field=models.GeneratedField(
                db_persist=True,
                expression=Coalesce(
                    "performance_score", -1, output_field=models.DecimalField(decimal_places=2, max_digits=5)
                ),
                output_field=models.DecimalField(decimal_places=2, max_digits=5),
            ),
        ),
        migrations.AddField(
            model_name="formula",
            name="rating_rank",
            field=models.GeneratedField(
                db_persist=True, expression=Coalesce("average_rating", 0.0), output_field=models.FloatField()
            ),
        ),
        migrations.AddField(
            model_name="review",
            name="is_anonymous",
            field=models.BooleanField(default=False, help_text="shown without the reviewer's name"),
        ),
        migrations.AddIndex(
            model_name="formula",
            index=models.Index(fields=["-created_at", "-id"], name="formula_newest"),
        ),
        migrations.AddIndex(
            model_name="formula",
            index=models.Index(fields=["-score_rank", "-id"], name="formula_best"),
        ),
        migrations.AddIndex(
            model_name="formula",
            index=models.Index(fields=["-total_subscribers", "-id"], name="formula_most_followed"),
        ),
        migrations.AddIndex(
            model_name="formula",
            index=models.Index(fields=["-rating_rank", "-total_reviews", "-id"], name="formula_best_rated"),
        ),
        migrations.AddIndex(
            model_name="formula",
            index=models.Index(fields=["category", "-score_rank", "-id"], name="formula_of_category"),
        ),
        migrations.AddIndex(
            model_name="formula",
            index=models.Index(fields=["is_public", "is_retired", "author"], name="formula_visible"),
        ),
        migrations.RunPython(count_what_is_there, migrations.RunPython.noop, elidable=True),
    ]
