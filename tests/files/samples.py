"""A document of each format that says the same, by the format's name: the tests of every format ask it all."""

from tests.files import containers, mails, making, office, scans, tables, texts
from tests.files.sample import Sample

SAMPLES: dict[str, Sample] = {
    "PDF": Sample("report.pdf", making.SAMPLE_PDF, blank=making.scanned_pdf(), torn_may_be_read=True),
    "DOCX": Sample("report.docx", making.sample_docx(), blank=making.docx_with("<w:p/>")),
    "PPTX": Sample("report.pptx", office.sample_pptx(), blank=office.sample_pptx(slides=0)),
    "XLSX": Sample("report.xlsx", tables.xlsx_of(tables.REPORT), blank=tables.xlsx_of([])),
    "XLS": Sample("report.xls", tables.xls_of(tables.REPORT), blank=tables.xls_of([])),
    "ODT": Sample("report.odt", office.sample_odt(), blank=office.odf("text", "<text:p/>")),
    "ODP": Sample("report.odp", office.sample_odp(), blank=office.odf("presentation", "<draw:page/>")),
    "ODS": Sample("report.ods", tables.ods_of(tables.REPORT), blank=tables.ods_of([])),
    "RTF": Sample("report.rtf", office.sample_rtf(), blank=office.rtf(r"\par"), torn_may_be_read=True),
    "HTML": Sample("report.html", making.SAMPLE_HTML, blank=b"<html><script>x()</script></html>"),
    "EPUB": Sample("report.epub", mails.sample_epub(), blank=mails.epub({"one.xhtml": "<p> </p>"}, title="")),
    "EML": Sample("report.eml", mails.sample_eml(), blank=mails.HEAD + b"\n \n"),
    "MSG": Sample("report.msg", mails.sample_msg(), blank=mails.ole(mails.message(""))),
    "Markdown": Sample("report.md", making.SAMPLE_MARKDOWN),
    "reStructuredText": Sample("report.rst", texts.SAMPLE_RST),
    "TXT": Sample("report.txt", making.SAMPLE_TEXT, has_table=False, has_headings=False),
    "CSV": Sample("report.csv", making.SAMPLE_CSV, has_text=False, has_headings=False),
    "JSON": Sample("report.json", texts.SAMPLE_JSON),
    "source code": Sample("report.py", texts.SAMPLE_SOURCE, has_table=False, has_headings=False),
    "image": Sample("report.png", scans.SAMPLE_PICTURE, blank=scans.BLANK_PICTURE),
    "ZIP": Sample(
        "reports.zip",
        containers.zip_of(containers.REPORT_MEMBERS),
        blank=containers.zip_of({"folder/": b""}),
        has_text=False,
        has_table=False,
        has_headings=False,
        keeps_noise=True,
    ),
    "TAR": Sample(
        "reports.tar.gz",
        containers.packed(containers.tar_of(containers.REPORT_MEMBERS), "gz"),
        blank=containers.packed(containers.tar_of({}), "gz"),
        has_text=False,
        has_table=False,
        has_headings=False,
    ),
}
