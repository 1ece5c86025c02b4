"""Makes the calls that it reads, one a line of JSON, with boto3, and writes what
came of each."""
import json
import os
import re
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

ivs = boto3.client("ivs", endpoint_url=os.environ["OPENIVS_API"], config=Config(retries={"max_attempts": 0}))

for line in sys.stdin:
    call = json.loads(line)
    method = getattr(ivs, re.sub("(?<!^)(?=[A-Z])", "_", call["op"]).lower(), None)
    try:
        if method is None:
            answer = {"unknown": True}
        else:
            output = method(**call["input"])
            output.pop("ResponseMetadata")
            answer = {"output": output}
    except ClientError as err:
        answer = {"error": err.response["Error"]["Code"], "message": err.response["Error"]["Message"]}
    except ParamValidationError as err:
        answer = {"error": "ParamValidationError", "message": str(err)}
    print(json.dumps(answer, default=str), flush=True)
