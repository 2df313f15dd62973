"""Products and sessions, as the shop of the old task has them, with no more columns than are of interest."""

from django.db import models


class Product(models.Model):  # type: ignore[misc]  # Django has no types
    """A product."""

    name = models.CharField(max_length=300)
    onec_id = models.CharField(max_length=100, unique=True, null=True)  # noqa: DJ001 - as shops do
    main_image = models.ImageField(upload_to="products/")
    gallery_images = models.JSONField(default=list, blank=True)
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:  # noqa: D106 - Django's own way to say it
        db_table = "products"

    def __str__(self) -> str:
        """Return what the shop calls it."""
        return str(self.name)


class ImportSession(models.Model):  # type: ignore[misc]
    """The record of one import from 1C."""

    ACTIVE = ("pending", "started", "in_progress")

    import_type = models.CharField(max_length=20, default="catalog")
    status = models.CharField(max_length=20, default="pending")
    started_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    finished_at = models.DateTimeField(null=True)
    report_details = models.JSONField(default=dict)
    error_message = models.TextField(blank=True, default="")
    celery_task_id = models.CharField(max_length=255, null=True, db_index=True)  # noqa: DJ001

    class Meta:  # noqa: D106 - Django's own way to say it
        db_table = "import_sessions"

    def __str__(self) -> str:
        """Return what the shop calls it."""
        return f"{self.import_type} {self.pk}"
