package scte35

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// dateForm is how dates are written (RFC 8216, 4.3.2.7), in UTC.
const dateForm = "2006-01-02T15:04:05.000Z"

// A Break is an ad break.
type Break struct {
	ID     string
	Start  time.Time
	Length time.Duration
}

// Marks are the ad breaks of a playlist that grows (Amazon IVS, server-side ad
// insertion: markers in recordings; RFC 8216, 4.3.2.7.1). The zero value has none.
type Marks struct{ running []Break }

// Begin writes that a break begins.
func (m *Marks) Begin(b []byte, a Break) []byte {
	m.running = append(m.running, a)
	b = head(b, a)
	b = append(b, `",PLANNED-DURATION=`...)
	b = strconv.AppendFloat(b, a.Length.Seconds(), 'f', 3, 64)
	b = append(b, `,X-NET-LIVE-VIDEO-AD-AD-BREAK-ID="`+a.ID+`",SCTE35-OUT=0x`...)
	return append(b, text(Out(EventID(a.ID), a.Length))...)
}

// End writes that breaks end which are over at a time, or all of them, as nothing
// follows.
func (m *Marks) End(b []byte, at time.Time, all bool) []byte {
	var left []Break
	for _, a := range m.running {
		end := a.Start.Add(a.Length)
		if end.After(at) && !all {
			left = append(left, a)
			continue
		}
		if end.After(at) {
			end = at
		}
		if end.Before(a.Start) {
			end = a.Start
		}
		b = head(b, a)
		b = append(b, `",END-DATE="`...)
		b = end.UTC().AppendFormat(b, dateForm)
		b = append(b, `",DURATION=`...)
		b = strconv.AppendFloat(b, end.Sub(a.Start).Seconds(), 'f', 3, 64)
		b = append(b, `,SCTE35-IN=0x`...)
		b = append(b, text(In(EventID(a.ID)))...)
	}
	m.running = left
	return b
}

func head(b []byte, a Break) []byte {
	b = append(b, `#EXT-X-DATERANGE:ID="`...)
	b = strconv.AppendUint(b, uint64(EventID(a.ID)), 10)
	b = append(b, `",START-DATE="`...)
	return a.Start.UTC().AppendFormat(b, dateForm)
}

func text(section []byte) string { return strings.ToUpper(hex.EncodeToString(section)) + "\n" }
