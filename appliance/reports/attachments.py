"""The files inside a report: its facts as JSON, and its counts as CSV."""

import io

FACTS = "veilsight-report.json"
METRICS = "veilsight-totals.csv"


def read_attachments(document: bytes) -> dict[str, bytes]:
    """Every file that is embedded in the PDF, by name. Raises `ValueError` where the PDF can't be read."""
    # As in embedded_signature.py: half a second.
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader

    try:
        names = PdfFileReader(io.BytesIO(document)).root.get("/Names", {}).get("/EmbeddedFiles", {}).get("/Names", ())
        found = {str(names[at]): names[at + 1]["/EF"]["/F"].data for at in range(0, len(names), 2)}
    except (PdfError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError("the PDF can't be read") from error
    return {name: bytes(content) for name, content in found.items()}
