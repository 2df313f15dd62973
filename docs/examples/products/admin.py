"""The shop's admin: the button and the action that start an import, and a bar that shows how far it is."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from products.models import ImportSession, Product
from products.onec_images import ask_for_import

MAY_IMPORT = "products.change_product"


def tell(request: HttpRequest, session: ImportSession) -> None:
    """Say what has become of the request for an import."""
    if session.status == "failed":
        messages.error(request, session.error_message)
    else:
        messages.success(request, f"Импорт изображений запрошен, сессия {session.pk}")


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    """Products, with an action that imports the pictures of those selected."""

    list_display = ("name", "onec_id", "main_image")
    actions = ("import_images",)

    @admin.action(description="Импортировать изображения из 1С", permissions=["change"])
    def import_images(self, request: HttpRequest, products: QuerySet[Product]) -> None:
        """Ask for the pictures of the products that are selected."""
        known = products.exclude(onec_id=None).exclude(onec_id="")
        onec_ids = list(known.values_list("onec_id", flat=True))
        if onec_ids:
            tell(request, ask_for_import(onec_ids))
        else:
            messages.warning(request, "У выбранных товаров нет идентификатора 1С")


@admin.register(ImportSession)
class ImportSessionAdmin(admin.ModelAdmin):
    """Sessions, with a button that imports the pictures of all products."""

    list_display = ("id", "import_type", "status", "progress", "started_at", "finished_at")
    ordering = ("-id",)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Nobody types a session in."""
        return False

    @admin.display(description="Прогресс")
    def progress(self, session: ImportSession) -> str:
        """Show the products that are done, of all."""
        figures = session.report_details or {}
        done, total = figures.get("processed", 0), figures.get("total_products", 0)
        if not total:
            return "-"
        return format_html('<progress value="{}" max="{}"></progress> {} %', done, total, done * 100 // total)

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the button."""
        view = self.admin_site.admin_view(require_POST(self.import_all))
        return [path("import-images/", view, name="import_images"), *super().get_urls()]

    def import_all(self, request: HttpRequest) -> HttpResponse:
        """Ask for the pictures of all products."""
        if not request.user.has_perm(MAY_IMPORT):
            raise PermissionDenied
        tell(request, ask_for_import())
        return redirect("admin:products_importsession_changelist")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the button to who may use it, and the page anew every few seconds while an import is under way."""
        active = ImportSession.objects.filter(import_type="images", status__in=ImportSession.ACTIVE)
        more = {"may_import": request.user.has_perm(MAY_IMPORT), "is_importing": active.exists()}
        return super().changelist_view(request, {**(extra_context or {}), **more})
