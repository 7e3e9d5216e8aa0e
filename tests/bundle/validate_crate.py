#!/usr/bin/env python3
"""validate_crate.py CRATE [PROFILE]: what rocrate-validator says of a crate (a folder or a zip), without a network.

The validator fetches the JSON-LD context of RO-Crate 1.1 from the web; the package rocrate ships the same file. Prints every
REQUIRED issue, and exits with 1 where there is one, with 77 where the packages are not there.
"""
import importlib.resources
import json
import sys

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
SKIPPED = 77


def required_issues(crate, profile="workflow-run-crate"):
    """The issues, and the checks that could not be made: a crate that needs anything else of the web has such."""
    import requests
    import rocrate  # noqa: F401
    from rocrate_validator import services
    from rocrate_validator.utils.http import HttpRequester
    shipped = importlib.resources.files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
    if json.loads(shipped)["@id"] != CONTEXT:
        raise ValueError("the package rocrate has another context than that of RO-Crate 1.1")

    def answer(_, url, **__):
        response = requests.Response()
        response.status_code = 200 if url.rstrip("/") == CONTEXT else 504
        response.headers["Content-Type"] = "application/ld+json"
        response._content = shipped if response.status_code == 200 else b"{}"
        response.url = url
        return response

    HttpRequester.get = answer
    HttpRequester.head = answer
    result = services.validate({
        "rocrate_uri": str(crate), "profile_identifier": profile, "requirement_severity": "REQUIRED",
        "abort_on_first": False, "offline": True})
    broken = [detail for detail in result.to_dict()["skipped_check_details"] if detail["category"] == "exception"]
    return ([f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()],
            [f"{detail['identifier']}: {detail['message']}" for detail in broken])


def main():
    try:
        issues, broken = required_issues(*sys.argv[1:])
    except ImportError as missing:
        print(f"skipped: {missing}; bash cmake/quickstart.sh test installs cmake/test_requirements.txt")
        return SKIPPED
    for issue in issues:
        print(issue)
    for check in broken:
        print("not checked:", check)
    return 1 if issues or broken else 0


if __name__ == "__main__":
    sys.exit(main())
