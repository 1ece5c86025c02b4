"""Reads metrics with boto3: a line of JSON is the input of GetMetricData, the next
line that is written is the answer."""
import json
import os
import sys

import boto3
from botocore.config import Config

cloudwatch = boto3.client("cloudwatch", endpoint_url=os.environ["OPENIVS_API"], config=Config(retries={"max_attempts": 0}))

for line in sys.stdin:
    answer = cloudwatch.get_metric_data(**json.loads(line))
    answer.pop("ResponseMetadata")
    print(json.dumps(answer, default=lambda t: t.isoformat()), flush=True)
