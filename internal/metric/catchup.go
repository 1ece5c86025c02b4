package metric

import (
	"maps"
	"slices"
	"time"
)

// catchUp sums up what an earlier run had no time for: the points that it wrote
// and that are in no row yet.
func (r *Recorder) catchUp(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	from, to := now.Add(-48*time.Hour).Unix(), now.Unix()
	keys, err := Second.keys(r.Dir, from, to+1)
	if err != nil {
		return err
	}
	shared := make(map[int64]*row) // minutes of the account
	for _, key := range append(keys, Account) {
		for at := from; at <= to; at = Second.after(at) {
			if err := mend(Second.file(r.Dir, key, at)); err != nil {
				return err
			}
		}
		for _, res := range []Resolution{Minute, Hour} {
			if err := mend(res.file(r.Dir, key, to)); err != nil {
				return err
			}
		}
		if err := r.catchUpKey(key, from, to, shared); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recorder) catchUpKey(key string, from, to int64, shared map[int64]*row) error {
	last, err := r.newest(Minute, key, from, to)
	if err != nil {
		return err
	}
	minutes := make(map[int64]*row)
	err = r.scanSeconds(key, max(from, last+int64(Minute)), to+1, func(at int64, p *Point) {
		m := minutes[Minute.begin(at)]
		if m == nil {
			m = new(row)
			minutes[Minute.begin(at)] = m
		}
		m.add(*p)
	})
	if err != nil {
		return err
	}
	s := r.sums(key, to)
	for _, at := range slices.Sorted(maps.Keys(minutes)) {
		if at == s.minute.at {
			s.minute.row = *minutes[at]
			continue
		}
		r.joinAccount(key, at, minutes[at], shared)
		r.write(Minute, key, stamped{at, *minutes[at]})
	}
	return r.catchUpHours(key, s, from, to)
}

// joinAccount gathers what the account's minutes have of its channels.
func (*Recorder) joinAccount(key string, at int64, m *row, shared map[int64]*row) {
	of := shared[at]
	if of == nil {
		of = new(row)
		shared[at] = of
	}
	from, to := m, of
	if key == Account {
		from, to = of, m
	}
	for f := range fields {
		if f.merged() {
			to[f].merge(from[f])
		}
	}
}

func (r *Recorder) catchUpHours(key string, s *sums, from, to int64) error {
	last, err := r.newest(Hour, key, from, to)
	if err != nil {
		return err
	}
	hours := make(map[int64]*row)
	begin := max(Hour.begin(from), last+int64(Hour))
	_, err = r.scanRows(Minute, key, begin, to+1, func(at int64, m *row) {
		h := hours[Hour.begin(at)]
		if h == nil {
			h = new(row)
			hours[Hour.begin(at)] = h
		}
		h.merge(m)
	})
	if err != nil {
		return err
	}
	for _, at := range slices.Sorted(maps.Keys(hours)) {
		if at == s.hour.at {
			s.hour.row = *hours[at]
			continue
		}
		r.write(Hour, key, stamped{at, *hours[at]})
	}
	return nil
}

// newest returns when the newest row of a key begins, or a time long ago.
func (r *Recorder) newest(res Resolution, key string, from, to int64) (int64, error) {
	last := int64(0)
	_, err := r.scanRows(res, key, from-int64(res), to+1, func(at int64, _ *row) { last = at })
	return last, err
}
