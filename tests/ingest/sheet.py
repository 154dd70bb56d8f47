"""Draws PDF pages whose contents are known: what stands where, and what is read of them."""

from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from ingest.partition import partition_file

WIDTH, HEIGHT = 600, 800
FONT = "Helvetica"


class Sheet:
    """Draws lines of text at places counted from the upper left corner, and remembers them."""

    def __init__(self, path):
        self.canvas, self.path, self.page, self.drawn = Canvas(str(path), pagesize=(WIDTH, HEIGHT)), path, 1, []

    def put(self, left, baseline, text, size=10, bold=False):
        font = f"{FONT}-Bold" if bold else FONT
        self.canvas.setFont(font, size)
        self.canvas.drawString(left, HEIGHT - baseline, text)
        self.drawn.append((self.page, text, left, baseline, left + stringWidth(text, font, size)))

    def right(self, right, baseline, text, **style):
        self.put(right - stringWidth(text, FONT, 10), baseline, text, **style)

    def column(self, left, top, lines, step=12):
        for i, line in enumerate(lines):
            self.put(left, top + i * step, line)

    def turn_page(self):
        self.canvas.showPage()
        self.page += 1

    def document(self):
        self.canvas.save()
        return partition_file(self.path, "a.pdf")


def texts(document, kind=None):
    """Return the texts of the blocks of a kind, or of all."""
    return [document.text[b.span.start : b.span.end] for b in document.blocks if kind in (None, b.kind)]
