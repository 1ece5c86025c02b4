package store_test

import (
	"bytes"
	"reflect"
	"testing"
)

func TestBackupMovesBetweenEngines(t *testing.T) {
	lite, pg := sqliteEngine(), postgresEngine(t)
	for _, tt := range []struct{ from, to engine }{{lite, pg}, {pg, lite}} {
		t.Run(tt.from.name+" to "+tt.to.name, func(t *testing.T) {
			from, to := tt.from.url(t), tt.to.url(t)
			old, moved := open(t, from), open(t, to)
			c, k, s := fill(t, old, from)
			must(t, "Restore", moved.Restore(t.Context(), bytes.NewReader(backup(t, from))))
			if got, want := dump(t, to), dump(t, from); got != want {
				t.Errorf("moved:\n%s\nwant\n%s", got, want)
			}
			if got, err := moved.Publisher(t.Context(), k.Value); err != nil || !reflect.DeepEqual(got, c) {
				t.Errorf("Publisher = %+v, %v; want %+v", got, err, c)
			}
			before, err := old.Session(t.Context(), c.ARN, s.StreamID)
			must(t, "Session", err)
			if got, err := moved.Session(t.Context(), c.ARN, s.StreamID); err != nil || !reflect.DeepEqual(got, before) {
				t.Errorf("Session = %+v, %v; want %+v", got, err, before)
			}
			end(t, moved, begin(t, moved, c, noon()), noon())
		})
	}
}
