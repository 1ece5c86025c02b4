// Reads metrics with the AWS SDK for JavaScript: a line of JSON is the input of
// GetMetricData, the next line that is written is the answer.
import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { createInterface } from "node:readline";

const credentials = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
};
const cloudwatch = new CloudWatchClient({ endpoint: process.env.OPENIVS_API, region: process.env.AWS_REGION, credentials, maxAttempts: 1 });

for await (const line of createInterface({ input: process.stdin })) {
  const input = JSON.parse(line);
  input.StartTime = new Date(input.StartTime);
  input.EndTime = new Date(input.EndTime);
  const { $metadata, ...output } = await cloudwatch.send(new GetMetricDataCommand(input));
  process.stdout.write(JSON.stringify(output) + "\n");
}
