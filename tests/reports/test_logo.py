"""The site's logo: shapes alone, and never a reason to have no report."""

from pathlib import Path

import pikepdf
import pytest

from appliance.reports.logo import MOST_BYTES, LogoUnusable, read_logo
from appliance.reports.verify import verify_report
from appliance.settings import Site
from tests.reports.conftest import Place
from tests.reports.test_build import build

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">{}</svg>'
SHAPE = '<circle cx="5" cy="5" r="4" fill="#1f3f66"/>'


def test_plain_shapes_are_taken_by_name_or_path(tmp_path: Path) -> None:
    path = tmp_path / "logo.svg"
    path.write_text(SVG.format(SHAPE))
    assert read_logo("logo.svg", tmp_path) == read_logo(str(path), Path("/")) == path.read_text()
    assert read_logo("", tmp_path) == ""


@pytest.mark.parametrize(
    "content",
    [
        SVG.format('<image href="data:image/png;base64,AAAA"/>'),
        SVG.format("<script>1</script>"),
        SVG.format('<use href="https://example.org/x.svg#a"/>'),
        SVG.format("<foreignObject><b/></foreignObject>"),
        '<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG.format(SHAPE),
        '<html xmlns="http://www.w3.org/1999/xhtml"/>',
        "\x89PNG\r\n",
        SVG.format(SHAPE * (MOST_BYTES // len(SHAPE) + 1)),
    ],
)
def test_what_could_hold_a_picture_run_or_fetch_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "logo.svg").write_text(content)
    with pytest.raises(LogoUnusable, match=r"The logo .*logo\.svg") as told:
        read_logo("logo.svg", tmp_path)
    assert "\n" not in str(told.value)


def test_a_report_has_the_logo_as_shapes_and_a_lost_one_keeps_no_report_away(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    named = place.changed(site=Site(name="Shop", logo="logo.svg"))
    without = build(named)
    assert "is built without it" in caplog.text
    named.paths.settings_file.with_name("logo.svg").write_text(SVG.format(SHAPE))
    with_logo = build(named)
    for built in (without, with_logo):
        assert verify_report(built.path, place.site.public_key).valid
    counts = []
    for built in (without, with_logo):
        with pikepdf.open(built.path) as document:
            assert all(
                item.get("/Subtype") != "/Image" for item in document.objects if isinstance(item, pikepdf.Stream)
            )
            figures = [item for item in document.objects if isinstance(item, pikepdf.Dictionary) and "/Alt" in item]
            counts.append(sum("Logo of Shop" in str(item.Alt) for item in figures))
    assert counts == [0, 1]
