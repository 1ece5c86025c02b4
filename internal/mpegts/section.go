package mpegts

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// maxSection is the longest section of a program map (2.4.4.9), with its header.
const maxSection = 3 + 1021

// A tables puts the sections of one PID together.
type tables struct {
	counter counter
	begun   bool
	buf     []byte
	last    []byte // the last that was good
}

// take takes what a packet carries of sections, and hands on each that is
// complete, whole and other than the one before.
func (s *tables) take(data []byte, control byte, start bool, changed func(section []byte) error) error {
	lost, again := s.counter.next(control, false)
	if again {
		return nil
	}
	if lost > 0 {
		s.begun = false
	}
	if !start {
		return s.add(data, changed)
	}
	pointer := int(data[0])
	if data = data[1:]; pointer > len(data) {
		s.begun = false
		return nil
	}
	if err := s.add(data[:pointer], changed); err != nil {
		return err
	}
	s.begun, s.buf = true, s.buf[:0]
	return s.add(data[pointer:], changed)
}

// add takes the next bytes of a section. What is behind its end is stuffing, or
// a section of a table that nobody needs.
func (s *tables) add(data []byte, changed func(section []byte) error) error {
	if !s.begun {
		return nil
	}
	s.buf = append(s.buf, data[:min(len(data), maxSection-len(s.buf))]...)
	if len(s.buf) < 3 {
		return nil
	}
	size := 3 + int(s.buf[1]&0x0f)<<8 + int(s.buf[2])
	if size > maxSection {
		s.begun = false
		return nil
	}
	if len(s.buf) < size {
		return nil
	}
	s.begun = false
	whole := s.buf[:size]
	if bytes.Equal(whole, s.last) || CRC32(whole) != 0 {
		return nil
	}
	s.last = bytes.Clone(whole)
	return changed(s.last)
}

// The tables that are read (table 2-31).
const (
	tableAssociation = 0x00
	tableProgram     = 0x02
)

// entries returns what a section holds between its header and its checksum, if
// it is of a table and applies now (2.4.4.3, 2.4.4.8).
func entries(b []byte, table byte) ([]byte, bool) {
	const header, checksum, now = 8, 4, 1
	if len(b) < header+checksum || b[0] != table || b[5]&now == 0 {
		return nil, false
	}
	return b[header : len(b)-checksum], true
}

// association takes a program association section: the first program counts.
func (r *Reader) association(b []byte) error {
	rest, ok := entries(b, tableAssociation)
	if !ok {
		return nil
	}
	for ; len(rest) >= 4; rest = rest[4:] {
		number, pid := binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:])&0x1fff
		if number == 0 || pid == 0 {
			continue
		}
		if pid != r.program {
			r.program, r.pmt = pid, tables{}
		}
		return nil
	}
	return nil
}

// programMap takes a program map section: of streams that go on with the same
// PID and type, nothing is lost.
func (r *Reader) programMap(b []byte) error {
	rest, ok := entries(b, tableProgram)
	if !ok || len(rest) < 4 {
		return nil
	}
	info := 4 + int(binary.BigEndian.Uint16(rest[2:])&0x0fff)
	if info > len(rest) {
		return nil
	}
	all, ok := parseStreams(rest[info:])
	if !ok {
		return nil
	}
	was := r.streams
	r.told, r.streams = true, nil
	for _, s := range was {
		if s.in(all) {
			continue
		}
		if err := r.finish(s); err != nil {
			return err
		}
	}
	wanted, err := r.Streams(all)
	if err != nil {
		return err
	}
	for _, a := range all {
		if !slices.Contains(wanted, a.PID) {
			continue
		}
		i := slices.IndexFunc(was, func(s *stream) bool { return s.PID == a.PID && s.Type == a.Type })
		if i >= 0 {
			r.streams = append(r.streams, was[i])
			continue
		}
		r.streams = append(r.streams, &stream{Stream: a})
	}
	return nil
}

// in reports whether a stream is one of those.
func (s *stream) in(all []Stream) bool {
	return slices.ContainsFunc(all, func(a Stream) bool { return a.PID == s.PID && a.Type == s.Type })
}

// parseStreams reads the elementary streams of a program map.
func parseStreams(b []byte) (all []Stream, ok bool) {
	const fixed = 5
	for len(b) > 0 {
		if len(b) < fixed || len(all) == maxStreams {
			return nil, false
		}
		s := Stream{Type: b[0], PID: binary.BigEndian.Uint16(b[1:]) & 0x1fff}
		n := int(binary.BigEndian.Uint16(b[3:]) & 0x0fff)
		if b = b[fixed:]; n > len(b) {
			return nil, false
		}
		s.Info = string(b[:n])
		b = b[n:]
		all = append(all, s)
	}
	return all, true
}
