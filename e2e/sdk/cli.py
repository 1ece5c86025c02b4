"""Makes the calls that it reads, one a line of JSON, with the AWS CLI, and writes
what came of each. The CLI is Debian's own code, started once instead of for each
command, for that takes it seconds."""
import contextlib
import io
import json
import os
import re
import sys

from awscli.clidriver import create_clidriver

driver = create_clidriver()
refused = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation[^:]*: ?(.*)")

for line in sys.stdin:
    call = json.loads(line)
    name = re.sub("([a-z])([A-Z])", r"\1-\2", call["op"]).lower()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = driver.main([
            "--endpoint-url", os.environ["OPENIVS_API"], "--output", "json", "--no-cli-pager", "--no-paginate",
            "ivs", name, "--cli-input-json", json.dumps(call["input"]),
        ])
    said = refused.search(err.getvalue())
    if code == 0:
        answer = {"output": json.loads(out.getvalue() or "{}")}
    elif said:
        answer = {"error": said[1], "message": said[2]}
    elif "Invalid choice" in err.getvalue() or "Found invalid choice" in err.getvalue():
        answer = {"unknown": True}
    else:
        answer = {"error": err.getvalue()}
    print(json.dumps(answer), flush=True)
