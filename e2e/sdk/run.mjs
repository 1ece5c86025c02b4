// Makes the calls that it reads, one a line of JSON, with the AWS SDK for
// JavaScript, and writes what came of each.
import * as sdk from "@aws-sdk/client-ivs";
import { createInterface } from "node:readline";

const credentials = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
};
const ivs = new sdk.IvsClient({ endpoint: process.env.OPENIVS_API, region: process.env.AWS_REGION, credentials, maxAttempts: 1 });

for await (const line of createInterface({ input: process.stdin })) {
  const { op, input } = JSON.parse(line);
  const command = sdk[op + "Command"];
  let answer;
  try {
    if (!command) {
      answer = { unknown: true };
    } else {
      const { $metadata, ...output } = await ivs.send(new command(input));
      answer = { output };
    }
  } catch (err) {
    answer = { error: err.name, message: err.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
