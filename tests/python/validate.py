"""Validates all templates in the folders with AWS's cloudformation-validate, and prints the warnings
and errors as JSON.

usage: validate.py FOLDER...
"""

import json
import pathlib
import sys

from cloudformation_validate import CompositeEngine, ReportStatus, Severity, ValidateConfig


def main(folders):
    engine = CompositeEngine()
    config = ValidateConfig(severity_level=Severity.WARN)
    templates = 0
    found = []
    for folder in map(pathlib.Path, folders):
        for template in sorted(folder.glob("*.yaml")):
            templates += 1
            report = engine.validate_template(template, config)
            if report.status != ReportStatus.OK:
                found.append({"template": str(template), "rule": report.status.name, "message": "not analyzed"})
            for diagnostic in report.diagnostics:
                found.append(
                    {
                        "template": str(template),
                        "rule": diagnostic.rule_id,
                        "message": diagnostic.message,
                        "resource": diagnostic.entity and diagnostic.entity.logical_id,
                        "path": diagnostic.property_path,
                    }
                )
    print(json.dumps({"templates": templates, "found": found}))


main(sys.argv[1:])
