package metric

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A file is blocks, one behind the other. A block is
//
//	uvarint   how many bytes its body has
//	4 bytes   CRC-32C of the body, little-endian
//	body      uvarint: the first row's second; then the rows
//
// and a row of one second is
//
//	uvarint   seconds since the row before it, or since the block's
//	uvarint   a bit for each field that differs from the row before it
//	for each of these: varint: the difference, or for a field that begins or
//	          ends to be measured, see below
//
// In rows of minutes and hours each field that was measured has count, sum, min
// and max, as differences of each other. Every block stands for itself: one that
// was torn by a power cut ends the file, and only it is lost.

const (
	maxBody = 1 << 20 // bytes
	maxRows = 1 << 16 // of a block
)

var errTorn = errors.New("the block is torn")

// crcTable is of the polynomial that processors know.
var crcTable = crc32.MakeTable(crc32.Castagnoli) //nolint:gochecknoglobals // a table nobody writes to

// A stamped row has its time.
type stamped struct {
	at  int64 // seconds since 1970
	row row
}

// A second is a Point with its time.
type second struct {
	at    int64
	point Point
}

// appendSeconds appends a block of points, oldest first.
func appendSeconds(dst []byte, points []second) []byte {
	if len(points) == 0 {
		return dst
	}
	body := binary.AppendUvarint(nil, uint64(points[0].at))
	last := second{at: points[0].at, point: NoPoint()}
	for _, p := range points {
		body = binary.AppendUvarint(body, uint64(p.at-last.at))
		var changed uint64
		for i := range p.point {
			if p.point[i] != last.point[i] {
				changed |= 1 << i
			}
		}
		body = binary.AppendUvarint(body, changed)
		for i := range p.point {
			if changed&(1<<i) != 0 {
				body = appendChange(body, last.point[i], p.point[i])
			}
		}
		last = p
	}
	return seal(dst, body)
}

// appendChange writes how a field changed. 0 is no change, hence free to say that
// it is no longer measured; one that was not measured before is written whole.
func appendChange(b []byte, from, to int64) []byte {
	switch {
	case from == None:
		return binary.AppendVarint(b, to)
	case to == None:
		return binary.AppendVarint(b, 0)
	default:
		return binary.AppendVarint(b, to-from)
	}
}

func change(from, read int64) int64 {
	switch {
	case from == None:
		return read
	case read == 0:
		return None
	default:
		return from + read
	}
}

// rowsBlock makes a block of rows, oldest first.
func rowsBlock(rows []stamped) []byte {
	if len(rows) == 0 {
		return nil
	}
	body := binary.AppendUvarint(nil, uint64(rows[0].at))
	last := rows[0].at
	for _, r := range rows {
		body = binary.AppendUvarint(body, uint64(r.at-last))
		last = r.at
		var measured uint64
		for i := range r.row {
			if r.row[i].Count > 0 {
				measured |= 1 << i
			}
		}
		body = binary.AppendUvarint(body, measured)
		for i, s := range r.row {
			if measured&(1<<i) != 0 {
				body = binary.AppendUvarint(body, uint64(s.Count))
				body = binary.AppendVarint(body, s.Min)
				body = binary.AppendUvarint(body, uint64(s.Max-s.Min))
				body = binary.AppendVarint(body, s.Sum-s.Min*s.Count)
			}
		}
	}
	return seal(nil, body)
}

func seal(dst, body []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(body)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(body, crcTable))
	return append(dst, body...)
}

// nextBlock returns the body of the first block of a file and what follows it.
func nextBlock(file []byte) (body, rest []byte, err error) {
	n, size := binary.Uvarint(file)
	if size <= 0 || n > maxBody || uint64(len(file)-size) < n+4 {
		return nil, nil, errTorn
	}
	sum := binary.LittleEndian.Uint32(file[size:])
	body = file[size+4 : size+4+int(n)]
	if crc32.Checksum(body, crcTable) != sum {
		return nil, nil, errTorn
	}
	return body, file[size+4+int(n):], nil
}

// A reader reads numbers until one is missing.
type reader struct {
	b    []byte
	torn bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.torn, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.torn, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// eachSecond calls f for each point of a file, up to the first torn block.
func eachSecond(file []byte, f func(at int64, p *Point)) {
	for len(file) > 0 {
		body, rest, err := nextBlock(file)
		if err != nil {
			return
		}
		file = rest
		r := reader{b: body}
		at, p := int64(r.uvarint()), NoPoint()
		for len(r.b) > 0 {
			at += int64(r.uvarint())
			changed := r.uvarint()
			for i := range p {
				if changed&(1<<i) != 0 {
					p[i] = change(p[i], r.varint())
				}
			}
			if r.torn {
				return
			}
			f(at, &p)
		}
	}
}

// eachRow calls f for each row of a file, up to the first torn block.
func eachRow(file []byte, f func(at int64, s *row)) {
	for len(file) > 0 {
		body, rest, err := nextBlock(file)
		if err != nil {
			return
		}
		file = rest
		r := reader{b: body}
		at := int64(r.uvarint())
		for len(r.b) > 0 {
			at += int64(r.uvarint())
			measured := r.uvarint()
			var s row
			for i := range s {
				if measured&(1<<i) == 0 {
					continue
				}
				s[i].Count = int64(r.uvarint())
				s[i].Min = r.varint()
				s[i].Max = s[i].Min + int64(r.uvarint())
				s[i].Sum = r.varint() + s[i].Min*s[i].Count
			}
			if r.torn {
				return
			}
			f(at, &s)
		}
	}
}

// whole is how many bytes of a file are whole blocks.
func whole(file []byte) int {
	n := 0
	for n < len(file) {
		_, rest, err := nextBlock(file[n:])
		if err != nil {
			break
		}
		n = len(file) - len(rest)
	}
	return n
}
