package restjson

import (
	"testing"
	"time"
)

func TestAppend(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 2, 3, 999999999, time.FixedZone("", -3600))
	for _, tt := range []struct {
		name string
		got  []byte
		want string
	}{
		{"a time", AppendTime(nil, at), `"2026-11-23T02:02:03Z",`},
		{"an empty string", AppendString(nil, ""), `"",`},
		{"a secret", AppendString(nil, Secret("sk_1")), `"sk_1",`},
		{"quotes and control characters", AppendString(nil, "\"\\\n\r\t\x01/<>&\u2028"), "\"\\\"\\\\\\n\\r\\t\\u0001/<>&\u2028\","},
		{"what is not UTF-8", AppendString(nil, "a\xffb"), "\"a\ufffdb\","},
		{"false", AppendBool(nil, false), "false,"},
		{"an integer", AppendInt(nil, -7), "-7,"},
		{"a long", AppendInt(nil, int64(1)<<62), "4611686018427387904,"},
		{"no map", AppendMap(nil, nil), "{},"},
		{"a map, in order", AppendMap(nil, map[string]string{"b": "2", "a": "1", "": ""}), `{"":"","a":"1","b":"2"},`},
		{"no strings", AppendStrings[string](nil, nil), "[],"},
		{"strings", AppendStrings(nil, []string{"a", ""}), `["a",""],`},
		{"an empty object", EndObject([]byte("{")), "{}"},
		{"an object", EndObject([]byte(`{"a":1,`)), `{"a":1}`},
		{
			"a list of objects",
			AppendList(nil, []int{1, 2}, func(b []byte, n *int) []byte { return EndObject(AppendInt(append(b, `{"n":`...), *n)) }),
			`[{"n":1},{"n":2}],`,
		},
	} {
		if string(tt.got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}
