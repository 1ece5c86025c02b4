"""Signs playback tokens with PyJWT, as tokens.mjs does with jose."""
import json
import sys

import jwt

for line in sys.stdin:
    ask = json.loads(line)
    header = ask["header"]
    token = jwt.encode(ask["claims"], ask["key"], algorithm=header["alg"], headers=header)
    print(json.dumps({"token": token}), flush=True)
