"""The sample document as JSON, reStructuredText and source code."""

import json

SAMPLE_JSON = json.dumps(
    {
        "Annual report": {
            "summary": "The company grew in every region.",
            "notes": ["costs fell"],
            "years": [
                {"Year": "First", "Sales": "1,200", "Costs": "900"},
                {"Year": "Second", "Sales": "1,320", "Costs": "850"},
            ],
        }
    }
).encode()

SAMPLE_RST = b"""Annual report
=============

The company grew in **every** region.

- costs fell

======  =====  =====
Year    Sales  Costs
======  =====  =====
First   1,200  900
Second  1,320  850
======  =====  =====
"""

SAMPLE_SOURCE = b'''"""The company grew in every region."""


def costs_fell():
    return "costs fell"
'''
