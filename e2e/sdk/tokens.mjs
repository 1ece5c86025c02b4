// Signs playback tokens with jose. It reads lines of JSON with a private key in
// PEM, a header and claims, and answers each with a token.
import { createInterface } from 'node:readline'
import { importPKCS8, SignJWT } from 'jose'

for await (const line of createInterface({ input: process.stdin })) {
  const { key, header, claims } = JSON.parse(line)
  const token = await new SignJWT(claims).setProtectedHeader(header).sign(await importPKCS8(key, header.alg))
  console.log(JSON.stringify({ token }))
}
